"""A cheap look at whether a picture shows lettering, before anything slow reads it.

Two looks at the grey picture, each for what photographs hardly have:

- **Lines** (small print, screenshots, scans): edges near one another in a row are joined. A joined
  piece is a line of print when it is many times as long as high, well filled, its edges alternate
  often across its middle, and it falls apart into ink and paper: two greys explain nearly all of
  it, and its rim is paper.
- **Rows of letters** (signs): at three scales, spots that are darker or brighter than what is
  around them. Four in a row are lettering when they stand on one line, are of like height, stroke
  and width, stand out clearly, and have one colour: leaves, stones and windows differ in it. A
  long row may differ a little.

Measured on the 25 photographs that scikit-image and scikit-learn ship: neither they pass nor any of
200 crops, other scales, sharpened and poorly kept copies of them. Of 144 generated pictures (half
of them not seen while the numbers below were chosen) 143 pass: screens dark and light, scans turned
by up to 1.5 degrees, blurred, noisy, signs on walls and on photographs. A picture takes about
25 ms. Handwriting is missed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from extractors.opencv import cv2

Grey = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

#: Pixels of the longer side: for the small print of scanned pages, and for everything else.
EDGES = (1600, 1024)
#: Steps of grey that count as an edge, and pixels between letters of a line, at most.
STEP, NEAR = 30, 13
#: Height of a line: pixels, and share of the picture. How well it is filled.
LOWEST, HIGHEST, FILLED = 6, 0.25, 0.45
#: How much longer a line is: one of small print, up to so many pixels high, and any other.
SMALL, LONGER_SMALL, LONGER = 24, 4.5, 8.0
#: Strokes across the middle of a line, for each time that it is as long as high.
STROKES = 1.0
#: Share of a line's variance that ink and paper explain, of its rim that is paper; greys between.
EXPLAINED, PAPER, CONTRAST = 0.7, 0.85, 40

#: Neighbourhood that a spot is compared with, and how much darker than it a spot is.
AROUND, DARKER = 31, 14
LETTER_HEIGHT = (6, 48)
SCALES = (1, 2, 4)
#: More spots than this are looked at no further: so many letters make lines, too.
MOST_SPOTS = 2500
IN_A_ROW = 4
#: Greys that a letter stands out at least, and the share of them that neighbours differ in colour:
#: in a few letters, and in a long row, which chance does not make.
CLEAR, COLOUR, LONG_ROW, COLOUR_OF_LONG = 45, 0.015, 8, 0.06


def shows_lettering(picture: Image.Image) -> bool:
    """Whether something in the picture looks like a line of text; never raises for a decoded
    picture of any mode."""
    grey = picture.convert("RGB").convert("L")
    for edge in EDGES:
        grey.thumbnail((edge, edge))
        if any(_lines(np.asarray(grey))):
            return True
    pixels = np.asarray(grey)
    for scale in SCALES:
        width, height = pixels.shape[1] // scale, pixels.shape[0] // scale
        if min(width, height) < AROUND:
            break
        resized = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
        seen = resized.astype(np.uint8)
        for ink in (seen, 255 - seen):
            spots = _spots(ink)
            if any(_is_lettering(spots.of(row)) for row in _rows(spots)):
                return True
    return False


# ---- lines ---------------------------------------------------------------------------------------


def _lines(pixels: Grey) -> Iterator[bool]:
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    edges = cv2.morphologyEx(pixels, cv2.MORPH_GRADIENT, around) > STEP
    row = cv2.getStructuringElement(cv2.MORPH_RECT, (NEAR, 1))
    joined = cv2.morphologyEx(edges.astype(np.uint8), cv2.MORPH_CLOSE, row)
    _, _, pieces, _ = cv2.connectedComponentsWithStats(joined)
    for left, top, width, height, area in pieces[1:].tolist():
        if not LOWEST <= height <= HIGHEST * pixels.shape[0]:
            continue
        longer = LONGER_SMALL if height <= SMALL else LONGER
        if width < longer * height or area < FILLED * width * height:
            continue
        rim = max(2, height // 4)
        rows = slice(max(0, top - rim), top + height + rim)
        yield _is_print(pixels[rows, max(0, left - rim) : left + width + rim])


def _is_print(box: Grey) -> bool:
    """Whether the part of a picture is ink on paper, whichever of the two is the brighter, with
    many strokes side by side."""
    level, _ = cv2.threshold(box, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    above = box > level
    share = float(above.mean())
    if share in (0.0, 1.0):
        return False
    between = float(box[above].mean()) - float(box[~above].mean())
    explained = share * (1 - share) * between**2 / float(box.astype(np.float64).var())
    middle = above[above.shape[0] // 3 : -(above.shape[0] // 3)]
    strokes = float(np.median(np.abs(np.diff(middle.astype(np.int8), axis=1)).sum(axis=1))) / 2
    if strokes < STROKES * box.shape[1] / box.shape[0]:
        return False
    bright = float(np.concatenate([above[0], above[-1]]).mean())
    return explained >= EXPLAINED and between >= CONTRAST and max(bright, 1 - bright) >= PAPER


# ---- rows of letters -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Spots:
    """What may be letters, from left to right. ``stroke`` is the width of the pen, ``clear`` how
    many greys a spot differs from what is around it, ``filled`` its share of its rectangle."""

    left: Floats
    width: Floats
    bottom: Floats
    height: Floats
    grey: Floats
    stroke: Floats
    clear: Floats
    filled: Floats

    def of(self, chosen: Any) -> _Spots:
        return _Spots(*(values[chosen] for values in self.__dict__.values()))


def _spots(pixels: Grey) -> _Spots:
    """Connected spots that are darker than what is around them and have the shape of letters."""
    ink = cv2.adaptiveThreshold(
        pixels, 1, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, AROUND, DARKER
    )
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    left, top, width, height, area = stats.astype(np.float64).T

    def total(values: Any) -> Floats:
        weights = np.asarray(values, np.float64).ravel()
        return np.asarray(np.bincount(labels.ravel(), weights, count), np.float64)

    near = np.ones((3, 3), np.uint8)
    rim = total(ink - cv2.erode(ink, near))
    # A thin stroke has its colour in its middle only: each pixel counts as its darkest neighbour.
    grey = total(cv2.erode(pixels, near)) / area
    spots = _Spots(
        left=left,
        width=width,
        bottom=top + height,
        height=height,
        grey=grey,
        stroke=2 * area / np.maximum(rim, 1),
        clear=total(cv2.blur(pixels, (AROUND, AROUND))) / area - grey,
        filled=area / (width * height),
    )
    inside = (left > 0) & (top > 0)
    inside &= (left + width < pixels.shape[1]) & (top + height < pixels.shape[0])
    fits = (height >= LETTER_HEIGHT[0]) & (height <= LETTER_HEIGHT[1]) & (width <= 2 * height)
    shaped = (spots.filled >= 0.12) & (area >= 8) & (spots.stroke < 0.5 * height)
    good = inside & fits & shaped & (np.arange(count) > 0)
    chosen = np.flatnonzero(good)[:MOST_SPOTS]
    return spots.of(chosen[np.argsort(left[chosen], kind="stable")])


def _rows(spots: _Spots) -> Iterator[list[int]]:
    """Spots that follow one another as letters of a line do."""
    count = len(spots.left)
    if count < IN_A_ROW:
        return
    high = np.maximum.outer(spots.height, spots.height)
    low = np.minimum.outer(spots.height, spots.height)
    gap = spots.left[None, :] - (spots.left + spots.width)[:, None]
    follows = (gap > -0.25 * low) & (gap <= 0.9 * high) & (low >= 0.5 * high)
    follows &= np.abs(np.subtract.outer(spots.bottom, spots.bottom)) <= 0.3 * high
    follows &= np.abs(np.subtract.outer(spots.grey, spots.grey)) <= 25
    follows &= np.less.outer(spots.left, spots.left)
    next_one: list[int] = np.where(follows, gap, np.inf).argmin(axis=1).tolist()
    last = np.logical_not(np.any(follows, axis=1)).tolist()
    seen = [False] * count
    for first in range(count):
        row: list[int] = []
        at = first
        while not seen[at]:
            seen[at] = True
            row.append(at)
            if last[at]:
                break
            at = next_one[at]
        if len(row) >= IN_A_ROW:
            yield row


def _is_lettering(row: _Spots) -> bool:
    """Whether the spots of a row are as like one another as the letters of a word."""
    height = float(np.median(row.height))
    level = float(np.median(np.abs(row.bottom - np.median(row.bottom)))) <= 0.12 * height
    even = np.median(np.abs(row.height - height)) <= 0.25 * height
    one_pen = row.stroke.std() <= 0.2 * row.stroke.mean()
    pen = 0.1 <= float(np.median(row.stroke)) / height <= 0.36
    clear = float(np.median(row.clear))
    # From letter to letter, so that a sign in uneven light passes.
    colour = COLOUR if len(row.grey) < LONG_ROW else COLOUR_OF_LONG
    one_colour = float(np.abs(np.diff(row.grey)).mean()) <= colour * clear and clear >= CLEAR
    broad = np.median(row.filled) >= 0.3 and np.median(row.width / row.height) >= 0.55
    return bool(level and even and one_pen and pen and one_colour and broad)
