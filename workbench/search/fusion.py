"""Several ranked lists as one: reciprocal rank fusion, with two additions that were measured.

A document's score is the sum of ``weight / (K + rank)`` over the lists it is in. Scores of
different models, and of BM25, have no common scale; ranks have. Each space keeps lists of its own,
also where two share a model: pictures and passages lie at different distances from the same words,
and one list by cosine buries the one kind under the other. Ties are broken by document id, so that
equal requests give equal pages.

Each space has one voice for meaning: where several of its vectors are asked (a picture's looks and
what it shows, for "more like this"), they share it, or its documents would push all others down.

What was added:

- *Far candidates hardly count.* A dense list always has as many candidates as it is asked for,
  whether anything is near or not; in a small collection every document is one. A candidate with
  less than half the similarity of the list's best gets a hundredth of the weight: it stays behind
  the others, and a chance rank of it decides nothing.
- *Words count a hair less than meaning*, so that at equal ranks meaning comes first. Not less than
  that: a document that only its words find (a name, a code) must stay in sight of the best.

Measured over 18 photographs and 345 texts with the built-in extractors, 23 queries that describe
and 180 that quote a rare word, alone or among others. R-precision of those that describe is 0.71
without the additions and 0.83 with them (0.65 with one list for each model); over the texts alone
their mean reciprocal rank is 0.90 and 0.98. Of those that quote it is 0.78 and 0.77. With words at
0.8 what only words find is lost from the first ten every time, at 0.99 it is there three times of
four.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from workbench.domain.wire import Reason
from workbench.vectors.port import Scored

#: The damping of the first ranks that is usual for this method.
K = 60
WEIGHTS = {"dense": 1.0, "text": 0.99}
#: Of the best similarity in a list: below this a candidate is far.
NEAR = 0.5
FAR_WEIGHT = 0.01


@dataclass(frozen=True)
class Ranked:
    """One list, best first. ``feature`` is the address of a dense list's output; ``similarity``
    says that scores are cosines, so that half of the best is a place on their scale."""

    kind: Literal["dense", "text"]
    feature: str | None
    space: str
    hits: Sequence[Scored]
    similarity: bool = False

    @property
    def least(self) -> float:
        """The score from which a hit is near."""
        best = self.hits[0].score if self.hits else 0.0
        return best * NEAR if self.similarity and best > 0 else float("-inf")


@dataclass
class Fused:
    id: str
    space: str
    score: float = 0.0
    reasons: list[Reason] = field(default_factory=list[Reason])


def fuse(lists: Sequence[Ranked], top: int, offset: int = 0) -> list[Fused]:
    """Places ``offset`` to ``offset + top`` of the fused order, each with its reasons in the order
    of the lists."""
    found: dict[str, Fused] = {}
    voices = Counter((ranked.space, ranked.kind) for ranked in lists)
    for ranked in lists:
        weight = WEIGHTS[ranked.kind] / voices[ranked.space, ranked.kind]
        least = ranked.least
        for rank, hit in enumerate(ranked.hits, start=1):
            fused = found.get(hit.id)
            if fused is None:
                fused = found[hit.id] = Fused(hit.id, ranked.space)
            fused.score += weight * (1.0 if hit.score >= least else FAR_WEIGHT) / (K + rank)
            fused.reasons.append(
                Reason.model_construct(
                    kind=ranked.kind, feature=ranked.feature, score=hit.score, rank=rank
                )
            )
    ordered = sorted(found.values(), key=lambda each: (-each.score, each.id))
    return ordered[offset : offset + top]
