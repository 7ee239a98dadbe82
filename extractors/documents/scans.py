"""Pages of a PDF that are pictures of text: which they are, and what was read on them.

A page without a text layer that shows a picture is one. So is a page that pictures cover but for
its margins and whose layer is short: what scanning programs, fax machines and courts stamp on it
("Scanned with …", a number). What was read comes first then, without the stamp that was read too,
and the layer's text after it, which has no misread letters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from itertools import islice
from typing import Any

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as raw

from extractors.documents.leaves import Box, Leaf
from extractors.reading import Line

#: A layer with as many letters is the page's text; a stamp has fewer.
STAMP = 100
#: Pictures cover a scanned page at least by this share: some are laid with a margin.
COVERED = 0.7
#: The cover is measured on a grid this fine.
CELLS = 60
MOST_PICTURES = 10_000
#: Lines this much alike are one: the same stamp, with a letter misread.
ALIKE = 0.8
#: Shorter ones stand in a stamp by chance.
LEAST = 4


def is_scan(page: Any, layer: Leaf | None) -> bool:
    """Whether what the page says is on pictures; ``layer`` is what its text layer says."""
    try:
        if layer is None:
            return next(_pictures(page), None) is not None
        return len("".join(layer.text.split())) < STAMP and _cover(page) >= COVERED
    except pdfium.PdfiumError:
        return False  # a picture on it is broken


def unstamped(lines: Sequence[Line], layer: Leaf | None) -> list[Line]:
    """The lines that were read without those that stand in the layer."""
    stamps = [_letters(line) for line in layer.text.splitlines()] if layer is not None else []
    return [line for line in lines if not _stands_in(_letters(line.text), stamps)]


def with_layer(text: str, box: Callable[[int, int], Box | None], layer: Leaf) -> tuple[str, Any]:
    """What was read and then the layer's text, and where each stretch of both stands."""
    begins = len(text) + 2

    def where(start: int, end: int) -> Box | None:
        read = box(start, min(end, len(text))) if start < len(text) else None
        if end <= begins:
            return read
        stamped = layer.box(max(0, start - begins), end - begins)
        return _around(read, stamped) if read and stamped else read or stamped

    return f"{text}\n\n{layer.text}", where


def _stands_in(letters: str, stamps: Sequence[str]) -> bool:
    if not letters:
        return False
    if len(letters) >= LEAST and letters in "".join(stamps):
        return True
    return any(SequenceMatcher(None, letters, stamp).ratio() >= ALIKE for stamp in stamps)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()


def _around(one: Box, other: Box) -> Box:
    return (
        min(one[0], other[0]),
        min(one[1], other[1]),
        max(one[2], other[2]),
        max(one[3], other[3]),
    )


def _pictures(page: Any) -> Any:
    return page.get_objects([raw.FPDF_PAGEOBJ_IMAGE], max_depth=3)


def _cover(page: Any) -> float:
    """The share of the page that its pictures cover together; strips of one scan count as one."""
    left, bottom, right, top = page.get_bbox()
    wide, high = max(right - left, 1.0), max(top - bottom, 1.0)
    cells = np.zeros((CELLS, CELLS), dtype=bool)
    for picture in islice(_pictures(page), MOST_PICTURES):
        x0, y0, x1, y1 = _bounds(picture)
        across = slice(_cell((x0 - left) / wide), _cell((x1 - left) / wide))
        up = slice(_cell((y0 - bottom) / high), _cell((y1 - bottom) / high))
        cells[up, across] = True
    return float(cells.mean())


def _cell(share: float) -> int:
    return round(min(1.0, max(0.0, share)) * CELLS)


def _bounds(picture: Any) -> tuple[float, float, float, float]:
    """Left, bottom, right, top on the page, through the forms in which the picture lies."""
    bounds = picture.get_bounds()
    form = picture.container
    while form is not None:
        bounds = form.get_matrix().on_rect(*bounds)
        form = form.container
    return bounds
