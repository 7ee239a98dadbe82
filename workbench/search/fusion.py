"""Several ranked lists as one: reciprocal rank fusion.

A document's score is the sum of ``weight / (K + rank)`` over the lists it is in. Scores of
different models, and of BM25, have no common scale; ranks have. Ties are broken by document id, so
that equal requests give equal pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from workbench.domain.wire import Reason
from workbench.vectors.port import Scored

#: The damping of the first ranks that is usual for this method.
K = 60


@dataclass(frozen=True)
class Ranked:
    """One list, best first. ``feature`` is the address of a dense list's output."""

    kind: Literal["dense", "text"]
    feature: str | None
    space: str
    weight: float
    hits: Sequence[Scored]


@dataclass
class Fused:
    id: str
    space: str
    payload: Mapping[str, Any]
    score: float = 0.0
    reasons: list[Reason] = field(default_factory=list[Reason])


def fuse(lists: Sequence[Ranked], top: int, offset: int = 0) -> list[Fused]:
    """Places ``offset`` to ``offset + top`` of the fused order, each with its reasons in the order
    of the lists."""
    found: dict[str, Fused] = {}
    for ranked in lists:
        for rank, hit in enumerate(ranked.hits, start=1):
            fused = found.get(hit.id)
            if fused is None:
                fused = found[hit.id] = Fused(hit.id, ranked.space, hit.payload)
            fused.score += ranked.weight / (K + rank)
            fused.reasons.append(
                Reason.model_construct(
                    kind=ranked.kind, feature=ranked.feature, score=hit.score, rank=rank
                )
            )
    ordered = sorted(found.values(), key=lambda each: (-each.score, each.id))
    return ordered[offset : offset + top]
