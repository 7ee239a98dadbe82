"""When garbage is looked for: all of it, again each hour, and a paused task holds nothing up."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from task_help import NS, Desk, failed, indexed

from workbench.blobs.folder import FolderBlobs
from workbench.domain.ids import CHUNK
from workbench.domain.states import Request
from workbench.store import tables as t
from workbench.store.database import Database, now_ms
from workbench.store.retention import Retention
from workbench.store.retrying import Selection
from workbench.store.segments import Segments
from workbench.store.uploads import Content, UploadedObjects
from workbench.tasks import collector
from workbench.tasks.collector import AGAIN_SECONDS, HOUR, Collector, Tidying
from workbench.tasks.compaction import Compaction
from workbench.tasks.known import Known
from workbench.tasks.uploads import Uploads, key_of


@dataclass
class House:
    desk: Desk
    root: Path
    now: float = 0.0

    def __post_init__(self) -> None:
        database = self.desk.database
        with database.write() as connection:
            row = {"namespace_id": NS, "name": "one", "created_at": 1}
            connection.execute(sa.insert(t.namespaces), row)
        self.blobs = FolderBlobs(self.root / "blobs")
        segments = Segments(database)
        self.uploads = Uploads(UploadedObjects(database), self.blobs, 1000)
        self.tidying = Tidying(
            Collector(self.blobs, segments),
            Compaction(self.blobs, segments, Known(self.blobs, segments)),
            segments,
            self.uploads,
            Retention(database, at_once=2),
            30 * 24 * HOUR,
            lambda: self.now,
        )

    def leave_chunk(self, age_ms: int, number: int = 0) -> None:
        """What a planner that died has left."""
        chunk_id = f"{CHUNK}_{now_ms() - age_ms:012x}{number:020x}"
        self.blobs.put(f"{NS}/chunks/{chunk_id}/manifest.json", b"{}")

    def chunks(self) -> int:
        return len(list(self.blobs.keys(f"{NS}/chunks")))

    def end_task(self) -> None:
        task = self.desk.begin(bucket="done", source_uri="/done")
        self.desk.endings.finish(NS, task.task_id, canceled=True)


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    return House(Desk(database), tmp_path)


def test_all_garbage_goes_however_much_it_is(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "MOST", 3)
    monkeypatch.setattr(collector, "AT_ONCE", 2)
    for number in range(20):
        house.leave_chunk(2 * HOUR, number)
    house.end_task()
    house.tidying.tidy()
    assert house.chunks() == 0


def test_what_was_too_young_goes_within_the_next_hour(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.leave_chunk(0)
    house.end_task()
    house.tidying.tidy()
    assert house.chunks() == 1
    monkeypatch.setattr(collector, "now_ms", lambda: now_ms() + HOUR + 1)
    house.tidying.tidy()
    assert house.chunks() == 1, "no task has ended since"
    house.now += AGAIN_SECONDS
    house.tidying.tidy()
    assert house.chunks() == 0


def test_a_running_task_puts_it_off_for_an_hour_at_most(house: House) -> None:
    house.leave_chunk(2 * HOUR)
    house.end_task()
    house.desk.begin(bucket="other", source_uri="/other")
    house.tidying.tidy()
    assert house.chunks() == 1
    house.now += AGAIN_SECONDS
    house.tidying.tidy()
    assert house.chunks() == 0


def test_a_paused_task_holds_up_its_own_uploads_only(house: House) -> None:
    paused = house.desk.begin(bucket="a", source_kind="uploads", source_uri="uploads://a")
    house.desk.acceptance.ask(NS, paused.task_id, Request.PAUSE)
    house.desk.ledger.pause(NS, paused.task_id)
    house.uploads.ensure_bucket(NS, "b", "b")
    for name in "ab":
        bucket = house.uploads.rows.bucket(NS, name)
        house.uploads.rows.record(bucket, [Content("x", "text/plain", 3, "11", 1)])
        for sha256 in ("11", "22"):  # 22 is what it was before
            house.blobs.put(key_of(NS, bucket.bucket_id, sha256), b"abc")
    house.leave_chunk(2 * HOUR)
    house.end_task()
    house.tidying.tidy()
    assert house.chunks() == 0
    left = [key.split("/")[2:] for key in house.blobs.keys(f"{NS}/uploads")]
    a, b = (house.uploads.rows.bucket(NS, name).bucket_id for name in "ab")
    assert sorted((each[0], each[-1]) for each in left) == sorted([(a, "11"), (a, "22"), (b, "11")])


def test_what_killed_writers_left_goes(house: House) -> None:
    chunks = house.root / "blobs" / NS / "chunks"
    house.leave_chunk(2 * HOUR)
    partial = house.root / "blobs" / NS / "segments" / "seg.parquet.11.partial"
    partial.parent.mkdir()
    partial.write_bytes(b"half")
    (chunks / "empty").mkdir()
    for path in (partial, chunks / "empty"):
        os.utime(path, (1, 1))
    house.end_task()
    house.tidying.tidy()
    assert not partial.exists()
    assert not (chunks / "empty").exists()


def rows(house: House, table: sa.Table) -> list[sa.Row[Any]]:
    with house.desk.database.read() as connection:
        return list(connection.execute(sa.select(table).order_by(table.c.task_id)))


def one_of_seven_failed(house: House, bucket: str) -> str:
    """The id of a task that has done all but to end."""
    desk = house.desk
    task = desk.begin(bucket=bucket, source_uri=f"/{bucket}")
    desk.list_page(task, {f"{bucket}{n}.x": "f" for n in range(7)})
    chunk_id, items = desk.plan(task)
    desk.record(task, chunk_id, [failed(items[0]), *(indexed(item) for item in items[1:])])
    return task.task_id


def test_how_objects_fared_long_ago_is_forgotten_but_for_failures(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, open_still = (one_of_seven_failed(house, bucket) for bucket in "ab")
    house.desk.endings.finish(NS, old, canceled=False)
    before = {table: rows(house, table) for table in (t.tasks, t.progress, t.failures, t.indexed)}
    house.tidying.tidy()
    assert len(rows(house, t.items)) == 14, "it ended just now"

    monkeypatch.setattr(collector, "now_ms", lambda: now_ms() + 31 * 24 * HOUR)
    house.now += AGAIN_SECONDS
    house.tidying.tidy()
    items = Counter((row.task_id, row.state) for row in rows(house, t.items))
    assert items == {(old, "failed"): 1, (open_still, "failed"): 1, (open_still, "indexed"): 6}
    assert [row.task_id for row in rows(house, t.chunks)] == [open_still]
    assert before == {table: rows(house, table) for table in before}
    again = house.desk.acceptance.retry(NS, old, Selection())
    assert again in {row.task_id for row in rows(house, t.tasks)}
