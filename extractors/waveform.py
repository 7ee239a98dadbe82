"""A recording as a picture of its loudness over time.

The sound is read once, in pieces; of every 50 ms the loudest sample is kept, and these are drawn as
as many bars as fit. The picture is transparent beside the bars, so that it goes with any page.
"""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from extractors.streams import RATE, Media
from workbench.extraction.contract import Part

STEP = RATE // 20
BAR, BETWEEN = 3, 1
COLOUR = (76, 141, 214, 255)
QUALITY = 80


def waveform(media: Media, part: Part, edge: int) -> bytes | None:
    """WebP, ``edge`` pixels wide and three eighths of it high; None without sound."""
    if not media.has_sound:
        return None
    start = (part.start_ms or 0) / 1000
    most = None if part.end_ms is None else max(STEP, round((part.end_ms / 1000 - start) * RATE))
    found = _peaks(media, start, most)
    return _drawn(found, edge) if len(found) else None


def _peaks(media: Media, start: float, most: int | None) -> npt.NDArray[np.float32]:
    peaks: list[npt.NDArray[np.float32]] = []
    rest = np.zeros(0, np.float32)
    read = 0
    for piece in media.sound(start):
        rest = np.concatenate([rest, piece])
        read += len(piece)
        whole = len(rest) // STEP * STEP
        if whole:
            peaks.append(np.abs(rest[:whole]).reshape(-1, STEP).max(axis=1))
            rest = rest[whole:]
        if most is not None and read >= most:
            break
    if len(rest):
        peaks.append(np.abs(rest).max(keepdims=True))
    found = np.concatenate(peaks) if peaks else np.zeros(0, np.float32)
    return found if most is None else found[: -(-most // STEP)]


def _drawn(peaks: npt.NDArray[np.float32], edge: int) -> bytes:
    width, height = edge, max(8, edge * 3 // 8)
    bars = max(1, width // (BAR + BETWEEN))
    edges = np.linspace(0, len(peaks), bars + 1).astype(np.intp)
    loudest = max(float(peaks.max()), 0.02)
    picture = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    for bar, (first, last) in enumerate(pairwise(edges)):
        loud = float(peaks[first : max(last, first + 1)].max()) / loudest
        half = max(1.0, loud * (height / 2 - 2))
        left = bar * (BAR + BETWEEN)
        box = (left, height / 2 - half, left + BAR - 1, height / 2 + half)
        draw.rectangle(box, fill=COLOUR)
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=QUALITY, method=2)
    return out.getvalue()
