"""Telemetry against the bare engine: writing events, and reading a million rows.

    python tests/bench/bench_telemetry.py [ROWS]

Writing: ``emit`` and ``flush`` of events in batches, as the service tells them, against
``INSERT … SELECT`` of ready Arrow tables of the same rows on a plain DuckDB file. Reading: the
Arrow stream that the API sends, and ``run_sql``'s part of it, against the same DuckDB reading into
Arrow. Prints rates, ratios, and what one flush of 1,000 rows costs when the table is full.
"""

from __future__ import annotations

import io
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from workbench.telemetry.catalog import STAGES
from workbench.telemetry.events import StageEvent
from workbench.telemetry.reader import read
from workbench.telemetry.rows import stored, to_arrow
from workbench.telemetry.writer import Telemetry

BATCH = 1_000
FLUSHES = 20


def events(first: int, count: int, now: int) -> list[StageEvent]:
    stages = ("queue", "fetch", "decode", "infer", "write", "index")
    return [
        StageEvent(
            f"chk_{number:032x}:{stages[number % 6]}",
            "ns_default",
            f"tsk_{number // 6000:032x}",
            "holidays.image",
            "image@1",
            stages[number % 6],
            now - number,
            0.25,
            64,
            5_000_000,
            "host-1:4711",
        )
        for number in range(first, first + count)
    ]


def seconds(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def write_raw(folder: Path, batches: list[pa.Table]) -> tuple[float, duckdb.DuckDBPyConnection]:
    columns = ", ".join(f'"{column.name}" {column.type}' for column in stored(STAGES).columns)
    connection = duckdb.connect(str(folder / "raw.duckdb"), config={"threads": 2})
    connection.execute(f"CREATE TABLE stages ({columns})").fetchall()

    def insert() -> None:
        for batch in batches:
            connection.register("batch", batch)
            connection.execute("INSERT INTO stages FROM batch").fetchall()

    return seconds(insert), connection


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    now = time.time_ns() // 1_000_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        telemetry = Telemetry(folder / "telemetry")
        told = [events(first, BATCH, now) for first in range(0, 100_000, BATCH)]

        def emit() -> None:
            for batch in told:
                telemetry.emit(*batch)
                telemetry.flush(60)

        ours = seconds(emit)
        raw, connection = write_raw(folder, [to_arrow(batch)[0]["stages"] for batch in told])
        count = len(told) * BATCH
        print(
            f"write  emit+flush {count / ours:9,.0f} rows/s   raw Arrow {count / raw:9,.0f} rows/s"
        )
        print(f"       ratio {raw / ours:.2f} in batches of {BATCH} (events to Arrow included)")

        for first in range(count, rows, 50_000):
            telemetry.emit(*events(first, min(50_000, rows - first), now))
            telemetry.flush(120)
        used = time.process_time()
        costs = [
            seconds(lambda n=n: _flush(telemetry, rows + n * BATCH, now)) for n in range(FLUSHES)
        ]
        used = (time.process_time() - used) / FLUSHES
        took = statistics.median(costs)
        print(
            f"       a flush of {BATCH} into {rows:,} rows: {took * 1e3:.1f} ms, "
            f"{used * 1e3:.1f} ms of CPU with making the events"
        )

        for first in range(count, rows, 50_000):
            tables, _ = to_arrow(events(first, min(50_000, rows - first), now))
            connection.register("batch", tables["stages"])
            connection.execute("INSERT INTO stages FROM batch").fetchall()
        columns = ", ".join(f'"{column}"' for column in STAGES.names())
        bare = _median(
            lambda: sum(
                batch.num_rows
                for batch in connection.sql(f"SELECT {columns} FROM stages").to_arrow_reader(65_536)
            )
        )
        read_all = _median(lambda: sum(b.num_rows for b in read(telemetry, "stages", "ns_default")))
        print(f"read   {rows:,} rows: ours {read_all:.3f} s   raw DuckDB {bare:.3f} s")
        print(f"       ratio {bare / read_all:.2f}")
        two = _median(
            lambda: sum(
                b.num_rows for b in read(telemetry, "stages", "ns_default", ["stage", "seconds"])
            )
        )
        print(f"       two columns {two:.3f} s")
        sent = io.BytesIO()
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        encode = seconds(lambda: _encode(sent, read(telemetry, "stages", "ns_default"), options))
        print(f"       as lz4 Arrow stream {encode:.3f} s, {sent.tell() / 1e6:.1f} MB")
        telemetry.close()
        connection.close()


def _flush(telemetry: Telemetry, first: int, now: int) -> None:
    telemetry.emit(*events(first, BATCH, now))
    telemetry.flush(60)


def _encode(sink: io.BytesIO, batches: Iterator[Any], options: Any) -> None:
    with pa.ipc.new_stream(sink, STAGES.schema(), options=options) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _median(work: Any, times: int = 3) -> float:
    return statistics.median(seconds(work) for _ in range(times))


if __name__ == "__main__":
    main()
