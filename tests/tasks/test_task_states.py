"""The state machine over a real store: whatever is asked and whatever happens, in any order, no
forbidden transition is made, what has ended stays as it is, and the counts add up."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import pytest
import sqlalchemy as sa
from databases import Stores
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from task_help import NS, TOY, Desk, failed, indexed

from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.states import (
    ENDED,
    EVENTS,
    REQUESTS,
    Event,
    ItemState,
    Request,
    TaskState,
    ending,
)
from workbench.store import tables as t
from workbench.store.acceptance import IngestOrder
from workbench.store.chunk_end import Finding
from workbench.store.database import Database

ALLOWED = {(source, event.target) for event in EVENTS.values() for source in event.sources}


def test_ended_states_are_entered_and_never_left():
    assert {event.target for event in EVENTS.values()} == set(TaskState) - {TaskState.PENDING}
    assert not any(event.sources & ENDED for event in EVENTS.values())
    assert not any(state in ENDED for _, state, _ in REQUESTS)
    assert {ending(state) for state in ENDED} == set(Event) - {
        *(Event.BEGIN, Event.PAUSED, Event.RESUMED)
    }


def test_cancel_can_be_asked_of_every_task_that_goes_on():
    for state in set(TaskState) - ENDED:
        for before in (None, Request.PAUSE, Request.CANCEL):
            assert REQUESTS[Request.CANCEL, state, before].requested is Request.CANCEL


class StatesMachine(RuleBasedStateMachine):
    """A task with four items; everything that the workflow and a person can do to it."""

    def __init__(self, stores: Stores) -> None:
        super().__init__()
        self.stores = stores

    @initialize(attempts=st.integers(1, 3))
    def start(self, attempts: int) -> None:
        self.database = Database(self.stores.empty())
        self.desk = Desk(self.database)
        retry = {"attempts": attempts, "backoff": 0}
        order = IngestOrder("b", "folder", "/media", {}, [TOY], retry=retry)
        self.task_id = self.desk.acceptance.ingest(NS, order, None)
        self.begun = False
        self.chunks: list[tuple[str, list[Any]]] = []
        self.ended: dict[str, Any] | None = None

    def row(self) -> dict[str, Any]:
        with self.database.read() as connection:
            return dict(connection.execute(sa.select(t.tasks)).mappings().one())

    @rule()
    def begin(self) -> None:
        task = self.desk.ledger.begin(NS, self.task_id)
        if not task.state.ended and not task.listing_ended:
            self.desk.list_page(task, dict.fromkeys("abcd", "1"))
            self.begun = True

    @rule(request=st.sampled_from(list(Request)))
    def ask(self, request: Request) -> None:
        before = self.row()
        requested = Request(before["requested"]) if before["requested"] else None
        asked = REQUESTS.get((request, TaskState(before["state"]), requested))
        if asked is not None:
            self.desk.acceptance.ask(NS, self.task_id, request)
            assert self.row()["requested"] == asked.requested
            return
        with pytest.raises(WorkbenchError) as caught:
            self.desk.acceptance.ask(NS, self.task_id, request)
        ended = TaskState(before["state"]).ended
        assert caught.value.code is (Code.TASK_ENDED if ended else Code.CONFLICT)
        assert self.row() == before

    @rule()
    def paused(self) -> None:
        before = self.row()
        self.desk.ledger.pause(NS, self.task_id)
        asked = before["requested"] == Request.PAUSE
        assert (self.row() != before) == asked

    @precondition(lambda self: self.begun and not self.row()["ended_at"])
    @rule(most=st.integers(1, 3))
    def plan(self, most: int) -> None:
        task = self.desk.ledger.task(NS, self.task_id)
        chunk_id, items = self.desk.plan(task, most)
        if items:
            self.chunks.append((chunk_id, items))

    @precondition(lambda self: self.chunks and not self.row()["ended_at"])
    @rule(data=st.data())
    def end_chunk(self, data: Any) -> None:
        chunk_id, items = self.chunks.pop()
        task = self.desk.ledger.task(NS, self.task_id)
        findings: list[Finding] = []
        left: list[str] = []
        for item in items:
            match data.draw(st.sampled_from(["indexed", "format", "network", "left"])):
                case "indexed":
                    findings.append(indexed(item))
                case "left":
                    left.append(item.object_id)
                case category:
                    finding = failed(item)
                    failure = {**(finding.failure or {}), "category": category}
                    state, fingerprint = ItemState.FAILED, item.fingerprint
                    findings.append(Finding(item.object_id, state, fingerprint, failure=failure))
        self.desk.record(task, chunk_id, findings, left)

    @rule(canceled=st.booleans())
    def finish(self, canceled: bool) -> None:
        """The workflow ends the task when nothing waits, or when it was canceled."""
        row = self.row()
        asked = row["requested"] == Request.CANCEL
        waits = not self.begun or bool(self.chunks) or self.open_items()
        if (canceled and asked) or (not canceled and not waits):
            state = self.desk.endings.finish(NS, self.task_id, canceled=canceled)
            assert state.ended
            assert "counts_differ" not in str(self.row()["error_code"])

    @rule()
    def fail(self) -> None:
        if self.row()["sequence"] > 15:
            self.desk.ledger.fail(NS, self.task_id, "source_unreadable", "gone", None)

    def open_items(self) -> bool:
        with self.database.read() as connection:
            states = connection.execute(sa.select(t.items.c.state)).scalars().all()
        return bool({"pending", "extracted"} & set(states))

    @invariant()
    def no_forbidden_transition(self) -> None:
        if not hasattr(self, "desk"):
            return
        columns = t.task_states.c
        with self.database.read() as connection:
            rows = connection.execute(sa.select(columns.state).order_by(columns.sequence))
            states = [TaskState(state) for state in rows.scalars()]
        assert states[0] is TaskState.PENDING
        steps = {(a, b) for a, b in itertools.pairwise(states) if a is not b}
        assert steps <= ALLOWED

    @invariant()
    def ended_stays_ended(self) -> None:
        if not hasattr(self, "desk"):
            return
        row = self.row()
        if self.ended is not None:
            assert row == self.ended
        elif TaskState(row["state"]).ended:
            assert row["ended_at"]
            assert row["requested"] is None
            assert not self.open_items()
            self.ended = row

    @invariant()
    def counts_add_up(self) -> None:
        if not hasattr(self, "desk") or not self.begun:
            return
        with self.database.read() as connection:
            items = Counter(connection.execute(sa.select(t.items.c.state)).scalars())
            counter = connection.execute(sa.select(t.progress)).one()
            failures = connection.execute(sa.select(sa.func.count()).select_from(t.failures))
            assert failures.scalar() == items["failed"]
        assert counter.total == sum(items.values())
        for state in ("extracted", "indexed", "failed", "skipped", "canceled"):
            assert getattr(counter, state) == items[state], state

    def teardown(self) -> None:
        if hasattr(self, "desk"):
            self.database.close()
            self.stores.drop(self.database.url)


def test_no_order_of_events_and_requests_breaks_a_task(stores: Stores) -> None:
    run_state_machine_as_test(
        lambda: StatesMachine(stores),
        settings=settings(max_examples=20, stateful_step_count=25, deadline=None),
    )
