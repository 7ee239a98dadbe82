"""Questions to one shard, answered as plain values for the wire. Each call holds the engine."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import qdrant_edge as qe

from workbench.vectors import edge
from workbench.vectors.bm25 import TextEncoder
from workbench.vectors.conditions import Clause
from workbench.vectors.port import TEXT_VECTOR, BadVectors

#: ``[using, limit, vector bytes or None, text or None, filter or None, payload, exact]``
WireArm = Sequence[Any]
Hit = tuple[str, float, dict[str, Any] | None]


def search(
    shard: qe.EdgeShard,
    settings: edge.Settings,
    encoder: TextEncoder | None,
    arms: Sequence[WireArm],
) -> list[list[Hit]]:
    """One list per arm, best first. Arms that ask for nothing (no word left) are empty."""
    requests = [_request(settings, encoder, arm) for arm in arms]
    asked = [r for r in requests if r is not None]
    if len(asked) == 1:
        found = iter([shard.query(asked[0])])
    else:
        found = iter(shard.query_batch(qe.QueryBatchRequest(asked)) if asked else [])
    return [
        [] if request is None else _hits(next(found), _sign(settings, arm[0]))
        for request, arm in zip(requests, arms, strict=True)
    ]


def _request(
    settings: edge.Settings, encoder: TextEncoder | None, arm: WireArm
) -> qe.QueryRequest | None:
    using, limit, vector, text, where, payload, exact = arm
    if using == TEXT_VECTOR:
        query = encoder.query(text) if encoder else None
    else:
        dimension = settings.dimensions.get(using)
        if dimension is None:
            raise BadVectors(f"the space has no vector {using!r}")
        query = np.frombuffer(vector, np.float32)
        if len(query) != dimension:
            raise BadVectors(f"{using}: {len(query)} components, not {dimension}")
    if query is None:
        return None
    return edge.request(
        using, query, limit, edge.filter_of(where, settings), payload=payload, exact=exact
    )


def _sign(settings: edge.Settings, using: str) -> float:
    """The engine gives distances for euclid; a score is better when it is higher."""
    return -1.0 if using != TEXT_VECTOR and settings.distance(using) == "euclid" else 1.0


def _hits(points: Sequence[qe.ScoredPoint], sign: float) -> list[Hit]:
    hits: list[Hit] = [(str(p.id), sign * p.score, p.payload) for p in points]
    hits.sort(key=lambda hit: (-hit[1], hit[0]))
    return hits


def retrieve(
    shard: qe.EdgeShard, settings: edge.Settings, ids: Sequence[str], vectors: bool
) -> tuple[list[str], list[dict[str, Any]], dict[str, Any]]:
    """Ids, payloads and vector columns of the points that exist."""
    names = list(settings.dimensions)
    return _columns(shard.retrieve(list(ids), True, names if vectors else False), settings)


def scroll(
    shard: qe.EdgeShard,
    settings: edge.Settings,
    where: Clause | None,
    limit: int,
    cursor: str | None,
    vectors: bool,
) -> tuple[tuple[list[str], list[dict[str, Any]], dict[str, Any]], str | None]:
    """A page in the order of ids, and the id that the next one begins with."""
    records, following = shard.scroll(
        qe.ScrollRequest(
            offset=uuid.UUID(cursor) if cursor else None,
            limit=limit,
            filter=edge.filter_of(where, settings),
            with_payload=True,
            with_vector=list(settings.dimensions) if vectors else False,
        )
    )
    return _columns(records, settings), None if following is None else str(following)


def matching(
    shard: qe.EdgeShard, settings: edge.Settings, where: Clause | None, limit: int
) -> list[str]:
    """Ids of up to ``limit`` points that match."""
    records, _ = shard.scroll(
        qe.ScrollRequest(
            limit=limit,
            filter=edge.filter_of(where, settings),
            with_payload=False,
            with_vector=False,
        )
    )
    return [str(r.id) for r in records]


def count(shard: qe.EdgeShard, settings: edge.Settings, where: Clause | None) -> int:
    return shard.count(qe.CountRequest(exact=True, filter=edge.filter_of(where, settings)))


def facet(
    shard: qe.EdgeShard,
    settings: edge.Settings,
    key: str,
    where: Clause | None,
    limit: int,
) -> list[tuple[str | int | bool, int]]:
    """Values and counts, most frequent first, equal counts by value."""
    if key not in settings.indexes:
        raise BadVectors(f"the field {key!r} has no index to count by")
    answer = shard.facet(qe.FacetRequest(key, limit, True, edge.filter_of(where, settings)))
    # Values whose points were all deleted stay known to the index, with a count of zero.
    hits = [(h.value, h.count) for h in answer.hits if h.count]
    return sorted(hits, key=lambda v: (-v[1], str(v[0])))


def _columns(
    records: Sequence[qe.Record], settings: edge.Settings
) -> tuple[list[str], list[dict[str, Any]], dict[str, Any]]:
    blocks: dict[str, Any] = {}
    for name, dimension in settings.dimensions.items():
        rows: list[int] = []
        values: list[list[float]] = []
        for row, record in enumerate(records):
            vector = cast("dict[str, list[float]] | None", record.vector)
            if vector and name in vector:
                rows.append(row)
                values.append(vector[name])
        if rows:
            blocks[name] = (rows, dimension, np.asarray(values, np.float32).tobytes())
    return [str(r.id) for r in records], [r.payload or {} for r in records], blocks
