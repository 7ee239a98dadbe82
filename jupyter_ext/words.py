"""Words and figures as people read them: sizes of passages, times, counts, and which words of a
passage answer a query. Pure functions.
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


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun if count == 1 else noun + 's'}"


def clock(ms: int) -> str:
    """A place in a recording: 0:42, 12:03, 1:02:03."""
    minutes, seconds = divmod(ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def duration(seconds: float) -> str:
    """A span of time: 0.8 s, 12 s, 1 min 52 s, 3 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def about(seconds: float) -> str:
    """Time left, no more exact than it is known: 2 s, 50 s, about 4 min, about 2 h."""
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    if seconds < 55:
        return f"{round(seconds / 5) * 5} s"
    if seconds < 3300:
        return f"about {max(1, round(seconds / 60))} min"
    return f"about {max(1, round(seconds / 3600))} h"


def rate(per_second: float) -> str:
    """312/s, 1.1/s, 0.04/s."""
    if per_second >= 10:
        return f"{per_second:,.0f}/s"
    return f"{per_second:.1f}/s" if per_second >= 0.1 else f"{per_second:.2f}/s"


def position(page: int | None, start_ms: int | None, end_ms: int | None) -> str:
    """Where in its object a document is; empty when it is the whole object."""
    if start_ms is not None:
        until = f"–{clock(end_ms)}" if end_ms is not None and end_ms > start_ms else ""
        return clock(start_ms) + until
    return f"p. {page}" if page is not None else ""


def sentence(text: str) -> str:
    """``text`` with a full stop, so that another sentence can follow."""
    stripped = text.rstrip()
    return stripped if not stripped or stripped[-1] in ".!?…" else stripped + "."
