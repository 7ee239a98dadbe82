"""The tables that SQL knows, as Arrow: a list of them, and each as a stream.

SQL runs where the caller is; here a table is read, cut to columns and a time range, and sent in
record batches as they come, compressed with lz4. The first batch is read before the answer begins,
so that what cannot be read is an ordinary error; an answer that breaks off later is cut, and the
client sees that. Nothing is held but one batch.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import Annotated

import pyarrow as pa
from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from workbench.api.requests import NamespaceId, ServicesOf, answer
from workbench.api.telemetry_rows import documents, metadata
from workbench.domain.wire import Page, SqlColumnOut, SqlTableOut
from workbench.store.database import Database
from workbench.store.endings import Endings
from workbench.store.exports import Exports
from workbench.telemetry import catalog, reader
from workbench.telemetry.arrow import ArrowBatch, ArrowSchema
from workbench.telemetry.rows import LAST_MOMENT
from workbench.telemetry.writer import Telemetry
from workbench.vectors.port import VectorStore

MEDIA_TYPE = "application/vnd.apache.arrow.stream"
Batches = AsyncGenerator[ArrowBatch]


class SqlTables:
    """Any table of the catalog, read from where it lies."""

    def __init__(self, telemetry: Telemetry, database: Database) -> None:
        self._telemetry = telemetry
        self._exports = Exports(database)
        self._endings = Endings(database)

    def read(
        self,
        vectors: VectorStore,
        table: catalog.Table,
        namespace_id: str,
        columns: tuple[str, ...],
        since: int | None,
        until: int | None,
    ) -> Batches:
        catalog.check_range(table, since, until)
        match table.source:
            case "events":
                return _in_threads(
                    reader.read(self._telemetry, table.name, namespace_id, columns, since, until)
                )
            case "metadata":
                pages = self._exports.pages(table.name, namespace_id, columns, since, until)
                return _in_threads(metadata(table, columns, pages))
            case "vectors":
                return self._documents(vectors, namespace_id, columns)

    async def _documents(
        self, vectors: VectorStore, namespace_id: str, columns: tuple[str, ...]
    ) -> Batches:
        spaces = await run_in_threadpool(self._endings.spaces, namespace_id)
        async for batch in documents(vectors, spaces, namespace_id, columns):
            yield batch


def telemetry_router(telemetry: Telemetry, database: Database) -> APIRouter:
    """Routes below /v1/telemetry."""
    router = APIRouter(prefix="/telemetry", tags=["telemetry"])
    tables = SqlTables(telemetry, database)

    @router.get("", response_model=Page[SqlTableOut])
    async def list_tables(  # pyright: ignore[reportUnusedFunction]
        namespace_id: NamespaceId,
    ) -> Response:
        """The tables with their columns, types and meaning."""
        return answer(Page[SqlTableOut](results=[_out(t) for t in catalog.TABLES.values()]))

    @router.get("/{table}", response_class=Response, responses={200: {"content": {MEDIA_TYPE: {}}}})
    async def read_table(  # pyright: ignore[reportUnusedFunction]
        table: str,
        services: ServicesOf,
        namespace_id: NamespaceId,
        columns: Annotated[str | None, Query(description="names with commas; default: all")] = None,
        since: Annotated[
            int | None, Query(ge=0, le=LAST_MOMENT, description="from, in UTC milliseconds")
        ] = None,
        until: Annotated[
            int | None, Query(ge=0, le=LAST_MOMENT, description="before, in UTC milliseconds")
        ] = None,
    ) -> Response:
        """One table as an Arrow IPC stream, in no order."""
        found = catalog.find(table)
        names = None if columns is None else [name for name in columns.split(",") if name]
        chosen = catalog.choose(found, names)
        batches = tables.read(services.vectors, found, namespace_id, chosen, since, until)
        return await _streamed(found.schema(chosen), batches)

    return router


def _out(table: catalog.Table) -> SqlTableOut:
    columns = [SqlColumnOut(name=c.name, type=c.type, meaning=c.meaning) for c in table.columns]
    return SqlTableOut(name=table.name, meaning=table.meaning, columns=columns, time=table.time)


async def _in_threads(batches: Iterator[ArrowBatch]) -> Batches:
    """A blocking iterator, each step in a thread; closed with this one."""
    try:
        while (batch := await run_in_threadpool(next, batches, None)) is not None:
            yield batch
    finally:
        close = getattr(batches, "close", None)
        if close is not None:
            close()


async def _streamed(schema: ArrowSchema, batches: Batches) -> Response:
    try:
        first = await anext(batches, None)
    except BaseException:
        await batches.aclose()
        raise
    return StreamingResponse(_encoded(schema, first, batches), media_type=MEDIA_TYPE)


async def _encoded(
    schema: ArrowSchema, first: ArrowBatch | None, rest: Batches
) -> AsyncIterator[bytes]:
    sink = _Sink()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    async with aclosing(rest):
        writer = pa.ipc.new_stream(pa.PythonFile(sink, "w"), schema, options=options)
        if first is not None:
            writer.write_batch(first)
        yield sink.taken()
        async for batch in rest:
            writer.write_batch(batch)
            yield sink.taken()
        writer.close()
        yield sink.taken()


class _Sink:
    """Keeps what was written until it is taken."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None: ...

    def taken(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        return data
