from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import fields
from pathlib import Path

import duckdb
import pytest
from telemetry_events import rows, search, stage

from workbench.telemetry.catalog import SEARCHES, STAGES
from workbench.telemetry.events import SearchEvent, StageEvent

HERE = Path(__file__).parent


def test_columns_are_the_fields_of_the_events() -> None:
    for event, table in ((StageEvent, STAGES), (SearchEvent, SEARCHES)):
        names = [f.name for f in fields(event)]
        assert names[:2] == ["event_id", "namespace_id"]
        assert tuple(names[2:]) == table.names()


def test_what_was_emitted_is_read_back(opened) -> None:
    telemetry = opened()
    telemetry.emit(stage("a", collection=None, extractor=None), search("s", error="unavailable"))
    (row,) = rows(telemetry)
    assert row["started_at"].isoformat() == "2026-11-24T12:00:00+00:00"
    assert (row["collection"], row["seconds"], row["rows"], row["worker"]) == (None, 0.5, 8, "w1")
    (found,) = rows(telemetry, "searches")
    assert (found["error"], found["hits"]) == ("unavailable", 10)


def test_it_survives_a_restart(opened, tmp_path: Path) -> None:
    first = opened()
    first.emit(*[stage(f"e{n}") for n in range(10)])
    first.close()
    assert len(rows(opened())) == 10


def test_an_event_told_twice_is_one_row(opened) -> None:
    telemetry = opened()
    telemetry.emit(stage("same", seconds=1.0), stage("same", seconds=2.0))
    assert telemetry.flush()
    telemetry.emit(stage("same", seconds=3.0), search("same"))
    assert telemetry.flush()
    assert [row["seconds"] for row in rows(telemetry)] == [1.0]
    assert len(rows(telemetry, "searches")) == 1
    health = telemetry.health()
    assert (health.written, health.duplicates) == (2, 2)


def test_it_writes_without_being_asked(opened) -> None:
    telemetry = opened()
    telemetry.emit(stage("a"))
    deadline = time.monotonic() + 5
    while telemetry.health().written < 1 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert telemetry.health().written == 1


def test_a_full_queue_drops_the_oldest_and_never_waits(opened, tmp_path: Path) -> None:
    folder = tmp_path / "blocked"
    folder.mkdir()
    holder = _hold_the_file(folder)
    try:
        telemetry = opened(folder, capacity=100, interval=0.05)
        assert _until(lambda: telemetry.health().state == "down")
        telemetry.emit(stage("first"))
        assert _until(lambda: not telemetry._queue)  # taken, and tried again and again
        began = time.perf_counter()
        for n in range(1000):
            telemetry.emit(stage(f"e{n}"))
        assert time.perf_counter() - began < 1.0
        health = telemetry.health()
        assert health.dropped == 900
        assert "lock" in health.detail
    finally:
        holder.kill()
        holder.wait()
    assert _until(lambda: telemetry.flush(0.2))
    kept = telemetry.health()
    assert (kept.state, kept.written, kept.moved_aside) == ("ok", 101, 0)
    telemetry.emit(*[stage(f"e{n}") for n in range(900, 1000)])  # the newest were kept
    assert telemetry.flush()
    assert telemetry.health().duplicates == 100


