"""What the repositories read: counts that add up, and never a row of another namespace."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from store_rows import START, Rows

from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.filters import eq
from workbench.domain.states import TaskState
from workbench.domain.wire import Progress
from workbench.store.buckets import Buckets
from workbench.store.collections import Collections
from workbench.store.database import Database
from workbench.store.explain import Explanations
from workbench.store.failures import Failures
from workbench.store.listing import PageRequest
from workbench.store.moments import moment
from workbench.store.namespaces import Namespaces
from workbench.store.objects import Objects
from workbench.store.segments import SegmentRecord, Segments
from workbench.store.tasks import Tasks

ALL = PageRequest(limit=1000)


def test_store_namespaces_are_made_once(database: Database) -> None:
    namespaces = Namespaces(database)
    made = namespaces.ensure()
    assert made.name == "default"
    assert namespaces.ensure() == made
    assert namespaces.get("default") == namespaces.get(made.namespace_id) == made
    other = namespaces.create("team")
    with pytest.raises(WorkbenchError) as raised:
        namespaces.create("team")
    assert raised.value.code is Code.CONFLICT
    assert [found.name for found in namespaces.list(ALL).results] == ["default", "team"]
    reach = frozenset({other.namespace_id})
    assert namespaces.list(ALL, reach).results == [other]
    assert namespaces.list(ALL, frozenset()).results == []
    assert namespaces.get("none") is None


def test_store_buckets_count_the_objects_that_are_there(database: Database, rows: Rows) -> None:
    ns, other = rows.namespace("a"), rows.namespace("b")
    full, empty = rows.bucket(ns, "full"), rows.bucket(ns, "empty")
    rows.object(ns, full, "1", size=100)
    rows.object(ns, full, "2", size=23)
    rows.object(ns, full, "gone", size=1000, removed_at=START)
    elsewhere = rows.bucket(other, "full")
    rows.object(other, elsewhere, "1", size=7)
    found = Buckets(database).list(ns, ALL).results
    assert [(b.name, b.objects, b.bytes) for b in found] == [("empty", 0, 0), ("full", 2, 123)]
    assert Buckets(database).get(ns, "full") == Buckets(database).get(ns, full) == found[1]
    assert Buckets(database).find(ns, "full") == Buckets(database).find(ns, full) == full
    assert Buckets(database).get(ns, elsewhere) is None
    assert Buckets(database).find(ns, elsewhere) is None
    assert Buckets(database).get(other, empty) is None


def test_store_buckets_are_found_by_id_before_name(database: Database, rows: Rows) -> None:
    ns = rows.namespace("a")
    bucket = rows.bucket(ns, "plain")
    rows.bucket(ns, bucket)  # a name that is another one's id
    found = Buckets(database).get(ns, bucket)
    assert found is not None
    assert found.name == "plain"


def test_store_objects_leave_out_what_was_removed(database: Database, rows: Rows) -> None:
    ns = rows.namespace("a")
    bucket, second = rows.bucket(ns, "b", uri="file:///x"), rows.bucket(ns, "c")
    names = ["z", "a b+c%", "é", "A"]
    keys = [rows.object(ns, bucket, name, modified_at=START) for name in names]
    gone = rows.object(ns, bucket, "gone", removed_at=START)
    later = rows.object(ns, second, "m", mime="image/png", modified_at=-1500)
    objects = Objects(database)
    in_bucket = objects.list(ns, ALL, bucket).results
    assert [found.name for found in in_bucket] == sorted(names, key=str.encode)
    everywhere = objects.list(ns, ALL).results
    assert {found.object_id for found in everywhere} == {*keys, later}
    assert objects.get(ns, gone) is None
    row = objects.get(ns, keys[0])
    assert row is not None
    assert (row.bucket, row.source_kind, row.source_uri) == ("b", "folder", "file:///x")
    assert row.wire().modified_at == moment(START)
    only = objects.list(ns, PageRequest(filter=eq("mime", "image/png"))).results
    assert [found.object_id for found in only] == [later]
    assert only[0].modified_at is not None
    assert only[0].modified_at.isoformat() == "1969-12-31T23:59:58.500000+00:00"


def test_store_collections_sum_their_documents(database: Database, rows: Rows) -> None:
    ns = rows.namespace("a")
    bucket = rows.bucket(ns, "b")
    one, two = rows.collection(ns, bucket, "b.text"), rows.collection(ns, bucket, "b.image")
    rows.indexed(ns, "obj_1", one, 3)
    rows.indexed(ns, "obj_2", one, 4)
    collections = Collections(database)
    listed = collections.list(ns, ALL).results
    assert [(c.name, c.bucket, c.documents) for c in listed] == [
        ("b.image", "b", 0),
        ("b.text", "b", 7),
    ]
    assert collections.get(ns, "b.text") == collections.get(ns, one) == listed[1]
    assert collections.get(ns, two) == listed[0]
    reach = collections.reach(ns)
    assert [(c.name, c.documents) for c in reach] == [("b.image", 0), ("b.text", 0)]
    assert reach[1].parameters == {"size": 3}


def test_store_tasks_sum_progress_over_collections(database: Database, rows: Rows) -> None:
    ns = rows.namespace("a")
    bucket = rows.bucket(ns, "b")
    text, image = rows.collection(ns, bucket, "b.text"), rows.collection(ns, bucket, "b.image")
    task = rows.task(ns, bucket="b", listed=20, unmatched=5, removed=1, sequence=9)
    rows.progress(ns, task, text, total=10, extracted=1, indexed=4, skipped=1, documents=40)
    rows.progress(ns, task, image, total=7, failed=2, canceled=1, documents=3)
    rows.progress(ns, task, "col_deleted", total=1, indexed=1, documents=2)
    snapshot = Tasks(database).snapshot(ns, task)
    assert snapshot is not None
    found, sequence = snapshot
    assert sequence == 9 == Tasks(database).sequence(ns, task)
    assert found == Tasks(database).get(ns, task)
    assert found.progress == Progress(
        total=None, pending=8, extracted=1, indexed=5, skipped=1, failed=2, canceled=1, documents=45
    )
    assert found.objects.model_dump() == {
        "listed": 20,
        "matched": 15,
        "unmatched": 5,
        "removed": 1,
    }
    parts = [(p.collection, p.extractor, p.pending, p.documents) for p in found.collections]
    assert parts == [
        ("b.image", "text@1", 4, 3),
        ("b.text", "text@1", 4, 40),
        ("col_deleted", "", 0, 2),
    ]
    with database.write() as connection:
        connection.execute(sa.text("UPDATE tasks SET listing_ended = true"))
    ended = Tasks(database).get(ns, task)
    assert ended is not None
    assert ended.progress.total == 18
    assert [part.total for part in ended.collections] == [7, 10, 1]


def test_store_tasks_tell_errors_and_requests(database: Database, rows: Rows) -> None:
    ns = rows.namespace("a")
    failed = rows.task(
        ns, state="FAILED", error_code="source_unreadable", error_message="m", error_hint="h"
    )
    asked = rows.task(ns, requested="cancel", retry_of=failed)
    tasks = Tasks(database)
    newest = tasks.list(ns, ALL).results
    assert [task.task_id for task in newest] == [asked, failed]
    assert newest[0].requested == "cancel"
    assert newest[0].retry_of == failed
    assert newest[1].error is not None
    assert newest[1].error.model_dump() == {
        "code": "source_unreadable",
        "message": "m",
        "hint": "h",
    }
    only = tasks.list(ns, PageRequest(filter=eq("state", TaskState.FAILED.value))).results
    assert [task.task_id for task in only] == [failed]
    assert tasks.get(ns, "tsk_none") is None
    assert tasks.sequence(ns, "tsk_none") is None


def test_store_failures_belong_to_their_task(database: Database, rows: Rows) -> None:
    ns = rows.namespace("a")
    task, other = rows.task(ns), rows.task(ns)
    for name in ("b", "a"):
        rows.failure(ns, task, name, hint="replace it", traceback="Traceback…")
    rows.failure(ns, other, "c")
    found = Failures(database).list(ns, task, ALL).results
    assert [failure.object_name for failure in found] == ["a", "b"]
    assert found[0].hint == "replace it"


def test_store_repositories_see_one_namespace_only(database: Database, rows: Rows) -> None:
    ns, other = rows.namespace("a"), rows.namespace("b")
    bucket = rows.bucket(ns, "b")
    collection = rows.collection(ns, bucket, "b.text")
    object_id = rows.object(ns, bucket, "x")
    rows.indexed(ns, object_id, collection, 1)
    task = rows.task(ns)
    rows.progress(ns, task, collection, total=1)
    rows.failure(ns, task, "x")
    assert Buckets(database).get(other, bucket) is None
    assert Buckets(database).list(other, ALL).results == []
    assert Objects(database).get(other, object_id) is None
    assert Objects(database).list(other, ALL).results == []
    assert Objects(database).list(other, ALL, bucket).results == []
    assert Collections(database).get(other, collection) is None
    assert Collections(database).list(other, ALL).results == []
    assert list(Collections(database).reach(other)) == []
    assert Tasks(database).get(other, task) is None
    assert Tasks(database).sequence(other, task) is None
    assert Tasks(database).list(other, ALL).results == []
    assert Failures(database).list(other, task, ALL).results == []


@contextmanager
def plans_of(beginning: str) -> Generator[list[str]]:
    """How SQLite carries out the statements that begin so, within the block."""
    plans: list[str] = []

    @sa.event.listens_for(sa.Engine, "before_cursor_execute")
    def explain(connection, cursor, statement, parameters, *_) -> None:  # type: ignore[no-untyped-def]
        if statement.startswith(beginning):
            cursor.execute("EXPLAIN QUERY PLAN " + statement, parameters)
            plans.append(" | ".join(row[3] for row in cursor.fetchall()))

    try:
        yield plans
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", explain)


@pytest.mark.stores("sqlite")
def test_store_lists_use_an_index_for_every_page(database: Database, rows: Rows) -> None:
    """A page of a large bucket is found, not searched for: no sort of all its objects."""
    ns = rows.namespace("a")
    bucket = rows.bucket(ns, "b")
    for number in range(5):
        rows.object(ns, bucket, f"{number}")
    with plans_of("SELECT objects") as plans:
        objects = Objects(database)
        first = objects.list(ns, PageRequest(limit=2), bucket)
        objects.list(ns, PageRequest(limit=2, cursor=first.next_cursor), bucket)
        first = objects.list(ns, PageRequest(limit=2))
        objects.list(ns, PageRequest(limit=2, cursor=first.next_cursor))
    assert len(plans) == 4
    assert all("TEMP B-TREE" not in plan and "SCAN objects" not in plan for plan in plans), plans


@pytest.mark.stores("sqlite")
def test_store_explains_an_object_without_reading_all_items(database: Database, rows: Rows) -> None:
    ns = rows.namespace("a")
    bucket = rows.bucket(ns, "b")
    rows.collection(ns, bucket, "b.text")
    object_id = rows.object(ns, bucket, "x")
    with plans_of("SELECT items") as plans:
        assert Explanations(database, lambda *_: True).of(ns, object_id) is not None
    assert len(plans) == 1
    assert "ix_items_object_id" in plans[0]
    assert "TEMP B-TREE" not in plans[0]


@pytest.mark.stores("sqlite")
def test_store_forgets_segments_without_reading_all_that_is_indexed(
    database: Database, rows: Rows
) -> None:
    ns = rows.namespace("a")
    collection = rows.collection(ns, rows.bucket(ns, "b"), "b.text")
    rows.indexed(ns, "obj_1", collection, 1)  # in chk_1
    segments = Segments(database)
    for name in ("chk_1", "chk_2"):
        segments.move(ns, SegmentRecord(name, collection, "d", "k", 1, 1, 1), [])
    with plans_of("DELETE FROM segments") as plans:
        segments.forget(ns, ["chk_1", "chk_2"])
    assert segments.present(ns, ["chk_1", "chk_2"]) == {"chk_1"}
    assert "SCAN" not in plans[0], plans
