"""Rows of the metadata store and payloads of the vector store as Arrow batches of the catalog."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from workbench.domain import filters
from workbench.telemetry import catalog
from workbench.telemetry.arrow import ArrowBatch, ArrowColumn
from workbench.vectors.port import Point, SpaceNotFound, VectorStore, scroll_all

#: Fields of a payload that stay inside.
_INSIDE = frozenset({"namespace", "collection_id", "segment", "content"})
_PLACED = _INSIDE | frozenset(catalog.DOCUMENTS.names())


def metadata(
    table: catalog.Table, columns: Sequence[str], pages: Iterable[Mapping[str, Sequence[Any]]]
) -> Iterator[ArrowBatch]:
    """Pages of columns as batches; milliseconds become times by their column's type."""
    schema = table.schema(columns)
    for page in pages:
        arrays = [pa.array(page[field.name], field.type) for field in schema]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


async def documents(
    store: VectorStore, spaces: Iterable[str], namespace_id: str, columns: Sequence[str]
) -> AsyncIterator[ArrowBatch]:
    """The namespace's documents of all ``spaces``, a thousand at a time. What an extractor wrote
    against its column's type is null."""
    schema = catalog.DOCUMENTS.schema(columns)
    where = filters.eq("namespace", namespace_id)
    for space in spaces:
        try:
            async for points in scroll_all(store, space, where):
                arrays = [_column(field.name, field.type, points) for field in schema]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)
        except SpaceNotFound:
            continue  # nothing was indexed in it yet, or it is gone


def _column(name: str, kind: Any, points: Sequence[Point]) -> ArrowColumn:
    match name:
        case "document_id":
            return pa.array([point.id for point in points], kind)
        case "payload":
            return pa.array([_others(point.payload) for point in points], kind)
        case "modified_at":
            return pa.array([_millis(point.payload.get(name)) for point in points], kind)
        case _:
            values = [point.payload.get(name) for point in points]
    if pa.types.is_list(kind):  # to Arrow a text is a list of letters
        values = [value if isinstance(value, list) else None for value in values]
    try:
        return pa.array(values, kind)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return pa.array([value if _fits(value, kind) else None for value in values], kind)


def _fits(value: Any, kind: Any) -> bool:
    try:
        pa.array([value], kind)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return False
    return True


def _others(payload: Mapping[str, Any]) -> str:
    others = {name: value for name, value in payload.items() if name not in _PLACED}
    return json.dumps(others, separators=(",", ":"))


def _millis(value: Any) -> int | None:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
