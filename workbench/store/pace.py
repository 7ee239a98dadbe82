"""How fast a collection goes, from marks that its ledger keeps: when how many items had come to
their ends by work (indexed or failed; what is skipped comes in bulk and says nothing of speed).

A rate looks back over the last ten seconds, or over the last two marks where those lie farther
apart, as for long recordings. Chunks end in bursts: between two bursts the rate stands, and after a
silence of half the window it falls with every second. Nothing is said before two marks lie half a
second apart. The marks are in the store, so every client, and a service that has just started,
says the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

#: Milliseconds.
WINDOW = 10_000
LEAST = 500
#: Below this an end is so far away that nobody can say when it comes.
SLOWEST = 1e-4

Mark: TypeAlias = Sequence[int]  # UTC milliseconds, items worked until then


def marked(marks: Sequence[Mark], at: int, worked: int) -> list[Mark]:
    """The marks with one more. The last one is always the latest change; the others lie at least
    half a second apart, and only two of them before the window. The burst that begins is no speed:
    it is one mark."""
    kept = list(marks)
    if kept and at < kept[-1][0]:
        return [[at, worked]]  # the clock went back: what was marked says nothing any more
    if len(kept) == 1 and at - kept[0][0] < LEAST:
        return [[kept[0][0], worked]]
    if len(kept) > 1 and kept[-1][0] - kept[-2][0] < LEAST:
        kept.pop()
    kept.append([at, worked])
    old = sum(mark[0] <= at - WINDOW for mark in kept)
    return kept[max(0, old - 2) :]


def rate(marks: Sequence[Mark], now: int) -> float | None:
    """Items a second at ``now``; None while it is not known."""
    if len(marks) < 2:
        return None
    last = marks[-1]
    end = last[0] if now - last[0] < WINDOW // 2 else now
    old = [mark for mark in marks[:-1] if mark[0] <= end - WINDOW]
    base = old[-1] if old else marks[0]
    span = end - base[0]
    if span < LEAST:
        return None
    found = 1000 * (last[1] - base[1]) / span
    return found if found > SLOWEST else None
