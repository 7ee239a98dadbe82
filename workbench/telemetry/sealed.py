"""Days that are over, as Parquet: ``sealed/TABLE/day=YYYY-MM-DD/ID.parquet``.

Promises: a file whose name ends in ``.parquet`` is whole, on disk, and holds rows that are nowhere
else. It is written as ``ID.part``, and renamed once its rows were deleted from the DuckDB file; a
``.part`` found later tells by its keys how far that went. A day may have several files, since late
events are sealed when they come. A file that cannot be read costs its rows and no others.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.domain.ids import uuid7
from workbench.telemetry.arrow import ArrowBatch, ArrowColumn, ArrowTable, compute
from workbench.telemetry.catalog import Table
from workbench.telemetry.rows import EVENT_TABLES, LAST_MOMENT, stored

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Part:
    """A file that was written and not yet published."""

    table: Table
    day: date
    path: Path


class SealedDays:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.unreadable = 0

    def write(self, table: Table, day: date, batches: Iterable[ArrowBatch]) -> Part:
        """Writes the rows beside the published files, on disk when it returns."""
        folder = self._folder / table.name / f"day={day.isoformat()}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{uuid7().hex}.part"
        schema = stored(table).schema()
        with path.open("wb") as file:
            with pq.ParquetWriter(file, schema, compression="zstd") as writer:
                for batch in batches:
                    writer.write_batch(batch.cast(schema))
            file.flush()
            os.fsync(file.fileno())
        return Part(table, day, path)

    def publish(self, part: Part) -> None:
        os.rename(part.path, part.path.with_suffix(".parquet"))
        folder = os.open(part.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def parts(self) -> list[Part]:
        """What an earlier process left unpublished."""
        return [
            Part(table, day, path)
            for table in EVENT_TABLES.values()
            for day, folder in self._days(table)
            for path in sorted(folder.glob("*.part"))
        ]

    def keys(self, path: Path) -> ArrowColumn | None:
        """The event keys of a file; None when it is not whole."""
        try:
            return pq.read_table(path, columns=["event_key"]).column("event_key")
        except (pa.ArrowException, OSError):
            return None

    def new_rows(self, table: Table, day: date, rows: ArrowTable) -> ArrowTable:
        """``rows`` without those whose keys are already in the sealed day."""
        for path in self._files(self._folder / table.name / f"day={day.isoformat()}"):
            known = self.keys(path)
            if known is not None and rows.num_rows:
                rows = rows.filter(
                    compute.invert(compute.is_in(rows["event_key"], value_set=known))
                )
        return rows

    def files(self, table: Table, since: int | None, until: int | None) -> list[Path]:
        """The published files of the days that the range (milliseconds) touches."""
        first, last = _day_of(since), _day_of(until)
        return [
            path
            for day, folder in self._days(table)
            if (first is None or day >= first) and (last is None or day <= last)
            for path in self._files(folder)
        ]

    def scan(
        self,
        files: Sequence[Path],
        table: Table,
        namespace_id: str,
        columns: tuple[str, ...],
        since: int | None,
        until: int | None,
    ) -> Iterator[ArrowBatch]:
        """Like ``EventFile.scan``, over published files; one that retention has just removed, or
        that is damaged, is left out."""
        # Here, because it imports pandas: a second of each start, for days that may not be there.
        import pyarrow.dataset as ds

        wanted = ds.field("namespace_id") == namespace_id
        time = stored(table).schema().field(table.time or "").type
        if since is not None:
            wanted &= ds.field(table.time or "") >= pa.scalar(since, time)
        if until is not None:
            wanted &= ds.field(table.time or "") < pa.scalar(until, time)
        for path in files:
            try:
                dataset = ds.dataset(path, schema=stored(table).schema(), format="parquet")
                yield from dataset.to_batches(
                    columns=list(columns), filter=wanted, batch_readahead=1, use_threads=False
                )
            except FileNotFoundError:
                continue
            except (pa.ArrowException, OSError) as error:
                self.unreadable += 1
                _log.warning("sealed telemetry %s cannot be read: %s", path.name, error)

    def expire(self, before: date) -> int:
        """Removes the days before ``before``; returns how many."""
        gone = [
            folder
            for table in EVENT_TABLES.values()
            for day, folder in self._days(table)
            if day < before
        ]
        for folder in gone:
            shutil.rmtree(folder, ignore_errors=True)
        return len(gone)

    def _days(self, table: Table) -> list[tuple[date, Path]]:
        found: list[tuple[date, Path]] = []
        for folder in sorted((self._folder / table.name).glob("day=*")):
            try:
                found.append((date.fromisoformat(folder.name.removeprefix("day=")), folder))
            except ValueError:
                continue  # not ours
        return found

    def _files(self, folder: Path) -> list[Path]:
        return sorted(folder.glob("*.parquet"))


def _day_of(millis: int | None) -> date | None:
    if millis is None:
        return None
    return datetime.fromtimestamp(min(max(millis, 0), LAST_MOMENT) / 1000, UTC).date()
