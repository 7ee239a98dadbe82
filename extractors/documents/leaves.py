"""What readers of documents give, and the limits that hold for all of them.

A document is read as *leaves*: pages, slides, sheets, chapters; a passage never crosses one. What a
format says about headings and tables becomes Markdown in the leaf's text, so that the passages of
``extractors.passages`` cut at sensible places; the titles over each place go along, also from one
leaf to the next.
"""

from __future__ import annotations

import re
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from extractors.outline import Syntax
from extractors.refused import Refused
from workbench.domain.states import Category
from workbench.extraction.contract import Failed

#: Left, top, right, bottom as shares of the page's width and height.
Box = tuple[float, float, float, float]

SPACE = re.compile(r"\s+")
LOOKS_LIKE_TITLE = re.compile(r"^(?=#{1,6}\s)", re.MULTILINE)
MOST_TITLE = 120


@dataclass(frozen=True)
class Head:
    """A title that stands at ``text[start:end]``, and ``path``, it and those over it."""

    start: int
    end: int
    path: tuple[str, ...]


def _nowhere(start: int, end: int) -> Box | None:
    del start, end


@dataclass(frozen=True)
class Leaf:
    """``box`` tells where ``text[start:end]`` stands on its page; it may be asked until the next
    leaf is taken. ``rows`` are the numbers of a table's rows with where each begins in the text.
    """

    text: str
    page: int | None = None
    syntax: Syntax = "markdown"
    heads: Sequence[Head] = ()
    rows: Sequence[tuple[int, int]] = ()
    box: Callable[[int, int], Box | None] = _nowhere
    scanned: bool = False

    def path(self, start: int) -> tuple[str, ...]:
        """The titles over what begins at ``start``; titles that follow one another there count."""
        at = bisect_right(self.heads, start, key=lambda head: head.start) - 1
        if at < 0:
            return ()
        while at + 1 < len(self.heads):
            between = self.text[max(start, self.heads[at].end) : self.heads[at + 1].start]
            if start > self.heads[at].start or between.strip():
                break
            at += 1
        return self.heads[at].path

    def row(self, start: int) -> int | None:
        """The number of the row in which ``start`` lies."""
        at = bisect_right(self.rows, start, key=lambda row: row[0]) - 1
        return self.rows[at][1] if at >= 0 else None


@dataclass(frozen=True)
class Limits:
    """What one document may cost; the fields are the parameters of the same names."""

    pages: int
    ocr_pages: int
    unpacked: int
    rows: int
    nesting: int
    deadline: float

    def check_time(self) -> None:
        if time.monotonic() > self.deadline:
            raise too_much("the document takes longer than allowed", "max_seconds")

    def check_pages(self, count: int, what: str = "pages") -> None:
        if count > self.pages:
            raise too_much(
                f"the document has {count:,} {what}, more than {self.pages:,}", "max_pages"
            )


class Writer:
    """Collects titles, paragraphs and table rows as Markdown, and gives them as leaves."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._stack: list[tuple[int, str]] = []
        self._heads = [Head(0, 0, ())]

    def title(self, level: int, text: str) -> None:
        """A title; at levels below 1 that of the document, over the text without standing in it."""
        name = one_line(text)[:MOST_TITLE]
        if not name:
            return
        self._stack = [*(kept for kept in self._stack if kept[0] < level), (level, name)]
        start = self._length
        if level > 0:
            self._add("#" * min(level, 6) + " " + name, "\n\n")
        self._heads.append(Head(start, self._length, self._path()))

    def paragraph(self, text: str) -> None:
        text = text.strip()
        if text:
            self._add(LOOKS_LIKE_TITLE.sub(r"\\", text), "\n\n")

    def row(self, cells: Sequence[str]) -> None:
        """A row of a table; ``rest`` closes the table."""
        if any(cell.strip() for cell in cells):
            self._add("| " + " | ".join(map(one_line, cells)).rstrip(" |") + " |", "\n")

    def rest(self) -> None:
        """An empty line, after a table."""
        if self._pieces and not self._pieces[-1].endswith("\n\n"):
            self._add("", "\n")

    def leaf(self, page: int | None = None) -> Leaf | None:
        """What was written since the last leaf, None when nothing. Titles stay over the next."""
        text = "".join(self._pieces).rstrip()
        heads = self._heads
        self._pieces, self._length = [], 0
        self._heads = [Head(0, 0, self._path())]
        return Leaf(text, page, heads=heads) if text else None

    def _path(self) -> tuple[str, ...]:
        return tuple(name for _, name in self._stack)

    def _add(self, text: str, end: str) -> None:
        self._pieces.append(text + end)
        self._length += len(text) + len(end)


def one_line(text: str) -> str:
    return SPACE.sub(" ", text).strip()


def bad(message: str, hint: str | None = None) -> Refused:
    return Refused(Failed(Category.FORMAT, message[:300], hint, stage="decode"))


def too_much(message: str, parameter: str) -> Refused:
    hint = f"split it, or raise the limit: --set document.{parameter}=…"
    return Refused(Failed(Category.LIMITS, message, hint, stage="decode"))


def locked(message: str, hint: str = "say its password: --set document.password=…") -> Refused:
    return Refused(Failed(Category.PERMISSION, message, hint, stage="decode"))
