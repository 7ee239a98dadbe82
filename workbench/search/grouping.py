"""The best hit of each object, its other hits folded under it.

Hits come best first, so an object stands where its best hit stood. The searcher looks deeper while
too few objects come of what it has.
"""

from __future__ import annotations

from collections.abc import Sequence

from workbench.domain.wire import Folded, Hit

#: Folded hits that are told of one object: enough to jump between, too few to fill a screen.
MOST_FOLDED = 20


def grouped(hits: Sequence[Hit], top: int, offset: int) -> list[Hit]:
    """Places ``offset`` to ``offset + top`` of the objects, ranked anew."""
    first: dict[str, Hit] = {}
    others: dict[str, list[Folded]] = {}
    for hit in hits:
        if hit.object_id not in first:
            first[hit.object_id] = hit
        elif len(folded := others.setdefault(hit.object_id, [])) < MOST_FOLDED:
            folded.append(
                Folded.model_construct(
                    document_id=hit.document_id,
                    collection=hit.collection,
                    score=hit.score,
                    text=hit.text,
                    page=hit.page,
                    start_ms=hit.start_ms,
                    end_ms=hit.end_ms,
                )
            )
    page = list(first.values())[offset : offset + top]
    return [
        hit.model_copy(update={"rank": rank, "others": others.get(hit.object_id, [])})
        for rank, hit in enumerate(page, start=offset + 1)
    ]