def test_many_threads_emit_at_once(opened) -> None:
    telemetry = opened()

    def tell(thread: int) -> None:
        for n in range(500):
            telemetry.emit(stage(f"{thread}:{n}"), stage(f"shared:{n}"))

    threads = [threading.Thread(target=tell, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert telemetry.flush(20)
    health = telemetry.health()
    assert health.accepted == 8000
    assert (health.written, health.duplicates, health.dropped) == (4500, 3500, 0)
    assert len(rows(telemetry)) == 4500


def test_a_value_that_does_not_fit_costs_one_event(opened) -> None:
    telemetry = opened()
    telemetry.emit(
        stage("good"),
        stage("too large", bytes=2**70),
        stage("lone surrogate", worker="\ud800"),
        stage("no time", started_at=-5),
        stage("wrong", rows="many"),
        search("fine"),
    )
    assert telemetry.flush()
    assert telemetry.health().rejected == 4
    assert len(rows(telemetry)) == len(rows(telemetry, "searches")) == 1


def test_emitting_after_the_end_is_counted_as_dropped(opened) -> None:
    telemetry = opened()
    telemetry.emit(stage("a"))
    telemetry.close()
    telemetry.emit(stage("b"))
    assert telemetry.flush(0.1)  # nothing is waiting any more
    assert (telemetry.health().written, telemetry.health().dropped) == (1, 1)


@pytest.mark.parametrize("harm", ["garbage", "cut", "middle"])
def test_a_damaged_file_is_moved_aside(opened, tmp_path: Path, harm: str) -> None:
    folder = tmp_path / "telemetry"
    first = opened()
    first.emit(*[stage(f"e{n}", worker=os.urandom(20).hex()) for n in range(5000)])
    first.close()
    path = folder / "events.duckdb"
    data = bytearray(path.read_bytes())
    if harm == "garbage":
        data[:] = os.urandom(len(data))
    elif harm == "cut":
        data = data[: len(data) // 2]
    else:
        for start in range(12_288, len(data), 4096):
            data[start : start + 64] = os.urandom(64)
    path.write_bytes(data)
    second = opened()
    second.emit(stage("after"))
    assert _until(lambda: second.flush(0.2))
    assert [row["task_id"] for row in rows(second)] == ["tsk_1"]
    assert second.health().moved_aside == 1
    assert len(list(folder.glob("events.duckdb.damaged-*"))) == 1


def test_a_damaged_log_costs_only_the_log(opened, tmp_path: Path) -> None:
    folder = tmp_path / "telemetry"
    first = opened()
    first.emit(stage("kept"))
    first.close()
    _writes_and_dies(folder, count=50)
    log = folder / "events.duckdb.wal"
    data = bytearray(log.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40] = os.urandom(40)
    log.write_bytes(data)
    second = opened()
    assert len(rows(second)) == 1
    assert second.health().moved_aside == 1
    assert not list(folder.glob("events.duckdb.damaged-*"))


def test_kill_loses_at_most_what_was_not_flushed(opened, tmp_path: Path) -> None:
    """The child says how far it was flushed, goes on emitting, and is killed."""
    folder = tmp_path / "telemetry"
    flushed = _writes_and_dies(folder, count=3000)
    assert flushed >= 3000
    telemetry = opened()
    found = {row["worker"] for row in rows(telemetry, columns=["worker"])}
    assert {f"w{n}" for n in range(flushed)} <= found
    assert telemetry.health().moved_aside == 0


def test_a_full_disk_stops_writing_until_there_is_room(tmp_path: Path) -> None:
    """In a process of its own, whose files may not grow beyond a limit for a while."""
    code = (HERE / "telemetry_full_disk.py").read_text()
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "telemetry")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["down", "ok", "0"]


def test_only_this_process_may_open_the_file(opened, tmp_path: Path) -> None:
    telemetry = opened()
    telemetry.emit(stage("a"))
    assert telemetry.flush()
    other = "import duckdb, sys; duckdb.connect(sys.argv[1], read_only=True)"
    path = str(tmp_path / "telemetry" / "events.duckdb")
    done = subprocess.run([sys.executable, "-c", other, path], capture_output=True, check=False)
    assert done.returncode != 0
    assert b"lock" in done.stderr


def test_the_connection_reaches_no_other_file(opened, tmp_path: Path) -> None:
    telemetry = opened()
    telemetry.emit(stage("a"))
    assert telemetry.flush()
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n")
    run = telemetry.store._opened()._run
    for sql in (
        f"SELECT * FROM read_csv('{tmp_path}/secret.csv')",
        f"COPY stages TO '{tmp_path}/out.csv'",
        f"ATTACH '{tmp_path}/other.duckdb'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
    ):
        with pytest.raises(duckdb.Error):
            run(sql)
    assert not (tmp_path / "out.csv").exists()


def _until(condition, seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def _hold_the_file(folder: Path) -> subprocess.Popen[str]:
    code = (
        "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); "
        "print('held', flush=True); time.sleep(60)"
    )
    path = str(folder / "events.duckdb")
    holder = subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def _writes_and_dies(folder: Path, count: int) -> int:
    """A process that flushes ``count`` events and more, and is killed while it writes; returns how
    many it had said were flushed."""
    writer = subprocess.Popen(
        [sys.executable, str(HERE / "telemetry_endless.py"), str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    flushed = 0
    for line in writer.stdout:
        flushed = int(line)
        if flushed >= count:
            break
    writer.send_signal(signal.SIGKILL)
    rest = [int(line) for line in writer.stdout if line.endswith("\n")]
    writer.wait()
    return max([flushed, *rest])
