"""The adapter for a Qdrant server or Qdrant Cloud, over REST.

A space is a collection, its name behind a prefix. Sparse vectors are made here with the embedded
engine's tokenizer and the settings kept in the collection's metadata, so both engines rank text the
same. The server keeps its own HNSW graph (``hnsw_ef`` 256 for a recall of 0.99 on the measured
set), flushes its log before it answers (``wait``) and gives back room by itself. This adapter does
not retry: ``VectorsUnavailable`` goes to the caller, who does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse
from qdrant_edge import SparseVector

from workbench.domain.filters import Filter
from workbench.vectors import checks
from workbench.vectors.bm25 import TextEncoder, TextSettings
from workbench.vectors.checks import Columns
from workbench.vectors.conditions import fitting, to_engine
from workbench.vectors.indexes import COMMON_INDEXES, TENANT
from workbench.vectors.port import (
    TEXT_VECTOR,
    Arm,
    BadVectors,
    IndexType,
    Point,
    PointBatch,
    Scored,
    SpaceNotFound,
    SpaceSpec,
    Vectors,
    VectorsUnavailable,
)

#: Points in one request: 500 of 384 dimensions are about 5 MB of JSON; the server takes 32.
REQUEST_POINTS = 500
SEARCH_EF = 256
_DISTANCES = {
    "cosine": models.Distance.COSINE,
    "dot": models.Distance.DOT,
    "euclid": models.Distance.EUCLID,
}
_TEXT_SETTINGS = "text"


@dataclass(frozen=True)
class _Space:
    """What the adapter must know of a collection; only ``ensure_space`` changes it."""

    dimensions: Mapping[str, int]
    euclid: frozenset[str]
    encoder: TextEncoder | None
    indexes: Mapping[str, str]


class ServerStore:
    """``VectorStore`` over a qdrant-client. ``prefix`` keeps apart who shares a server."""

    def __init__(self, client: AsyncQdrantClient, *, prefix: str = "mixpeek_") -> None:
        self._client = client
        self._prefix = prefix
        self._known: dict[str, _Space] = {}

    @classmethod
    def connect(
        cls, url: str, *, api_key: str | None = None, prefix: str = "mixpeek_", timeout: int = 30
    ) -> ServerStore:
        """``timeout``: seconds for one answer."""
        client = AsyncQdrantClient(
            url=url, api_key=api_key, timeout=timeout, check_compatibility=False
        )
        return cls(client, prefix=prefix)

    # ---- spaces ---------------------------------------------------------------------------------

    async def ensure_space(self, spec: SpaceSpec) -> None:
        checks.spec(spec)
        name = self._prefix + spec.name
        self._known.pop(spec.name, None)
        async with _port_errors(spec.name):
            if not await self._client.collection_exists(name):
                await self._create(name, spec)
        known = await self._space(spec.name)
        euclid = frozenset(v.name for v in spec.dense if v.distance == "euclid")
        if (
            known.dimensions != {v.name: v.dimension for v in spec.dense}
            or known.euclid != euclid
            or (known.encoder is not None) != spec.text
        ):
            raise BadVectors(f"the space {spec.name} exists with other vectors")
        self._known.pop(spec.name, None)
        indexes: dict[str, IndexType] = {**spec.indexes, **COMMON_INDEXES}
        async with _port_errors(spec.name):
            for field, kind in indexes.items():
                if field not in known.indexes:
                    await self._client.create_payload_index(
                        name, field, field_schema=_index(field, kind), wait=True
                    )

    async def _create(self, name: str, spec: SpaceSpec) -> None:
        text = TextSettings()
        words = {"average_length": text.average_length, "language": text.language}
        try:
            await self._client.create_collection(
                name,
                vectors_config={
                    v.name: models.VectorParams(size=v.dimension, distance=_DISTANCES[v.distance])
                    for v in spec.dense
                },
                sparse_vectors_config={
                    TEXT_VECTOR: models.SparseVectorParams(modifier=models.Modifier.IDF)
                }
                if spec.text
                else None,
                metadata={_TEXT_SETTINGS: words} if spec.text else None,
            )
        except UnexpectedResponse as error:
            if error.status_code != 409:  # somebody else made it meanwhile
                raise

    async def spaces(self) -> list[str]:
        async with _port_errors(""):
            answer = await self._client.get_collections()
        names = [c.name for c in answer.collections if c.name.startswith(self._prefix)]
        return sorted(name.removeprefix(self._prefix) for name in names)

    async def drop_space(self, space: str) -> None:
        self._known.pop(space, None)
        async with _port_errors(space):
            if await self._client.collection_exists(self._prefix + space):
                await self._client.delete_collection(self._prefix + space)

    async def _space(self, space: str) -> _Space:
        known = self._known.get(space)
        if known is None:
            async with _port_errors(space):
                info = await self._client.get_collection(self._prefix + space)
            vectors = cast("dict[str, models.VectorParams]", info.config.params.vectors or {})
            metadata = info.config.metadata or {}
            words = metadata.get(_TEXT_SETTINGS)
            known = self._known[space] = _Space(
                {name: v.size for name, v in vectors.items()},
                frozenset(n for n, v in vectors.items() if v.distance == models.Distance.EUCLID),
                TextEncoder(TextSettings.read(words)) if words else None,
                {name: index.data_type.value for name, index in info.payload_schema.items()},
            )
        return known

    # ---- writes ---------------------------------------------------------------------------------

    async def upsert(self, space: str, batch: PointBatch) -> None:
        columns = checks.columns(batch)
        known = await self._space(space)
        checks.fits(columns.vectors, known.dimensions)
        points = _points(columns, known.encoder)
        async with _port_errors(space, self._known):
            for at in range(0, len(points), REQUEST_POINTS):
                await self._client.upsert(
                    self._prefix + space, points[at : at + REQUEST_POINTS], wait=True
                )

    async def delete(self, space: str, where: Filter) -> int:
        known = await self._space(space)
        number = await self.count(space, where)
        if number:
            selector = models.FilterSelector(filter=_filter(where, known) or models.Filter())
            async with _port_errors(space, self._known):
                await self._client.delete(self._prefix + space, selector, wait=True)
        return number

    async def optimize(self, space: str) -> None:
        """The server vacuums by itself; only whether the space is there is checked."""
        await self.count(space)

    # ---- reads ----------------------------------------------------------------------------------

    async def search(self, arms: Sequence[Arm]) -> list[list[Scored]]:
        vectors = [checks.arm(arm) for arm in arms]
        places: dict[str, list[int]] = {}
        for place, arm in enumerate(arms):
            places.setdefault(arm.space, []).append(place)
        found: list[list[Scored]] = [[] for _ in arms]

        async def ask(space: str, mine: Sequence[int]) -> None:
            try:
                known = await self._space(space)
                requests = [(i, _request(arms[i], vectors[i], known)) for i in mine]
                asked = [(i, r) for i, r in requests if r is not None]
                if asked:
                    async with _port_errors(space, self._known):
                        answers = await self._client.query_batch_points(
                            self._prefix + space, [r for _, r in asked]
                        )
                    for (place, _), answer in zip(asked, answers, strict=True):
                        sign = -1.0 if arms[place].using in known.euclid else 1.0
                        found[place] = _hits(answer.points, sign)
            except SpaceNotFound:
                return

        await asyncio.gather(*(ask(space, mine) for space, mine in places.items()))
        return found

    async def retrieve(
        self, space: str, ids: Sequence[str], *, vectors: bool = False
    ) -> dict[str, Point]:
        asked = list(dict.fromkeys(checks.canonical(i) for i in ids))
        known = await self._space(space)
        async with _port_errors(space, self._known):
            records = await self._client.retrieve(
                self._prefix + space, asked, with_payload=True, with_vectors=_names(known, vectors)
            )
        return {str(r.id): _point(r, known) for r in records}

    async def scroll(
        self,
        space: str,
        where: Filter | None = None,
        *,
        limit: int = 1000,
        cursor: str | None = None,
        vectors: bool = False,
    ) -> tuple[list[Point], str | None]:
        checks.page(limit, cursor)
        known = await self._space(space)
        async with _port_errors(space, self._known):
            records, following = await self._client.scroll(
                self._prefix + space,
                scroll_filter=_filter(where, known),
                limit=limit,
                offset=cursor,
                with_payload=True,
                with_vectors=_names(known, vectors),
            )
        return [_point(r, known) for r in records], None if following is None else str(following)

    async def count(self, space: str, where: Filter | None = None) -> int:
        known = await self._space(space)
        async with _port_errors(space, self._known):
            answer = await self._client.count(
                self._prefix + space, count_filter=_filter(where, known), exact=True
            )
        return answer.count

    async def facet(
        self, space: str, key: str, where: Filter | None = None, *, limit: int = 20
    ) -> list[tuple[str | int | bool, int]]:
        checks.page(limit, None)
        known = await self._space(space)
        async with _port_errors(space, self._known):
            answer = await self._client.facet(
                self._prefix + space,
                key,
                facet_filter=_filter(where, known),
                limit=limit,
                exact=True,
            )
        hits = [(h.value, h.count) for h in answer.hits if h.count]
        return sorted(hits, key=lambda v: (-v[1], str(v[0])))

    async def health(self) -> Mapping[str, Any]:
        async with _port_errors(""):
            version = (await self._client.info()).version
        names = await self.spaces()
        counts = await asyncio.gather(*(self.count(name) for name in names))
        return {
            "engine": "qdrant",
            "version": version,
            "spaces": dict(zip(names, counts, strict=True)),
        }

    async def close(self) -> None:
        await self._client.close()


@asynccontextmanager
async def _port_errors(
    space: str, known: dict[str, _Space] | None = None
) -> AsyncGenerator[None, None]:
    """The client's errors as the port's. A space that is gone is forgotten in ``known``."""
    try:
        yield
    except UnexpectedResponse as error:
        if error.status_code == 404:
            if known is not None:
                known.pop(space, None)
            raise SpaceNotFound(space) from error
        if error.status_code in (400, 422):
            raise BadVectors(error.content.decode(errors="replace")[:500]) from error
        raise VectorsUnavailable(f"the server answered {error.status_code}") from error
    except ApiException as error:
        raise VectorsUnavailable(f"the server cannot be reached: {error}") from error
    except ValueError as error:  # how the client's local mode says the same
        if "not found" in str(error):
            raise SpaceNotFound(space) from error
        raise BadVectors(str(error)) from error


def _filter(where: Filter | None, known: _Space) -> models.Filter | None:
    clause = to_engine(where)
    if clause is None:
        return None
    return models.Filter.model_validate(fitting(clause, known.indexes))


def _index(field: str, kind: IndexType) -> models.PayloadSchemaType | Any:
    match kind:
        case "keyword":
            return models.KeywordIndexParams(
                type=models.KeywordIndexType.KEYWORD, is_tenant=field == TENANT or None
            )
        case "text":
            return models.TextIndexParams(
                type=models.TextIndexType.TEXT,
                tokenizer=models.TokenizerType.WORD,
                lowercase=True,
            )
        case _:
            return models.PayloadSchemaType(kind)


def _sparse(vector: SparseVector) -> models.SparseVector:
    return models.SparseVector(indices=vector.indices, values=vector.values)


def _points(columns: Columns, encoder: TextEncoder | None) -> list[models.PointStruct]:
    present = {name: checks.present(name, block) for name, block in columns.vectors.items()}
    points: list[models.PointStruct] = []
    for row, id in enumerate(columns.ids):
        named: dict[str, Any] = {
            name: block[row].tolist()
            for name, block in columns.vectors.items()
            if present[name][row]
        }
        sparse = encoder.document(columns.texts[row]) if encoder else None
        if sparse is not None:
            named[TEXT_VECTOR] = _sparse(sparse)
        points.append(models.PointStruct(id=id, vector=named, payload=columns.payloads[row]))
    return points


def _request(arm: Arm, vector: Vectors | None, known: _Space) -> models.QueryRequest | None:
    """None for an arm in which no word is left to ask for."""
    query: Any
    if vector is None:
        sparse = known.encoder.query(arm.text or "") if known.encoder else None
        if sparse is None:
            return None
        query = _sparse(sparse)
    else:
        checks.fits({arm.using: vector.reshape(1, -1)}, known.dimensions)
        query = vector.tolist()
    return models.QueryRequest(
        query=query,
        using=arm.using,
        limit=arm.limit,
        filter=_filter(arm.filter, known),
        params=models.SearchParams(exact=arm.exact, hnsw_ef=None if arm.exact else SEARCH_EF),
        with_payload=arm.payload,
    )


def _hits(points: Sequence[models.ScoredPoint], sign: float) -> list[Scored]:
    hits = [Scored(str(p.id), sign * p.score, p.payload or {}) for p in points]
    return sorted(hits, key=lambda hit: (-hit.score, hit.id))


def _names(known: _Space, vectors: bool) -> bool | list[str]:
    return list(known.dimensions) if vectors else False


def _point(record: models.Record, known: _Space) -> Point:
    stored = cast("dict[str, list[float]]", record.vector or {})
    vectors = {n: np.asarray(v, np.float32) for n, v in stored.items() if n in known.dimensions}
    return Point(str(record.id), record.payload or {}, vectors)
