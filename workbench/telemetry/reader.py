"""Reading events as Arrow, projection and time range pushed down, one namespace at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from workbench.domain.errors import not_found
from workbench.telemetry.arrow import ArrowBatch
from workbench.telemetry.catalog import check_range, choose, find
from workbench.telemetry.rows import EVENT_TABLES
from workbench.telemetry.writer import Telemetry

#: How long a reader waits for events that were emitted just before. The very first ones of a
#: process take longest: DuckDB takes Arrow through pyarrow.dataset, which imports pandas.
_PATIENCE = 3.0


def read(
    telemetry: Telemetry,
    table: str,
    namespace_id: str,
    columns: Sequence[str] | None = None,
    since: int | None = None,
    until: int | None = None,
) -> Iterator[ArrowBatch]:
    """Rows of ``stages`` or ``searches`` with ``since`` <= time < ``until`` (UTC milliseconds), in
    no order, as batches of at most 65,536 rows with the catalog's types.

    Sees every event that was emitted before the first batch is asked for, unless the disk is in
    trouble. An unknown table or column raises at once; ``UNAVAILABLE`` may come while reading.
    Blocks: async code asks for each batch in a thread. Close the iterator to stop early.
    """
    found = find(table)
    if found not in EVENT_TABLES.values():
        names = ", ".join(known.name for known in EVENT_TABLES.values())
        raise not_found("table of events", table, f"the tables of events are {names}")
    chosen = choose(found, columns)
    check_range(found, since, until)

    def batches() -> Iterator[ArrowBatch]:
        telemetry.flush(_PATIENCE)
        yield from telemetry.store.read(found, namespace_id, chosen, since, until)

    return batches()
