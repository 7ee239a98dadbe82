"""The embedded engine's settings and words: the only module that builds its objects.

Settings were measured (recall and latency up to 200,000 points of 384 dimensions): 4-bit TurboQuant
codes written at upsert time and rescored with twice the candidates; no HNSW graph, whose build
stalls everything and finds less. Below 64 dimensions codes save nothing and lose recall: none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import qdrant_edge as qe

from workbench.vectors.bm25 import TextEncoder, TextSettings
from workbench.vectors.conditions import Clause, fitting
from workbench.vectors.indexes import COMMON_INDEXES, TENANT
from workbench.vectors.port import (
    TEXT_VECTOR,
    BadVectors,
    DenseVector,
    IndexType,
    SpaceSpec,
    Vectors,
)

_FORMAT = 1
_CODES_FROM = 64
_DISTANCES = {
    "cosine": qe.Distance.Cosine,
    "dot": qe.Distance.Dot,
    "euclid": qe.Distance.Euclid,
}
_FAST = qe.SearchParams(quantization=qe.QuantizationSearchParams(rescore=True, oversampling=2.0))
_EXACT = qe.SearchParams(exact=True, quantization=qe.QuantizationSearchParams(ignore=True))


@dataclass(frozen=True)
class Settings:
    """What a space is, as kept in its ``space.json``."""

    dense: tuple[DenseVector, ...]
    text: TextSettings | None
    indexes: Mapping[str, IndexType] = field(default_factory=dict[str, IndexType])

    @classmethod
    def of(cls, spec: SpaceSpec) -> Settings:
        text = TextSettings() if spec.text else None
        return cls(spec.dense, text, {**spec.indexes, **COMMON_INDEXES})

    @classmethod
    def read(cls, text: str) -> Settings:
        value = json.loads(text)
        if value["format"] != _FORMAT:
            raise ValueError(f"a space of format {value['format']} is from another version")
        words = value["text"]
        return cls(
            tuple(DenseVector(**v) for v in value["dense"]),
            TextSettings.read(words) if words else None,
            value["indexes"],
        )

    def write(self) -> str:
        value = {
            "format": _FORMAT,
            "dense": [asdict(v) for v in self.dense],
            "text": asdict(self.text) if self.text else None,
            "indexes": dict(self.indexes),
        }
        return json.dumps(value, indent=1)

    def with_indexes(self, indexes: Mapping[str, IndexType]) -> Settings:
        return replace(self, indexes={**indexes, **self.indexes})

    @property
    def dimensions(self) -> dict[str, int]:
        return {v.name: v.dimension for v in self.dense}

    def distance(self, name: str) -> str:
        return next(v.distance for v in self.dense if v.name == name)


def create(folder: Path, settings: Settings) -> qe.EdgeShard:
    shard = qe.EdgeShard.create(str(folder), _config(settings))
    index(shard, settings.indexes)
    return shard


def load(folder: Path) -> qe.EdgeShard:
    return qe.EdgeShard.load(str(folder))


def _config(settings: Settings) -> qe.EdgeConfig:
    codes = qe.TurboQuantQuantizationConfig(
        bits=qe.TurboQuantBitSize.Bits4, memory=qe.Memory.Pinned
    )
    return qe.EdgeConfig(
        vectors={
            v.name: qe.EdgeVectorParams(
                size=v.dimension,
                distance=_DISTANCES[v.distance],
                quantization_config=codes if v.dimension >= _CODES_FROM else None,
            )
            for v in settings.dense
        },
        sparse_vectors={TEXT_VECTOR: qe.EdgeSparseVectorParams(modifier=qe.Modifier.Idf)}
        if settings.text
        else None,
        # The engine is asked to vacuum when we have decided that it pays: any deleted point counts.
        optimizers=qe.EdgeOptimizersConfig(
            indexing_threshold=10**9, deleted_threshold=0.0001, vacuum_min_vector_number=1
        ),
    )


def index(shard: qe.EdgeShard, indexes: Mapping[str, IndexType]) -> None:
    """Build the payload indexes that the shard does not have yet."""
    known = shard.info().payload_schema
    for name, kind in indexes.items():
        if name not in known:
            shard.update(qe.UpdateOperation.create_field_index(name, _index(name, kind)))


def _index(name: str, kind: IndexType) -> qe.PayloadSchemaParams:
    match kind:
        case "keyword":
            return qe.KeywordIndexParams(is_tenant=name == TENANT)
        case "integer":
            return qe.IntegerIndexParams(lookup=True, range=True)
        case "float":
            return qe.FloatIndexParams()
        case "bool":
            return qe.BoolIndexParams()
        case "datetime":
            return qe.DatetimeIndexParams()
        case "text":
            return qe.TextIndexParams(tokenizer=qe.TokenizerType.Word, lowercase=True)


# ---- filters ------------------------------------------------------------------------------------


def filter_of(value: Clause | None, settings: Settings) -> qe.Filter | None:
    """The engine's filter from the JSON that ``conditions.to_engine`` makes."""
    return None if value is None else _group(fitting(value, settings.indexes))


