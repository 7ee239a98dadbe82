"""The vector port: what the product asks of a vector engine, and nothing else.

A *space* holds the points of one extractor version with one set of models: named dense vectors and,
where ``text`` is set, a sparse BM25 vector made by the adapter from each point's text. Promises of
every adapter:

- a write has reached disk (or the server's write-ahead log) when the call returns, and is visible;
- writes are idempotent; a batch with a bad point is refused whole, before the engine sees it;
- results of an arm are ordered by score, highest first, ties by id (distances are negated);
- errors are ``VectorsUnavailable`` (try again), ``SpaceNotFound`` or ``BadVectors``.

Ids are UUID strings. Payloads are JSON objects; ``filters.Filter`` is the product's own filter.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from workbench.domain.filters import Filter

Vectors = npt.NDArray[np.float32]
IndexType = Literal["keyword", "integer", "float", "bool", "datetime", "text"]
#: Name of the sparse vector of every space that has ``text``.
TEXT_VECTOR = "bm25"


class VectorsUnavailable(Exception):
    """The engine cannot be reached now; the same call may succeed later."""


class SpaceNotFound(Exception):
    """There is no such space."""


class BadVectors(ValueError):
    """A vector, id or payload that no engine may be given."""


@dataclass(frozen=True)
class DenseVector:
    name: str
    dimension: int
    distance: Literal["cosine", "dot", "euclid"] = "cosine"


@dataclass(frozen=True)
class SpaceSpec:
    """``indexes`` maps payload fields to index types; ``namespace`` is always indexed as tenant."""

    name: str
    dense: tuple[DenseVector, ...]
    text: bool = True
    indexes: Mapping[str, IndexType] = field(default_factory=dict[str, IndexType])


@dataclass(frozen=True)
class PointBatch:
    """``n`` points by column.

    ``vectors[name]`` is float32 of shape (n, dimension); a row of NaN in all its components means
    that the point has no such vector. ``texts[i]`` is what the text index sees (None: nothing).
    """

    ids: Sequence[str]
    vectors: Mapping[str, Vectors]
    texts: Sequence[str | None]
    payloads: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Arm:
    """One ranked list to ask for. ``using`` is a dense vector's name with ``vector`` of shape
    (dimension,), or ``TEXT_VECTOR`` with ``text``. ``payload`` False returns ids and scores only.
    ``exact`` turns quantization and indexes off, for measuring recall."""

    space: str
    using: str
    limit: int
    vector: Vectors | None = None
    text: str | None = None
    filter: Filter | None = None
    payload: bool = True
    exact: bool = False


@dataclass(frozen=True)
class Scored:
    id: str
    score: float
    payload: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Point:
    id: str
    payload: Mapping[str, Any]
    vectors: Mapping[str, Vectors] = field(default_factory=dict[str, Vectors])


class VectorStore(Protocol):
    async def ensure_space(self, spec: SpaceSpec) -> None:
        """Create the space if it is absent; payload indexes that are missing are added."""
        ...

    async def spaces(self) -> list[str]: ...

    async def drop_space(self, space: str) -> None:
        """Dropping what is not there is no error."""
        ...

    async def upsert(self, space: str, batch: PointBatch) -> None: ...

    async def delete(self, space: str, where: Filter) -> int:
        """Delete the points that match; returns how many there were (fewer, where the engine went
        away under the call and it was sent again)."""
        ...

    async def search(self, arms: Sequence[Arm]) -> list[list[Scored]]:
        """All arms in one round trip; one list per arm, in the order given. An arm over a space
        that does not exist (nothing was indexed yet) gives an empty list."""
        ...

    async def retrieve(
        self, space: str, ids: Sequence[str], *, vectors: bool = False
    ) -> dict[str, Point]:
        """The points that exist, by id."""
        ...

    async def scroll(
        self,
        space: str,
        where: Filter | None = None,
        *,
        limit: int = 1000,
        cursor: str | None = None,
        vectors: bool = False,
    ) -> tuple[list[Point], str | None]:
        """A page of points in id order and the cursor of the next page, None after the last."""
        ...

    async def count(self, space: str, where: Filter | None = None) -> int: ...

    async def facet(
        self, space: str, key: str, where: Filter | None = None, *, limit: int = 20
    ) -> list[tuple[str | int | bool, int]]:
        """Values of an indexed field with their counts, most frequent first."""
        ...

    async def optimize(self, space: str) -> None:
        """Give back the room of deleted points, while searches go on."""
        ...

    async def health(self) -> Mapping[str, Any]:
        """``{"engine", "version", "spaces": {name: points}}``; raises ``VectorsUnavailable``."""
        ...

    async def close(self) -> None: ...


async def delete_if_any(store: VectorStore, space: str, where: Filter) -> int:
    """Delete what matches. Objects that gave no documents name a space that nothing may ever have
    made: there is nothing to delete then."""
    try:
        return await store.delete(space, where)
    except SpaceNotFound:
        return 0


async def scroll_all(
    store: VectorStore, space: str, where: Filter | None = None, *, page: int = 1000
) -> AsyncIterator[list[Point]]:
    """Every page of a space."""
    cursor: str | None = None
    while True:
        points, cursor = await store.scroll(space, where, limit=page, cursor=cursor)
        if points:
            yield points
        if cursor is None:
            return
