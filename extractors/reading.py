"""Reading the words in pictures: PP-OCR's detection and recognition, run by rapidocr.

Lines come in reading order: blocks of lines that stand close below one another, and blocks from top
to bottom, from left to right where they stand side by side. The models are opened by the first
picture, since most documents need none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

#: Models with their revision, for the digest.
RECIPE = "rapidocr:3.10:PP-OCRv6-small"

Box = tuple[float, float, float, float]
#: Lines that the recogniser is less sure of are left out: mostly patterns taken for letters.
SURE = 0.6
#: A gap wider than this share of a line's height begins a new block.
GAP = 0.9


@dataclass(frozen=True)
class Word:
    text: str
    box: Box


@dataclass(frozen=True)
class Line:
    """``box`` in pixels: left, top, right, bottom."""

    text: str
    box: Box
    score: float
    words: tuple[Word, ...] = ()

    @property
    def height(self) -> float:
        return self.box[3] - self.box[1]


class Reader:
    """The loaded models, opened when first needed."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._engine: Any = None

    def read(self, picture: Image.Image) -> list[Line]:
        """The lines of an RGB picture, in reading order."""
        found = self._run(picture)
        if found.boxes is None or found.txts is None:
            return []
        words = found.word_results or ((),) * len(found.txts)
        rows = zip(found.txts, found.boxes, found.scores, words, strict=True)
        lines = [
            Line(text, _around(corners), float(score), _words(inner))
            for text, corners, score, inner in rows
            if score >= SURE and text.strip()
        ]
        return [line for block in blocks(lines) for line in block]

    def _run(self, picture: Image.Image) -> Any:
        return self._opened()(np.asarray(picture)[:, :, ::-1], return_word_box=True)

    def _opened(self) -> Any:
        if self._engine is None:
            from extractors.opencv import rapid_ocr  # takes a second to import

            self._engine = rapid_ocr()(
                params={
                    "Global.log_level": "error",
                    "EngineConfig.onnxruntime.intra_op_num_threads": self._threads,
                    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                }
            )
        return self._engine


def blocks(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines put together that stand close below one another, in reading order."""
    found: list[list[Line]] = []
    for line in sorted(lines, key=lambda each: (each.box[1], each.box[0])):
        fitting = [block for block in found if _follows(block[-1], line)]
        if fitting:
            min(fitting, key=lambda block: abs(block[-1].box[0] - line.box[0])).append(line)
        else:
            found.append([line])
    return sorted(found, key=lambda block: (_band(block, found), block[0].box[0]))


def page_text(
    lines: Sequence[Line], size: tuple[int, int]
) -> tuple[str, Callable[[int, int], Box | None]]:
    """The lines as one text, an empty line between blocks, and where each stretch of it stands, as
    shares of the picture."""
    pieces: list[str] = []
    spans: list[tuple[int, int, Box]] = []
    length = 0
    for before, line in zip([None, *lines], lines, strict=False):
        if before is not None:
            end = "\n" if _follows(before, line) else "\n\n"
            pieces.append(end)
            length += len(end)
        spans.append((length, length + len(line.text), line.box))
        pieces.append(line.text)
        length += len(line.text)

    def box(start: int, end: int) -> Box | None:
        return union([where for first, last, where in spans if first < end and last > start], size)

    return "".join(pieces), box


def union(boxes: Sequence[Box], size: tuple[int, int]) -> Box | None:
    """The rectangle around ``boxes`` of pixels, as shares of the picture."""
    if not boxes:
        return None
    wide, high = size
    return (
        _share(min(box[0] for box in boxes), wide),
        _share(min(box[1] for box in boxes), high),
        _share(max(box[2] for box in boxes), wide),
        _share(max(box[3] for box in boxes), high),
    )


def _share(pixels: float, whole: int) -> float:
    return round(min(1.0, max(0.0, pixels / whole)), 4)


def _follows(above: Line, line: Line) -> bool:
    gap = line.box[1] - above.box[3]
    height = min(above.height, line.height)
    alike = max(above.height, line.height) < 2 * height
    overlap = min(above.box[2], line.box[2]) - max(above.box[0], line.box[0])
    return alike and -0.5 * height <= gap <= GAP * height and overlap > 0


def _band(block: Sequence[Line], found: Sequence[Sequence[Line]]) -> float:
    """Blocks whose first lines stand side by side are in one band."""
    top, height = block[0].box[1], block[0].height
    tops = [other[0].box[1] for other in found if abs(other[0].box[1] - top) < 0.5 * height]
    return min(tops)


def _around(corners: Any) -> Box:
    xs, ys = np.asarray(corners).T
    return float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max())


def _words(found: Sequence[Any]) -> tuple[Word, ...]:
    return tuple(
        Word(str(text), _around(corners))
        for text, _score, corners in found
        if corners is not None and str(text).strip()
    )
