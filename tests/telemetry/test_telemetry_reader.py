from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from telemetry_events import DAY, NOON, rows, stage

from workbench.domain.errors import Code, WorkbenchError
from workbench.telemetry import catalog
from workbench.telemetry.reader import read


def test_a_reader_sees_one_namespace(opened) -> None:
    telemetry = opened()
    telemetry.emit(stage("a"), stage("b", namespace_id="ns_b"), stage("c", namespace_id="' OR 1"))
    assert len(rows(telemetry)) == 1
    assert len(rows(telemetry, namespace="' OR 1")) == 1
    assert rows(telemetry, namespace="ns_c") == []


def test_columns_come_in_the_order_asked_for(opened) -> None:
    telemetry = opened()
    telemetry.emit(stage("a"))
    (batch,) = read(telemetry, "stages", "ns_a", ["seconds", "stage", "started_at"])
    assert batch.schema == catalog.STAGES.schema(["seconds", "stage", "started_at"])
    (batch,) = read(telemetry, "stages", "ns_a")
    assert batch.schema == catalog.STAGES.schema()


@pytest.mark.parametrize(
    ("table", "options", "code", "hint"),
    [
        ("stagez", {}, Code.NOT_FOUND, "stages"),
        ("tasks", {}, Code.NOT_FOUND, "searches"),
        ("stages", {"columns": ["secnds"]}, Code.INVALID_PARAMETER, "did you mean seconds"),
        ("stages", {"columns": ["event_id"]}, Code.INVALID_PARAMETER, "task_id"),
        ("stages", {"columns": []}, Code.INVALID_PARAMETER, ""),
    ],
)
def test_what_is_not_there_is_said_at_once(opened, table, options, code, hint) -> None:
    with pytest.raises(WorkbenchError) as caught:
        read(opened(), table, "ns_a", **options)
    assert caught.value.code == code
    assert hint in (caught.value.hint or "")


def test_a_range_needs_a_time_column() -> None:
    with pytest.raises(WorkbenchError, match="no time column"):
        catalog.check_range(catalog.ITEMS, 1, None)
    catalog.check_range(catalog.ITEMS, None, None)


def test_ranges_far_outside_are_no_error(opened) -> None:
    telemetry = opened()
    telemetry.emit(stage("a"))
    assert len(rows(telemetry, since=-(10**18), until=10**18)) == 1
    assert rows(telemetry, since=10**18) == []


def test_reading_goes_on_while_writing_and_sealing(opened) -> None:
    """Every read sees all rows of one moment: never fewer than before, never one twice."""
    telemetry = opened(interval=0.01)
    telemetry.emit(*[stage(f"s{n}", started_at=NOON - (n % 6) * DAY) for n in range(6000)])
    assert telemetry.flush()
    faults: list[str] = []
    ended = threading.Event()

    def look() -> None:
        least = 6000
        while not ended.is_set():
            seen = [row["worker"] for row in rows(telemetry, columns=["worker"])]
            if len(seen) < least:
                faults.append(f"{len(seen)} rows after {least}")
            least = len(seen)

    readers = [threading.Thread(target=look) for _ in range(3)]
    for reader in readers:
        reader.start()
    written = 6000
    for round_ in range(15):
        late = [stage(f"r{round_}:{n}", started_at=NOON - (n % 6) * DAY) for n in range(60)]
        telemetry.emit(*late)
        written += 60
        assert telemetry.flush()
        with telemetry._wake:
            telemetry._next_upkeep = 0.0  # seal again after the next batch
    ended.set()
    for reader in readers:
        reader.join()
    assert faults == []
    assert len(rows(telemetry)) == written
    assert telemetry.store.sealed.files(catalog.STAGES, None, None)


def test_a_reader_that_stops_early_leaves_nothing_open(opened) -> None:
    telemetry = opened()
    telemetry.emit(*[stage(f"e{n}") for n in range(20_000)])
    assert telemetry.flush(20)
    batches = read(telemetry, "stages", "ns_a")
    next(batches)
    batches.close()
    assert not list(telemetry.store._opened()._scans)


def test_closing_ends_a_reader_that_does_not_finish(opened) -> None:
    telemetry = opened(capacity=300_000, largest=200_000)
    telemetry.emit(*[stage(f"e{n}") for n in range(140_000)])
    assert telemetry.flush(30)
    batches = read(telemetry, "stages", "ns_a")
    next(batches)
    began = time.monotonic()
    telemetry.close()
    assert time.monotonic() - began < 5
    with pytest.raises(WorkbenchError) as caught:
        list(batches)
    assert caught.value.code == Code.UNAVAILABLE


def test_what_cannot_be_opened_is_unavailable(opened, tmp_path: Path) -> None:
    (tmp_path / "telemetry").write_text("a file where the folder should be")
    telemetry = opened()
    telemetry.emit(stage("a"))
    with pytest.raises(WorkbenchError) as caught:
        rows(telemetry)
    assert caught.value.code == Code.UNAVAILABLE
    assert telemetry.health().state == "down"
