"""Long pictures, read piece by piece.

A reader scales what it gets to a size that it can look at: of a screenshot of a whole page nothing
legible remains. So a picture that is much longer than wide, or wider than high, is cut along its
long side into pieces that overlap by more than a line is high, or a word is wide. A line that
stands in an overlap is read twice: of a tall picture the whole reading stays, of a wide one, where
lines run across the cuts, two readings are joined in the middle of where they overlap.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from PIL import Image

from extractors.reading import Box, Line, Word

#: A picture is long when one side is so many times the other, and has more pixels than readers see.
RATIO, SEEN = 2.5, 2000
#: A piece has so many times the shorter side, as the screen of a phone, and at least ``SEEN``.
PIECE = 2.0
#: Pieces overlap by this share of the shorter side, but never by fewer pixels.
OVERLAP, LEAST_OVERLAP = 0.25, 240
#: Reading a piece takes a second or more. Where there would be more, they are longer.
MOST = 40
#: Two readings are of one line when they share more of the smaller box, or of the lower line.
SHARED = 0.5


@dataclass(frozen=True)
class Tile:
    """A piece, in pixels."""

    left: int
    top: int
    right: int
    bottom: int

    def cut(self, picture: Image.Image) -> Image.Image:
        whole = (0, 0, *picture.size)
        mine = (self.left, self.top, self.right, self.bottom)
        return picture if mine == whole else picture.crop(mine)

    def placed(self, line: Line) -> Line:
        """A line that was read in the piece, where it stands in the picture."""
        words = tuple(Word(word.text, self._moved(word.box)) for word in line.words)
        return replace(line, box=self._moved(line.box), words=words)

    def _moved(self, box: Box) -> Box:
        left, top, right, bottom = box
        return left + self.left, top + self.top, right + self.left, bottom + self.top


def is_long(size: tuple[int, int]) -> bool:
    return max(size) > SEEN and max(size) > RATIO * min(size)


def tiles(size: tuple[int, int]) -> list[Tile]:
    """The pieces of a picture from its beginning to its end; a picture that is not long is one."""
    width, height = size
    if not is_long(size):
        return [Tile(0, 0, width, height)]
    short, long = sorted(size)
    overlap = max(LEAST_OVERLAP, round(OVERLAP * short))
    length = max(SEEN, round(PIECE * short))
    count = min(MOST, math.ceil((long - overlap) / (length - overlap)))
    step = (long - overlap) / count
    cuts = [(round(n * step), min(long, math.ceil((n + 1) * step) + overlap)) for n in range(count)]
    if width > height:
        return [Tile(start, 0, end, height) for start, end in cuts]
    return [Tile(0, start, width, end) for start, end in cuts]


def together(read: Sequence[Sequence[Line]], wide: bool) -> list[Line]:
    """The lines of pieces that follow one another, each once; all in pixels of the picture."""
    kept: list[Line] = []
    before: list[Line] = []
    for lines in read:
        own: list[Line] = []
        for line in lines:
            twins = [other for other in before if _is_one(other, line, wide)]
            if wide and twins:
                line = _joined(twins[0], line)
                twins = twins[:1]
            elif any(_area(other.box) >= _area(line.box) for other in twins):
                continue
            before = [other for other in before if other not in twins]
            own.append(line)
        kept += before
        before = own
    return kept + before


def _is_one(one: Line, other: Line, wide: bool) -> bool:
    across = min(one.box[2], other.box[2]) - max(one.box[0], other.box[0])
    down = min(one.box[3], other.box[3]) - max(one.box[1], other.box[1])
    if across <= 0 or down <= 0:
        return False
    if wide:
        return down > SHARED * min(one.height, other.height)
    return across * down > SHARED * min(_area(one.box), _area(other.box))


def _joined(one: Line, other: Line) -> Line:
    """Two readings of parts of a line: of the first what stands before the middle of where they
    overlap, of the second the rest."""
    if other.box[2] <= one.box[2]:
        return one
    middle = (max(one.box[0], other.box[0]) + one.box[2]) / 2
    head = [word for word in one.words if _centre(word) < middle]
    tail = [word for word in other.words if _centre(word) >= middle]
    if not tail:
        return one
    if not head:
        return other
    between = " " if " " in one.text or " " in other.text else ""
    return Line(
        between.join(word.text for word in (*head, *tail)),
        (
            min(one.box[0], other.box[0]),
            min(one.box[1], other.box[1]),
            max(one.box[2], other.box[2]),
            max(one.box[3], other.box[3]),
        ),
        min(one.score, other.score),
        (*head, *tail),
    )


def _centre(word: Word) -> float:
    return (word.box[0] + word.box[2]) / 2


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