def _group(value: Mapping[str, Any]) -> qe.Filter:
    groups = {name: [_clause(c) for c in clauses] for name, clauses in value.items()}
    return qe.Filter(groups.get("must"), groups.get("should"), groups.get("must_not"))


def _clause(value: Mapping[str, Any]) -> Any:
    match value:
        case {"key": str(key), "match": dict(wanted)}:
            return qe.FieldCondition(key, match=_match(cast("dict[str, Any]", wanted)))
        case {"key": str(key), "range": dict(bounds)}:
            return qe.FieldCondition(key, range=_range(cast("dict[str, Any]", bounds)))
        case {"is_empty": {"key": str(key)}}:
            return qe.IsEmptyCondition(key)
        case {"has_id": list(ids)}:
            return qe.HasIdCondition(set(cast("list[str]", ids)))
        case _:
            return _group(value)


def _match(wanted: Mapping[str, Any]) -> Any:
    ((kind, value),) = wanted.items()
    match kind:
        case "value" if isinstance(value, bool):
            # The engine's binding takes Python's True for the integer 1, numpy's for a boolean.
            return qe.MatchValue(cast("Any", np.bool_(value)))
        case "value":
            return qe.MatchValue(value)
        case "any":
            return qe.MatchAny(value)
        case "substring":
            return qe.MatchSubstring(value)
        case "prefix":
            return qe.MatchPrefix(value)
        case "text":
            return qe.MatchText(value)
        case _:
            raise BadVectors(f"a filter with {kind!r}")


def _range(bounds: Mapping[str, Any]) -> Any:
    if any(isinstance(b, str) for b in bounds.values()):
        return qe.RangeDateTime(**bounds)
    return qe.RangeFloat(**bounds)


# ---- points and queries -------------------------------------------------------------------------


def upsert(points: Sequence[qe.Point]) -> qe.UpdateOperation:
    return qe.UpdateOperation.upsert_points(list(points))


def delete(ids: Sequence[str]) -> qe.UpdateOperation:
    return qe.UpdateOperation.delete_points(list(ids))


def point(
    id: str,
    vectors: Mapping[str, Sequence[float]],
    text: qe.SparseVector | None,
    payload: dict[str, Any],
) -> qe.Point:
    named: dict[str, Any] = dict(vectors)
    if text is not None:
        named[TEXT_VECTOR] = text
    return qe.Point(id, named, payload)


def request(
    using: str,
    query: Vectors | qe.SparseVector,
    limit: int,
    where: qe.Filter | None,
    *,
    payload: bool = True,
    exact: bool = False,
) -> qe.QueryRequest:
    return qe.QueryRequest(
        limit=limit,
        query=qe.Query.Nearest(cast("Any", query), using=using),
        filter=where,
        params=_EXACT if exact else _FAST,
        with_payload=payload,
    )


def encoder(settings: Settings) -> TextEncoder | None:
    return TextEncoder(settings.text) if settings.text else None
