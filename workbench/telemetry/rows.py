"""Events as Arrow rows.

The stored columns are those of the catalog and three more: ``event_key`` (64 bits of BLAKE2b over
the event's id; comparing integers makes "is it there already" four times cheaper than comparing
ids), ``event_id`` and ``namespace_id``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import pyarrow as pa

from workbench.telemetry.arrow import ArrowColumn, ArrowTable
from workbench.telemetry.catalog import INTEGER, SEARCHES, STAGES, TEXT, Column, Table
from workbench.telemetry.events import Event, SearchEvent, StageEvent

#: The tables that events are written to, by their class.
EVENT_TABLES: Mapping[type[Event], Table] = {StageEvent: STAGES, SearchEvent: SEARCHES}

#: The last millisecond that a ``datetime`` can hold.
LAST_MOMENT = 253_402_300_799_999

KEYS = (
    Column("event_key", INTEGER, "hash of event_id"),
    Column("event_id", TEXT, "unique by what happened"),
    Column("namespace_id", TEXT, "whose event it is"),
)


def stored(table: Table) -> Table:
    """The table as it lies on disk."""
    return Table(table.name, table.meaning, table.source, KEYS + table.columns, table.time)


def event_key(event_id: str) -> int:
    digest = hashlib.blake2b(event_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def to_arrow(events: Sequence[Event]) -> tuple[dict[str, ArrowTable], int]:
    """The events by table, each id once (the first), and how many could not be written at all:
    a value that its column cannot hold costs that event and no other."""
    by_table: dict[str, dict[int, Event]] = {}
    for event in events:
        rows = by_table.setdefault(EVENT_TABLES[type(event)].name, {})
        rows.setdefault(event_key(event.event_id), event)
    tables: dict[str, ArrowTable] = {}
    rejected = 0
    for table in EVENT_TABLES.values():
        rows = by_table.get(table.name)
        if not rows:
            continue
        try:
            tables[table.name] = _build(table, rows)
        except (pa.ArrowException, ValueError, TypeError, OverflowError):
            good = {key: event for key, event in rows.items() if _fits(table, key, event)}
            rejected += len(rows) - len(good)
            if good:
                tables[table.name] = _build(table, good)
    return tables, rejected


def _build(table: Table, rows: Mapping[int, Event]) -> ArrowTable:
    schema = stored(table).schema()
    arrays: list[ArrowColumn] = [pa.array(list(rows), pa.int64())]
    for field in list(schema)[1:]:
        values = [getattr(event, field.name) for event in rows.values()]
        if field.name == table.time and not 0 <= min(values) <= max(values) <= LAST_MOMENT:
            raise ValueError("a time outside the years 1970 to 9999")
        arrays.append(pa.array(values, field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def _fits(table: Table, key: int, event: Event) -> bool:
    try:
        _build(table, {key: event})
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        return False
    return True
