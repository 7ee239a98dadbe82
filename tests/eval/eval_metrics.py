"""The measures of the evaluation: recall at k, and error rates by edit distance."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable, Sequence

AT = (1, 5, 10)


def first_place(scores: Sequence[float], right: Sequence[bool]) -> int | None:
    """The place, from 1, of the best right one; others of equal score come before it. None where
    nothing is right."""
    best = max((s for s, r in zip(scores, right, strict=True) if r), default=None)
    if best is None:
        return None
    return 1 + sum(s >= best for s, r in zip(scores, right, strict=True) if not r)


def recall(places: Sequence[int | None], at: int) -> float:
    """The share of queries that have a right answer among the first ``at``."""
    if not places:
        raise ValueError("no queries")
    return sum(place is not None and place <= at for place in places) / len(places)


def edits(said: Sequence[Hashable], true: Sequence[Hashable]) -> int:
    """How many insertions, deletions and substitutions lie between two sequences."""
    row = list(range(len(true) + 1))
    for number, one in enumerate(said, 1):
        corner, row[0] = row[0], number
        for place, other in enumerate(true, 1):
            cost = corner + (one != other)
            corner = row[place]
            row[place] = min(cost, corner + 1, row[place - 1] + 1)
    return row[-1]


def word_error_rate(said: str, true: str) -> float:
    """Edits of words over the words of the truth; case and punctuation do not count."""
    wanted = words(true)
    return edits(words(said), wanted) / len(wanted)


def character_error_rate(read: str, true: str) -> float:
    """Edits of characters over the characters of the truth; only the amount of white space does
    not count."""
    wanted = " ".join(true.split())
    return edits(" ".join(read.split()), wanted) / len(wanted)


def words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    return re.findall(r"[\w']+", plain)
