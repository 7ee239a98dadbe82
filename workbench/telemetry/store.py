"""Where events lie: today and yesterday in a DuckDB file, older days sealed as Parquet.

The writer's thread alone opens, writes and seals; any thread reads. A reader sees every row once:
it takes its snapshot of the DuckDB file and its list of sealed files under the lock that sealing
holds while a day goes from one to the other.

When the DuckDB file is damaged it is moved aside (first only its write-ahead log, where that is
what cannot be read) and a new one begun; the two newest such files are kept for a person to look
at. What may pass by itself, a full disk or another process that has not let go yet, is raised as
``NotNow`` and costs nothing.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from workbench.domain.errors import Code, WorkbenchError
from workbench.telemetry.arrow import ArrowBatch, ArrowTable, compute
from workbench.telemetry.catalog import Table
from workbench.telemetry.hot import EngineLimits, EventFile, ScanClosed
from workbench.telemetry.rows import EVENT_TABLES
from workbench.telemetry.sealed import Part, SealedDays

_log = logging.getLogger(__name__)
_KEPT_ASIDE = 2
#: What the system says (DuckDB passes it on as text) when the fault is not in the file.
_PASSING = (
    "Could not set lock",
    "No space left",
    "File too large",
    "Disk quota",
    "max_temp_directory_size",
    "Permission denied",
    "Read-only file system",
    "Too many open files",
    "No such file or directory",
    "Input/output error",
    "Out of Memory",
)


class NotNow(Exception):
    """Telemetry cannot be written now; the same call may succeed later."""


class Damaged(Exception):
    """DuckDB failed for a reason that will not pass by itself."""


class EventStore:
    def __init__(self, folder: Path, limits: EngineLimits) -> None:
        self._folder = folder
        self._path = folder / "events.duckdb"
        self._limits = limits
        self._layout = threading.Lock()
        self._file: EventFile | None = None
        self.sealed = SealedDays(folder / "sealed")
        self.moved_aside = 0

    def open(self) -> None:
        """Opens the file if it is not open; a damaged one is replaced. Raises ``NotNow``."""
        if self._file is not None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            shutil.rmtree(self._folder / "spill", ignore_errors=True)
        except OSError as error:
            raise NotNow(str(error)) from error
        file = self._open_whole()
        self._finish_parts(file)
        self._file = file

    def _open_whole(self) -> EventFile:
        for last in (False, False, True):
            try:
                return EventFile(self._path, self._limits)
            except duckdb.Error as error:
                if last or _passing(error):
                    raise NotNow(_first_line(error)) from error
                log_only = "WAL" in str(error) and _log_of(self._path).exists()
                self._move_aside(error, log_only=log_only)
        raise AssertionError("unreachable")

    def _finish_parts(self, file: EventFile) -> None:
        for part in self.sealed.parts():
            keys = self.sealed.keys(part.path)
            if keys is None or file.holds(part.table, keys):
                part.path.unlink()  # its rows are still in the file, which seals them again
            else:
                self.sealed.publish(part)

    def replace(self, error: Exception) -> None:
        """Gives up the present file: closes it and moves it aside. Raises ``NotNow``."""
        self.close()
        self._move_aside(error, log_only=False)

    def _move_aside(self, error: Exception, *, log_only: bool) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        aside = f".damaged-{stamp}"
        try:
            for path in (_log_of(self._path), self._path):
                if path.exists() and not (log_only and path == self._path):
                    path.rename(path.with_name(path.name + aside))
        except OSError as cause:
            raise NotNow(str(cause)) from cause
        self.moved_aside += 1
        _log.error(
            "the telemetry %s was damaged and is now %s: %s",
            "log" if log_only else "file", f"*{aside}", _first_line(error),
        )  # fmt: skip
        stamps = sorted({p.name.split(".damaged-")[1] for p in self._folder.glob("*.damaged-*")})
        for old in stamps[:-_KEPT_ASIDE]:
            for path in self._folder.glob(f"*.damaged-{old}"):
                path.unlink(missing_ok=True)

    def write(self, tables: Mapping[str, ArrowTable], sealed_before: date) -> int:
        """Adds what is new, at once or not at all; returns how many rows that were. Raises
        ``NotNow`` or ``Damaged``; the file is closed then."""
        self.open()
        try:
            return self._opened().insert(
                {
                    name: self._unsealed(EVENT_TABLES_BY_NAME[name], rows, sealed_before)
                    for name, rows in tables.items()
                }
            )
        except duckdb.Error as error:
            self.close()
            if _passing(error):
                raise NotNow(_first_line(error)) from error
            raise Damaged(_first_line(error)) from error

    def _unsealed(self, table: Table, rows: ArrowTable, sealed_before: date) -> ArrowTable:
        """Late events may be told a second time after their day was sealed."""
        time = table.time or ""
        start = datetime(sealed_before.year, sealed_before.month, sealed_before.day, tzinfo=UTC)
        late = rows.filter(compute.less(rows[time], pa.scalar(start, rows.schema.field(time).type)))
        for day in compute.unique(compute.cast(late[time], pa.date32())).to_pylist():
            rows = self.sealed.new_rows(table, day, rows)
        return rows

    def seal(self, before: date) -> int:
        """Moves the days before ``before`` to Parquet; returns how many. Raises as ``write``."""
        self.open()
        file, moved = self._opened(), 0
        try:
            for table in EVENT_TABLES.values():
                for day in file.days(table, before):
                    part = self.sealed.write(table, day, file.day(table, day))
                    self._hand_over(file, part)
                    moved += 1
            if moved:
                file.checkpoint()
        except (duckdb.Error, OSError) as error:
            self.close()
            if isinstance(error, OSError) or _passing(error):
                raise NotNow(_first_line(error)) from error
            raise Damaged(_first_line(error)) from error
        return moved

    def _hand_over(self, file: EventFile, part: Part) -> None:
        with self._layout:
            file.delete_day(part.table, part.day)
            self.sealed.publish(part)

    def read(
        self,
        table: Table,
        namespace_id: str,
        columns: tuple[str, ...],
        since: int | None,
        until: int | None,
    ) -> Iterator[ArrowBatch]:
        """Batches of the columns in their order; in no order of rows. Raises ``UNAVAILABLE`` when
        the file cannot be read now."""
        schema = table.schema(columns)
        try:
            with self._layout:
                files = self.sealed.files(table, since, until)
                scan = self._opened().scan(table, namespace_id, columns, since, until)
            for batch in scan:
                yield batch.cast(schema)
            for batch in self.sealed.scan(files, table, namespace_id, columns, since, until):
                if batch.num_rows:
                    yield batch.cast(schema)
        except (duckdb.Error, ScanClosed, NotNow) as error:
            raise WorkbenchError(
                Code.UNAVAILABLE, "telemetry cannot be read now", "try again in a moment"
            ) from error

    def _opened(self) -> EventFile:
        if self._file is None:
            raise NotNow("the file is not open")
        return self._file

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


EVENT_TABLES_BY_NAME: Mapping[str, Table] = {t.name: t for t in EVENT_TABLES.values()}


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + ".wal")


def _passing(error: Exception) -> bool:
    return isinstance(error, duckdb.OutOfMemoryException) or any(
        text in str(error) for text in _PASSING
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
