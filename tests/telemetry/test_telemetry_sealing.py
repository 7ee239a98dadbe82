from __future__ import annotations

import os
import shutil
import uuid
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from telemetry_events import DAY, NOON, rows, search, stage

from workbench.telemetry.catalog import STAGES
from workbench.telemetry.hot import EngineLimits
from workbench.telemetry.rows import to_arrow
from workbench.telemetry.store import EventStore
from workbench.telemetry.writer import Telemetry

OLD = NOON - 3 * DAY


def _upkeep(telemetry: Telemetry) -> None:
    """Makes the writer's thread do now what it does each hour."""
    assert telemetry.flush()
    with telemetry._wake:
        telemetry._next_upkeep = 0.0
    for tick in ("one", "two"):  # upkeep comes after the first batch, before the second
        telemetry.emit(stage(f"{tick}:{uuid.uuid4()}", namespace_id="ns_tick"))
        assert telemetry.flush(20)


def _sealed(folder: Path) -> list[str]:
    root = folder / "telemetry" / "sealed"
    return sorted(str(path.parent.relative_to(root)) for path in root.rglob("*.parquet"))


def test_days_before_yesterday_are_sealed_and_read_as_before(opened, tmp_path: Path) -> None:
    telemetry = opened()
    telemetry.emit(
        *[stage(f"old{n}", started_at=OLD + n) for n in range(100)],
        *[stage(f"older{n}", started_at=OLD - DAY, namespace_id="ns_b") for n in range(10)],
        stage("yesterday", started_at=NOON - DAY),
        stage("now"),
        search("then", at=OLD),
    )
    _upkeep(telemetry)
    assert _sealed(tmp_path) == [
        "searches/day=2026-11-21",
        "stages/day=2026-11-20",
        "stages/day=2026-11-21",
    ]
    with duckdb.connect(_copy(tmp_path)) as copy:
        hot = copy.sql("SELECT event_id FROM stages WHERE namespace_id = 'ns_a' ORDER BY ALL")
        assert hot.fetchall() == [("now",), ("yesterday",)]
    assert len(rows(telemetry)) == 102
    assert len(rows(telemetry, namespace="ns_b")) == 10
    (found,) = rows(telemetry, "searches", columns=["hits", "at"])
    assert list(found) == ["hits", "at"]
    assert found["at"].isoformat() == "2026-11-21T12:00:00+00:00"
    assert len(rows(telemetry, since=OLD + 10, until=OLD + 20)) == 10
    assert len(rows(telemetry, since=OLD + 99)) == 3
    assert len(rows(telemetry, until=NOON)) == 101
    assert len(rows(telemetry, until=OLD)) == 0


def test_sealed_files_are_plain_parquet_with_utc_times(opened, tmp_path: Path) -> None:
    telemetry = opened()
    telemetry.emit(stage("b", started_at=OLD + 1), stage("a", started_at=OLD))
    _upkeep(telemetry)
    (path,) = (tmp_path / "telemetry" / "sealed").rglob("*.parquet")
    table = pq.read_table(path)
    assert table["event_id"].to_pylist() == ["a", "b"]
    assert str(table.schema.field("started_at").type) == "timestamp[ms, tz=UTC]"


def test_a_late_event_joins_its_sealed_day_once(opened, tmp_path: Path) -> None:
    telemetry = opened()
    telemetry.emit(stage("old", started_at=OLD))
    _upkeep(telemetry)
    telemetry.emit(stage("old", started_at=OLD), stage("late", started_at=OLD))
    assert telemetry.flush()
    assert telemetry.health().duplicates == 1
    assert len(rows(telemetry)) == 2
    _upkeep(telemetry)
    assert _sealed(tmp_path) == ["stages/day=2026-11-21"] * 2
    assert len(rows(telemetry)) == 2


def test_days_beyond_retention_are_removed(opened, tmp_path: Path) -> None:
    telemetry = opened(retention_days=5)
    telemetry.emit(stage("kept", started_at=OLD), stage("gone", started_at=NOON - 6 * DAY))
    _upkeep(telemetry)
    assert _sealed(tmp_path) == ["stages/day=2026-11-21"]
    assert len(rows(telemetry)) == 1


def test_a_damaged_sealed_file_costs_its_own_rows(opened, tmp_path: Path) -> None:
    telemetry = opened()
    telemetry.emit(stage("a", started_at=OLD), stage("b", started_at=OLD - DAY), stage("c"))
    _upkeep(telemetry)
    path = min((tmp_path / "telemetry" / "sealed").rglob("*.parquet"))
    path.write_bytes(os.urandom(1000))
    assert len(rows(telemetry)) == 2
    assert telemetry.health().unreadable == 1
    min((tmp_path / "telemetry" / "sealed").rglob("*.parquet")).unlink()
    assert len(rows(telemetry)) == 2


def _copy(folder: Path) -> Path:
    shutil.copy(folder / "telemetry" / "events.duckdb", folder / "copy.duckdb")
    shutil.copy(folder / "telemetry" / "events.duckdb.wal", folder / "copy.duckdb.wal")
    return folder / "copy.duckdb"


class Died(Exception):
    """The process ended here."""


@pytest.mark.parametrize("moment", ["written", "deleted"])
def test_a_death_while_sealing_neither_loses_nor_doubles(
    tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "telemetry"
    store = EventStore(folder, EngineLimits())
    tables, _ = to_arrow([stage(f"e{n}", started_at=OLD) for n in range(50)])
    before = _date(NOON - DAY)
    assert store.write(tables, before) == 50

    def die(*_: object) -> None:
        raise Died

    target = store._opened() if moment == "written" else store.sealed
    monkeypatch.setattr(target, "delete_day" if moment == "written" else "publish", die)
    with pytest.raises(Died):
        store.seal(before)
    store.close()
    monkeypatch.undo()

    again = EventStore(folder, EngineLimits())
    again.open()
    assert not list(folder.rglob("*.part"))
    assert _count(again) == 50
    assert bool(_sealed(tmp_path)) == (moment == "deleted")
    again.seal(before)
    assert _sealed(tmp_path) == ["stages/day=2026-11-21"]
    assert _count(again) == 50
    again.close()


def test_a_part_outlives_the_loss_of_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "telemetry"
    store = EventStore(folder, EngineLimits())
    tables, _ = to_arrow([stage("a", started_at=OLD)])
    store.write(tables, _date(NOON))
    file = store._opened()
    store.sealed.write(STAGES, _date(OLD), file.day(STAGES, _date(OLD)))
    store.close()
    (folder / "events.duckdb").write_bytes(b"nothing")
    again = EventStore(folder, EngineLimits())
    again.open()
    assert _count(again) == 1
    again.close()


def test_a_part_that_is_not_whole_is_removed(tmp_path: Path) -> None:
    day = tmp_path / "telemetry" / "sealed" / "stages" / "day=2026-11-20"
    day.mkdir(parents=True)
    (day / "x.part").write_bytes(b"PAR1 and then the power went")
    (tmp_path / "telemetry" / "sealed" / "stages" / "day=soon").mkdir()
    store = EventStore(tmp_path / "telemetry", EngineLimits())
    store.open()
    assert list(day.iterdir()) == []
    assert _count(store) == 0
    store.close()


def _date(millis: int) -> date:
    return datetime.fromtimestamp(millis / 1000, UTC).date()


def _count(store: EventStore) -> int:
    return sum(b.num_rows for b in store.read(STAGES, "ns_a", ("task_id",), None, None))
