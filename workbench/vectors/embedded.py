"""The adapter for the embedded engine: a client of the owner process (``owner.py``).

Calls share a small pool of connections, one call on each at a time; a call that is cancelled closes
its connection, so that no answer is taken for another's. Every call is idempotent: when the owner
goes away under it, it is sent again until the owner is back or ``patience`` seconds have passed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.domain.filters import Filter
from workbench.vectors import checks, wire
from workbench.vectors.conditions import to_engine
from workbench.vectors.port import (
    Arm,
    BadVectors,
    Point,
    PointBatch,
    Scored,
    SpaceNotFound,
    SpaceSpec,
    VectorsUnavailable,
)

_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_LOST = (ConnectionError, FileNotFoundError, asyncio.IncompleteReadError)


class EmbeddedStore:
    """``VectorStore`` over the socket of an owner. Belongs to one event loop.

    ``patience``: seconds to wait for an owner that is away. ``timeout``: seconds for an answer of
    an owner that is there. ``connections``: how many reads are under way at once; writes have half
    as many of their own, so that queued uploads leave room for searches.
    """

    def __init__(
        self,
        socket: Path,
        *,
        patience: float = 15.0,
        timeout: float = 120.0,
        connections: int = 8,
    ) -> None:
        self._socket = socket
        self._patience = patience
        self._timeout = timeout
        self._reads = asyncio.Semaphore(connections)
        self._writes = asyncio.Semaphore(max(1, connections // 2))
        self._idle: list[_Connection] = []
        self._closed = False

    async def ensure_space(self, spec: SpaceSpec) -> None:
        checks.spec(spec)
        dense = [(v.name, v.dimension, v.distance) for v in spec.dense]
        await self._tell("ensure_space", spec.name, dense, spec.text, dict(spec.indexes))

    async def spaces(self) -> list[str]:
        return await self._ask("spaces")

    async def drop_space(self, space: str) -> None:
        await self._tell("drop_space", space)

    async def upsert(self, space: str, batch: PointBatch) -> None:
        columns = checks.columns(batch)
        if columns.ids:
            blocks = wire.pack_blocks(columns.vectors)
            rows = wire.pack_rows(columns)
            await self._tell("upsert", space, len(columns.ids), blocks, rows)

    async def delete(self, space: str, where: Filter) -> int:
        return await self._tell("delete", space, to_engine(where))

    async def search(self, arms: Sequence[Arm]) -> list[list[Scored]]:
        asked = [_wire_arm(arm) for arm in arms]
        lists = await self._ask("search", asked) if asked else []
        return [[Scored(i, score, payload or {}) for i, score, payload in hits] for hits in lists]

    async def retrieve(
        self, space: str, ids: Sequence[str], *, vectors: bool = False
    ) -> dict[str, Point]:
        asked = list(dict.fromkeys(checks.canonical(i) for i in ids))
        points = wire.unpack_points(await self._ask("retrieve", space, asked, vectors))
        return {p.id: p for p in points}

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
        page, following = await self._ask("scroll", space, to_engine(where), limit, cursor, vectors)
        return wire.unpack_points(page), following

    async def count(self, space: str, where: Filter | None = None) -> int:
        return await self._ask("count", space, to_engine(where))

    async def facet(
        self, space: str, key: str, where: Filter | None = None, *, limit: int = 20
    ) -> list[tuple[str | int | bool, int]]:
        checks.page(limit, None)
        found = await self._ask("facet", space, key, to_engine(where), limit)
        return [(value, count) for value, count in found]

    async def optimize(self, space: str) -> None:
        await self._call(("optimize", space), self._writes, None)

    async def health(self) -> Mapping[str, Any]:
        return await self._ask("health")

    async def close(self) -> None:
        self._closed = True
        self._forget_idle()

    # ---- calls ----------------------------------------------------------------------------------

    async def _ask(self, *request: Any) -> Any:
        return await self._call(request, self._reads, self._timeout)

    async def _tell(self, *request: Any) -> Any:
        return await self._call(request, self._writes, self._timeout)

    async def _call(
        self, request: Sequence[Any], slots: asyncio.Semaphore, limit: float | None
    ) -> Any:
        frame = wire.pack(request)
        loop = asyncio.get_running_loop()
        until: float | None = None
        pause = 0.01
        while True:
            if self._closed:
                raise VectorsUnavailable("this store is closed")
            try:
                async with slots:
                    return _value(*await self._exchange(frame, limit))
            except _LOST as error:
                self._forget_idle()
                until = until or loop.time() + self._patience
                if loop.time() + pause > until:
                    raise VectorsUnavailable(
                        f"the vectors' owner does not answer on {self._socket}"
                    ) from error
            except TimeoutError as error:
                raise VectorsUnavailable(f"no answer in {limit:g} seconds") from error
            except OSError as error:
                raise VectorsUnavailable(f"{self._socket}: {error}") from error
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.5)

    async def _exchange(self, frame: bytes, limit: float | None) -> Any:
        async with asyncio.timeout(limit):
            connection = self._idle.pop() if self._idle else await self._open()
            reader, writer = connection
            try:
                writer.write(frame)
                await writer.drain()
                answer = await wire.read(reader)
            except BaseException:
                writer.close()
                raise
            if self._closed:
                writer.close()
            else:
                self._idle.append(connection)
            return answer

    async def _open(self) -> _Connection:
        return await asyncio.open_unix_connection(self._socket, limit=wire.READ_AHEAD)

    def _forget_idle(self) -> None:
        while self._idle:
            _, writer = self._idle.pop()
            writer.close()


def _wire_arm(arm: Arm) -> tuple[Any, ...]:
    vector = checks.arm(arm)
    return (
        arm.space,
        arm.using,
        arm.limit,
        None if vector is None else vector.tobytes(),
        arm.text,
        to_engine(arm.filter),
        arm.payload,
        arm.exact,
    )


def _value(status: int, value: Any) -> Any:
    match status:
        case wire.OK:
            return value
        case wire.BAD:
            raise BadVectors(value)
        case wire.NOT_FOUND:
            raise SpaceNotFound(value)
        case wire.AWAY:
            raise ConnectionResetError(value)
        case _:
            raise VectorsUnavailable(value)
