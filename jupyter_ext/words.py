"""Passages as people read them: which of their words answer a query, and a piece around the first.
Pure functions; figures and times are those of ``workbench.commands.words``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

SNIPPET: Final = 150  # characters of a passage that a card shows
_WORD: Final = re.compile(r"\w+")
#: Words that say nothing about a passage. Words of one or two letters never count.
_LITTLE: Final = (
    "the and for with that this from are was were has have had not but its into onto over under "
    "der die das und mit von für ein eine les des une est dans los las una por para con"
)
_COMMON: Final = frozenset(_LITTLE.split())


def query_words(query: str | None) -> frozenset[str]:
    found = (word.casefold() for word in _WORD.findall(query or ""))
    return frozenset(word for word in found if len(word) > 2 and word not in _COMMON)


def answers(word: str, wanted: frozenset[str]) -> bool:
    """Whether ``word`` is one of the wanted ones, or the same with an ending more or less: the text
    index compares stems, so a query for goats finds a goat."""
    folded = word.casefold()
    if folded in wanted:
        return True
    return any(
        abs(len(folded) - len(other)) <= 3
        and min(len(folded), len(other)) > 2
        and (folded.startswith(other) or other.startswith(folded))
        for other in wanted
    )


def matches(text: str, wanted: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Where wanted words stand in ``text``."""
    if wanted:
        for found in _WORD.finditer(text):
            if answers(found.group(), wanted):
                yield found.span()


def snippet(text: str | None, wanted: frozenset[str], size: int = SNIPPET) -> str:
    """At most about ``size`` characters of ``text`` on one line, around the first wanted word."""
    line = " ".join((text or "")[:20_000].split())
    if len(line) <= size:
        return line
    first = next(matches(line, wanted), (0, 0))[0]
    start = max(0, min(first - size // 3, len(line) - size))
    if start:  # begin with a whole word
        start = line.find(" ", start, start + 20) + 1 or start
    end = start + size
    if end < len(line):
        end = line.rfind(" ", end - 20, end) if line.rfind(" ", end - 20, end) > 0 else end
    return ("…" if start else "") + line[start:end].rstrip() + ("…" if end < len(line) else "")


def marked(text: str, wanted: frozenset[str]) -> list[tuple[str, bool]]:
    """``text`` in pieces: (piece, whether it is a wanted word)."""
    spans = list(matches(text, wanted))
    edges = sorted({0, len(text), *(edge for span in spans for edge in span)})
    return [(text[a:b], (a, b) in spans) for a, b in pairwise(edges)]


def sentence(text: str) -> str:
    """``text`` with a full stop, so that another sentence can follow."""
    stripped = text.rstrip()
    return stripped if not stripped or stripped[-1] in ".!?…" else stripped + "."
