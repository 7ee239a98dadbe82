"""Cutting a text into passages of a bounded number of tokens, at borders that make sense.

A passage never crosses a section of Markdown. Within, what fits goes together: whole definitions,
else paragraphs, else sentences, else lines, else runs of tokens, which end at white space where
there is some. Each piece is as large as the limit allows before a finer border is used, and a
piece that does not fit any more begins the next passage. Passages do not overlap; together they
hold every character of the text but the white space between them.

A passage's cost is its tokens, or an eighth of its characters where that is more: a blob without
spaces is a single unknown token, yet should not become a passage of a megabyte.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from extractors.outline import Syntax, lines, outline

Span = tuple[int, int]
Splitter = Callable[[str, int, int], Iterator[Span]]

#: Characters per token, at most: more of them count as further tokens.
DENSITY = 8
#: Longer pieces are split unmeasured: tokenizing takes about 100 bytes a character.
MEASURED = 32_768
WINDOW = 4_096

BLANK = re.compile(r"\n[ \t\f\v\r]*\n\s*")
SENTENCE = re.compile(r"[.!?…][\"'”’»)\]]*\s+|[。！？]+")
#: Rows of tables and lists, which are lines even where full stops stand in them.
ROW = re.compile(r"^[ \t]*(?:\||[-*+•][ \t]|\d{1,3}[.)][ \t])", re.MULTILINE)
#: What stands before a full stop that does not end a sentence.
ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Za-z]|Mr|Mrs|Ms|Dr|Prof|St|vs|cf|etc|Figs?|No|Eq|al)|^[ \t#]*\d{1,3})\.$",
    re.MULTILINE,
)


class Measure(Protocol):
    """Counts tokens, and tells where each begins and ends."""

    def count(self, text: str) -> int: ...
    def spans(self, text: str) -> list[Span]: ...


@dataclass(frozen=True)
class Passage:
    """``text[start:end]``; ``path`` are the titles over it, outermost first, ``around`` those of
    them that do not stand in it."""

    start: int
    end: int
    path: tuple[str, ...]
    around: tuple[str, ...]


def passages(text: str, syntax: Syntax, most: int, measure: Measure) -> Iterator[Passage]:
    """The passages of ``text``, in order, of at most ``most`` tokens each."""
    heads = outline(text, syntax)
    starts = [head.start for head in heads]
    if syntax == "markdown":
        parts = list(zip(starts, [*starts[1:], len(text)], strict=True))
    else:
        parts = [(0, len(text))]
    cutter = _Cutter(text, most, measure, _splitters(syntax, starts), syntax == "code")
    for start, end in parts:
        for begin, last in cutter.pack(start, end):
            first = _with_indent(text, begin) if syntax == "code" else begin
            head = heads[max(0, bisect_right(starts, begin) - 1)]
            inside = begin <= head.start or not text[head.start : begin].strip()
            yield Passage(first, last, head.path, head.around if inside else head.path)


def _splitters(syntax: Syntax, starts: Sequence[int]) -> list[Splitter]:
    if syntax == "code":
        return [_at(starts), _paragraphs, lines, _windows]
    return [_paragraphs, _sentences, lines, _windows]


@dataclass(frozen=True)
class _Piece:
    """What is not cut further. One that ``opens`` begins a passage, also where it would fit."""

    start: int
    end: int
    cost: int
    opens: bool = False


class _Cutter:
    def __init__(
        self, text: str, most: int, measure: Measure, splitters: Sequence[Splitter], code: bool
    ) -> None:
        self._text = text
        self._most = most
        self._measure = measure
        self._splitters = splitters
        self._code = code

    def pack(self, start: int, end: int) -> Iterator[Span]:
        """Passages of one part: its pieces, put together while they fit."""
        first = last = -1
        filled = 0
        for piece in self._pieces(start, end, 0):
            if first >= 0 and (piece.opens or filled + piece.cost > self._most):
                yield first, last
                first, filled = -1, 0
            first = piece.start if first < 0 else first
            last = piece.end
            filled += piece.cost
        if first >= 0:
            yield first, last

    def _pieces(self, start: int, end: int, level: int) -> Iterator[_Piece]:
        """The largest pieces within the limit. A definition that has to be cut does not begin in
        the passage of what stands before it."""
        start, end = _trimmed(self._text, start, end)
        if start >= end:
            return
        cost = self._cost(start, end)
        if cost is not None and cost <= self._most:
            yield _Piece(start, end, cost)
            return
        opens = self._code and level == 1
        for piece in self._finer(start, end, level):
            yield replace(piece, opens=True) if opens else piece
            opens = False

    def _finer(self, start: int, end: int, level: int) -> Iterator[_Piece]:
        if level == len(self._splitters):
            yield from self._runs(start, end)
            return
        for span in self._splitters[level](self._text, start, end):
            yield from self._pieces(*span, level + 1)

    def _cost(self, start: int, end: int) -> int | None:
        if end - start > MEASURED:
            return None
        return max(self._measure.count(self._text[start:end]), -(-(end - start) // DENSITY))

    def _runs(self, start: int, end: int) -> Iterator[_Piece]:
        """A window without better borders, cut between tokens."""
        text = self._text[start:end]
        spans = self._measure.spans(text)
        first = border = 0
        for index, (left, right) in enumerate(spans):
            if left > 0 and text[left - 1].isspace():
                border = index
            full = index - first >= self._most
            if index > first and (full or right - spans[first][0] > self._most * DENSITY):
                cut = border if border > first else index
                yield from self._run(start + spans[first][0], start + spans[cut][0], cut - first)
                first = cut
        if first < len(spans):
            yield from self._run(start + spans[first][0], end, len(spans) - first)

    def _run(self, start: int, end: int, cost: int) -> Iterator[_Piece]:
        """One run of tokens; a token longer than a passage is cut by characters."""
        most = self._most * DENSITY
        for begin in range(start, end, most):
            left, right = _trimmed(self._text, begin, min(end, begin + most))
            if left < right:
                yield _Piece(left, right, max(cost, -(-(right - left) // DENSITY)))


def _trimmed(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _with_indent(text: str, start: int) -> int:
    """The beginning of the line, where only white space stands before ``start`` in it."""
    begin = start
    while begin > 0 and text[begin - 1] in " \t":
        begin -= 1
    return begin if begin == 0 or text[begin - 1] == "\n" else start


def _at(starts: Sequence[int]) -> Splitter:
    def split(text: str, start: int, end: int) -> Iterator[Span]:
        inner = starts[bisect_right(starts, start) : bisect_right(starts, end - 1)]
        yield from zip([start, *inner], [*inner, end], strict=True)

    return split


def _between(text: str, start: int, end: int, borders: Iterator[int]) -> Iterator[Span]:
    for border in borders:
        yield start, border
        start = border
    if start < end:
        yield start, end


def _paragraphs(text: str, start: int, end: int) -> Iterator[Span]:
    borders = (match.end() for match in BLANK.finditer(text, start, end))
    return _between(text, start, end, borders)


def _sentences(text: str, start: int, end: int) -> Iterator[Span]:
    """Sentences, or lines where most of them are rows."""
    rows = sum(1 for _ in ROW.finditer(text, start, end))
    if 2 * rows > text.count("\n", start, end):
        return lines(text, start, end)
    borders = (
        match.end()
        for match in SENTENCE.finditer(text, start, end)
        if not text[match.end() : match.end() + 1].islower()
        and not ABBREVIATION.search(text, max(start, match.start() - 8), match.start() + 1)
    )
    return _between(text, start, end, borders)


def _windows(text: str, start: int, end: int) -> Iterator[Span]:
    """Stretches of at most 4096 characters that end at white space where there is some."""
    while end - start > WINDOW:
        border = max(text.rfind(c, start + 1, start + WINDOW) for c in " \t")
        border = border if border > start else start + WINDOW
        yield start, border
        start = border
    yield start, end
