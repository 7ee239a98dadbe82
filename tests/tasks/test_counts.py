"""What a task tells of itself: rates, the time left, stages, funnels, and each state once."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from task_help import NS, Desk, failed, indexed

from workbench.domain.states import ItemState, Request, TaskState
from workbench.domain.wire import TaskOut
from workbench.store import tables as t
from workbench.store.chunk_end import Finding
from workbench.store.database import Database, now_ms
from workbench.store.exports import Exports
from workbench.store.tasks import Tasks


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def told(desk: Desk, task_id: str) -> TaskOut:
    found = Tasks(desk.database).get(NS, task_id)
    assert found is not None
    return found


def set_marks(desk: Desk, *marks: tuple[int, int]) -> None:
    """Seconds ago, and items until then."""
    rows = [[now_ms() - 1000 * ago, count] for ago, count in marks]
    with desk.database.write() as connection:
        connection.execute(sa.update(t.progress).values(marks=rows))


def test_the_funnel_adds_up_here_and_in_sql(desk: Desk) -> None:
    first = desk.begin()
    desk.list_page(first, {"a": "1", "b": "1"})
    chunk, items = desk.plan(first)
    desk.record(first, chunk, [indexed(i, i.name) for i in items])
    desk.endings.finish(NS, first.task_id, canceled=False)

    task = desk.begin()
    desk.list_page(task, {name: "1" if name == "a" else "2" for name in "abcde"})
    chunk, items = desk.plan(task)
    b, c, d, e = items
    same = Finding(b.object_id, ItemState.SKIPPED, b.fingerprint, "b", 10)
    unread = failed(e)
    read = Finding(d.object_id, ItemState.FAILED, d.fingerprint, size=7, failure=failed(d).failure)
    desk.record(task, chunk, [same, indexed(c, documents=3), read, unread])
    assert desk.endings.finish(NS, task.task_id, False) is TaskState.COMPLETED_WITH_ERRORS

    (collection,) = told(desk, task.task_id).collections
    assert collection.funnel.model_dump() == {
        "listed": 5,
        "matched": 5,
        "read": 3,
        "read_bytes": 27,
        "unchanged": 2,
        "extracted": 1,
        "documents": 5,
        "indexed": 1,
        "canceled": 0,
        "failed": {"format": 2},
    }
    names = ["task_id", "matched", "read", "read_bytes", "documents", "failed", "failed_format"]
    names += ["failed_network"]
    (page,) = Exports(desk.database).pages("funnel", NS, names)
    row = page["task_id"].index(task.task_id)
    assert [page[name][row] for name in names[1:]] == [5, 3, 27, 5, 2, 2, 0]


@pytest.mark.parametrize("table", ["read_bytes", "documents", "failures"])
def test_a_counter_that_differs_fails_the_task_and_is_named(desk: Desk, table: str) -> None:
    task = desk.begin()
    desk.list_page(task, {"a": "1", "b": "1"})
    chunk, (a, b) = desk.plan(task)
    desk.record(task, chunk, [indexed(a), failed(b)])
    with desk.database.write() as connection:
        if table == "failures":
            connection.execute(sa.update(t.failure_counts).values({"category": "model"}))
        else:
            connection.execute(sa.update(t.progress).values({table: 99}))
    assert desk.endings.finish(NS, task.task_id, canceled=False) is TaskState.FAILED
    error = told(desk, task.task_id).error
    assert error is not None
    wanted = "failed for model 1, failures 0" if table == "failures" else f"{table} 99, items"
    assert wanted in error.message


def test_a_rate_and_the_time_left_come_from_the_ledger(desk: Desk) -> None:
    task = desk.begin()
    desk.list_page(task, {f"{n:02}": "1" for n in range(30)})
    assert told(desk, task.task_id).progress.rate is None
    chunk, items = desk.plan(task, 20)
    desk.record(task, chunk, [indexed(i, i.name) for i in items])
    assert told(desk, task.task_id).progress.seconds_left is None, "one burst is no measure"
    set_marks(desk, (4, 0), (0, 20))
    now = told(desk, task.task_id)
    assert now.progress.rate == pytest.approx(5, rel=0.05)
    assert now.progress.seconds_left == pytest.approx(2, rel=0.1)
    assert now.collections[0].rate == now.progress.rate
    set_marks(desk, (400, 0), (396, 20))
    assert (told(desk, task.task_id).progress.rate or 9) < 0.1, "a task that stands has no speed"


def test_no_time_is_told_while_listing_goes_on_or_the_task_is_to_stop(desk: Desk) -> None:
    task = desk.begin()
    desk.list_page(task, {"a": "1", "b": "1"}, upto="b")
    chunk, (a, _) = desk.plan(task)
    desk.record(task, chunk, [indexed(a)])
    set_marks(desk, (4, 0), (0, 1))
    now = told(desk, task.task_id).progress
    assert (now.total, now.rate is not None, now.seconds_left) == (None, True, None)
    assert [s.total for s in told(desk, task.task_id).stages] == [None, None, None]
    desk.list_page(task, {"c": "1"}, after="b")
    assert told(desk, task.task_id).progress.seconds_left is not None
    with desk.database.write() as connection:
        connection.execute(sa.update(t.tasks).values(requested="pause"))
    now = told(desk, task.task_id).progress
    assert (now.rate, now.seconds_left) == (None, None)


def test_stages_say_how_far_each_is(desk: Desk) -> None:
    task = desk.begin()
    desk.list_page(task, dict.fromkeys("abcd", "1"))
    one, _ = desk.plan(task, 2)
    desk.ledger.mark_extracted(NS, task.task_id, one)
    stages = {s.stage: s for s in told(desk, task.task_id).stages}
    assert (stages["list"].total, stages["list"].done) == (4, 4)
    assert [stages["extract"].total, stages["extract"].done, stages["extract"].waiting] == [4, 2, 2]
    assert [stages["index"].total, stages["index"].done, stages["index"].waiting] == [None, 0, 2]


def test_each_state_is_kept_once_in_order(desk: Desk) -> None:
    task = desk.begin()
    desk.list_page(task, {"a": "1"})
    desk.ledger.begin(NS, task.task_id)
    desk.acceptance.ask(NS, task.task_id, Request.CANCEL)
    desk.acceptance.ask(NS, task.task_id, Request.CANCEL)
    desk.endings.finish(NS, task.task_id, canceled=True)
    desk.endings.finish(NS, task.task_id, canceled=True)
    reading = Tasks(desk.database).reading(NS, task.task_id)
    assert reading is not None
    assert [(str(s.state), s.requested) for s in reading.states] == [
        ("PENDING", None),
        ("IN_PROGRESS", None),
        ("IN_PROGRESS", "cancel"),
        ("CANCELED", None),
    ]
    numbers = [s.sequence for s in reading.states]
    assert numbers == sorted(set(numbers))
    assert Tasks(desk.database).reading("ns_2", task.task_id) is None
