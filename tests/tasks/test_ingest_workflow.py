"""The ingest workflow on a real Temporal server, with activities that a test scripts.

The histories of these runs are kept in ``histories``; replaying them with today's code is what
guards determinism: ``MIXPEEK_RECORD_HISTORIES=1`` writes them anew after a change that was meant.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
import uuid
from collections.abc import AsyncIterator, Callable, Container
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio import activity
from temporalio.client import Client, WorkflowHistory
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, Worker

from workbench.stack.settings import load_settings
from workbench.stack.temporal import ensure_temporal
from workbench.tasks.messages import (
    Begun,
    ChunkRef,
    Extracted,
    ExtractRequest,
    FailTask,
    Finish,
    GiveUp,
    Indexed,
    IndexRequest,
    IngestInput,
    ListProgress,
    Planned,
    PlanRequest,
    TaskRef,
)
from workbench.tasks.workflows.ingest import IngestWorkflow

HISTORIES = Path(__file__).parent / "histories"
in_module = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Script:
    """A source of ``chunks`` chunks, and what happened to them."""

    chunks: int = 6
    pages: int = 2
    #: Chunks whose extraction lasts until it is told to stop.
    endless: Container[int] = ()
    unreadable: bool = False
    unplannable: int | None = None  # the plan from which on there is no bucket
    broken: frozenset[int] = frozenset()
    unindexable: frozenset[int] = frozenset()
    given_up: list[GiveUp] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    listed: int = 0
    extracting: int = 0
    most: int = 0
    planned: int = 0
    left: list[int] = field(default_factory=list)
    parts: dict[str, int] = field(default_factory=dict)
    flaky: set[int] = field(default_factory=set)
    again_s: float = 0.4
    later: list[float] = field(default_factory=list)
    plans: int = 0
    #: Chunks that cannot be indexed now: the try fails, or hangs.
    failing: set[int] = field(default_factory=set)
    hanging: set[int] = field(default_factory=set)
    failing_late: frozenset[int] = frozenset()
    tries: list[int] = field(default_factory=list)
    extractions: int = 0
    #: Planned ones that have come to no end.
    open: set[int] = field(default_factory=set)

    @activity.defn(name="begin")
    async def begin(self, task: TaskRef) -> Begun:
        return Begun(False, self.listed >= self.pages, False)

    @activity.defn(name="list_source")
    async def list_source(self, task: TaskRef) -> ListProgress:
        if self.unreadable:
            raise ApplicationError(
                "no folder", "look", type="source_unreadable", non_retryable=True
            )
        self.listed += 1
        return ListProgress(self.listed >= self.pages, 1000)

    @activity.defn(name="plan")
    async def plan(self, request: PlanRequest) -> Planned:
        self.plans += 1
        if self.unplannable is not None and self.plans >= self.unplannable:
            raise ApplicationError("no bucket", "again", type="not_found", non_retryable=True)
        lost = [number for number in sorted(self.open) if number > request.after]
        if lost:
            return Planned([ChunkRef(f"chk_{n}", n, "control", 10, 60) for n in lost])
        due = [at for at in self.later if at <= time.monotonic()]
        self.later = [at for at in self.later if at not in due]
        self.left += [0] * len(due)
        ready = self.chunks if self.listed >= self.pages else self.chunks // 2
        refs: list[ChunkRef] = []
        while len(refs) < request.most and (self.left or self.planned < ready):
            if self.left:
                self.left.pop()
            else:
                self.planned += 1
            number = len(self.parts) + 1
            self.parts[f"chk_{number}"] = number
            self.open.add(number)
            refs.append(ChunkRef(f"chk_{number}", number, "control", 10, 60))
        if not refs and self.planned < self.chunks:
            await asyncio.sleep(0.05)
        if self.planned < self.chunks or self.left:
            return Planned(refs)
        wait_s = max(0.01, min(self.later) - time.monotonic()) if self.later else 0.0
        return Planned(refs, exhausted=not self.later, wait_s=wait_s)

    @activity.defn(name="extract")
    async def extract(self, request: ExtractRequest) -> Extracted:
        number = self.parts[request.chunk_id]
        self.extracting += 1
        self.extractions += 1
        self.most = max(self.most, self.extracting)
        try:
            await asyncio.sleep(0.02)
            while number in self.endless:
                activity.heartbeat()
                await asyncio.sleep(0.02)
        except asyncio.CancelledError:
            self.left.append(number)
            self.log.append(f"stopped {number}")
            return Extracted(5, 5)
        finally:
            self.extracting -= 1
        if number in self.broken:
            raise ApplicationError("no model", "doctor", type="model", non_retryable=True)
        return Extracted(10, 0)

    @activity.defn(name="index")
    async def index(self, request: IndexRequest) -> Indexed:
        number = self.parts[request.chunk_id]
        if number in self.unindexable:
            raise ApplicationError("no such space", type="KeyError", non_retryable=True)
        self.tries.append(number)
        if number in self.failing:
            raise ApplicationError("no room", next_retry_delay=timedelta(seconds=10))
        try:
            while number in self.hanging:
                activity.heartbeat()
                await asyncio.sleep(0.02)
        except asyncio.CancelledError:
            if number in self.failing_late:
                raise ApplicationError("no room") from None
            raise
        self.open.discard(number)
        self.log.append(f"indexed {number}")
        if number in self.flaky:
            self.later.append(time.monotonic() + self.again_s)
        return Indexed(bool(self.left or self.later))

    @activity.defn(name="paused")
    async def paused(self, task: TaskRef) -> None:
        self.log.append(f"paused with {self.extracting}")

    @activity.defn(name="release")
    async def release(self, request: IndexRequest) -> None:
        self.left.append(self.parts[request.chunk_id])
        self.open.discard(self.parts[request.chunk_id])
        self.log.append(f"released {self.parts[request.chunk_id]}")

    @activity.defn(name="give_up")
    async def give_up(self, order: GiveUp) -> None:
        self.given_up.append(order)
        self.open.discard(self.parts[order.chunk_id])
        self.log.append(f"gave up {self.parts[order.chunk_id]}: {order.category} {order.hint}")

    @activity.defn(name="remove_missing")
    async def remove_missing(self, task: TaskRef) -> bool:
        self.log.append("removed missing")
        return True

    @activity.defn(name="finish")
    async def finish(self, order: Finish) -> str:
        return "CANCELED" if order.canceled else "COMPLETED"

    @activity.defn(name="fail_task")
    async def fail_task(self, order: FailTask) -> None:
        self.log.append(f"failed: {order.code}")

    def mended_once(self, line: str) -> bool:
        """Whether the log has the line; from then on everything can be extracted and indexed."""
        if line not in self.log:
            return False
        self.failing, self.hanging, self.endless = set(), set(), ()
        return True

    def activities(self) -> list[object]:
        return [
            self.begin,
            self.list_source,
            self.plan,
            self.extract,
            self.index,
            self.paused,
            self.release,
            self.give_up,
            self.remove_missing,
            self.finish,
            self.fail_task,
        ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client() -> AsyncIterator[Client]:
    program = ensure_temporal(load_settings({}), print)
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(program), ip="127.0.0.1"
    ) as environment:
        address = environment.client.service_client.config.target_host
        yield await Client.connect(address, identity="tests")


async def run(
    client: Client,
    script: Script,
    name: str,
    *signals: tuple[Callable[[], bool], str],
    **changes: int,
) -> str:
    """Run the workflow to its end, with each signal as soon as its condition holds; keep its
    histories under ``name``."""
    task_id = f"tsk_{uuid.uuid4().hex}"
    state = replace(IngestInput(TaskRef(task_id, "ns_1"), window=3), **changes)
    async with Worker(
        client,
        task_queue="control",
        workflows=[IngestWorkflow],
        activities=script.activities(),  # pyright: ignore[reportArgumentType]
        max_heartbeat_throttle_interval=timedelta(milliseconds=100),
        default_heartbeat_throttle_interval=timedelta(milliseconds=100),
    ):
        handle = await client.start_workflow("ingest", state, id=task_id, task_queue="control")
        for condition, action in signals:
            await _until(condition)
            await client.get_workflow_handle(task_id).signal("control", action)
        result = await asyncio.wait_for(handle.result(), 30)
        if os.environ.get("MIXPEEK_RECORD_HISTORIES"):
            await _keep(client, task_id, name)
    return str(result)


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what it looks at is plain data
        await asyncio.sleep(0.02)


async def _keep(client: Client, task_id: str, name: str) -> None:
    HISTORIES.mkdir(exist_ok=True)
    runs = [run async for run in client.list_workflows(f"WorkflowId = '{task_id}'")]
    for number, found in enumerate(sorted(runs, key=lambda r: r.start_time)):
        handle = client.get_workflow_handle(task_id, run_id=found.run_id)
        history = await handle.fetch_history()
        (HISTORIES / f"{name}-{number}.json").write_text(
            re.sub(r'"stackTrace": "(?:[^"\\]|\\.)*"', '"stackTrace": ""', history.to_json())
        )


@in_module
async def test_every_chunk_is_extracted_and_indexed_within_the_window(client):
    script = Script(chunks=12)
    assert await run(client, script, "plain") == "COMPLETED"
    assert sorted(script.log[:-1]) == sorted(f"indexed {i}" for i in range(1, 13))
    assert script.log[-1] == "removed missing"
    assert 1 < script.most <= 3


@in_module
async def test_a_long_run_continues_as_new_between_chunks(client):
    script = Script(chunks=11)
    assert await run(client, script, "continued", chunks_per_run=4) == "COMPLETED"
    assert sorted(script.log[:-1]) == sorted(f"indexed {i}" for i in range(1, 12))


@in_module
async def test_cancel_stops_what_runs_and_keeps_what_is_done(client):
    script = Script(chunks=40, endless=range(2, 99))
    some = lambda: bool(script.log) and script.extracting > 0  # noqa: E731
    assert await run(client, script, "canceled", (some, "cancel")) == "CANCELED"
    assert any(line.startswith("indexed") for line in script.log)
    assert any(line.startswith(("stopped", "released")) for line in script.log)
    assert "removed missing" not in script.log
    assert script.planned < 40


@in_module
async def test_pause_leaves_work_that_resume_takes_up(client):
    script = Script(chunks=8, endless=range(99))
    working = lambda: script.extracting > 0  # noqa: E731
    stopped = lambda: script.mended_once("paused with 0")  # noqa: E731
    result = await run(client, script, "paused", (working, "pause"), (stopped, "resume"))
    assert result == "COMPLETED"
    assert any(line.startswith(("stopped", "released")) for line in script.log)
    assert not script.left
    assert script.log.count("paused with 0") == 1


@in_module
async def test_chunks_that_a_plan_gives_after_the_pause_are_planned_again(client):
    """They are asked to stop before they begin, and nothing tells of their end but that."""
    script = Script(chunks=4, pages=1)
    plan = script.plan

    @activity.defn(name="plan")
    async def late(request: PlanRequest) -> Planned:
        planned = await plan(request)
        if script.plans == 1:
            handle = client.get_workflow_handle(activity.info().workflow_id)
            await handle.signal("control", "pause")
        return planned

    script.plan = late
    paused = lambda: "paused with 0" in script.log  # noqa: E731
    assert await run(client, script, "late", (paused, "resume")) == "COMPLETED"
    released = [line for line in script.log if line.startswith("released")]
    indexed = [line for line in script.log if line.startswith("indexed")]
    assert (len(released) > 0, len(indexed)) == (True, 4)


@in_module
async def test_a_paused_run_starts_nothing_and_is_canceled_at_once(client):
    script = Script(chunks=40, endless=range(99))
    working = lambda: script.extracting > 0  # noqa: E731
    paused = lambda: "paused with 0" in script.log  # noqa: E731
    result = await run(client, script, "held", (working, "pause"), (paused, "cancel"))
    assert result == "CANCELED"
    after = script.log[script.log.index("paused with 0") + 1 :]
    assert after == []


@in_module
async def test_cancel_does_not_wait_for_indexing_in_trouble(client):
    troubled = {1, 2, 3}
    script = Script(chunks=3, pages=1, failing={1}, hanging={2, 3}, failing_late=frozenset({3}))
    tried = lambda: troubled <= set(script.tries)  # noqa: E731
    begun = time.monotonic()
    assert await run(client, script, "troubled", (tried, "cancel")) == "CANCELED"
    assert time.monotonic() - begun < 8
    assert sorted(script.log) == [f"released {number}" for number in sorted(troubled)]


@in_module
async def test_pause_holds_what_cannot_be_indexed_and_resume_indexes_it(client):
    script = Script(chunks=3, pages=1, failing={1}, hanging={2})
    tried = lambda: {1, 2} <= set(script.tries) and "indexed 3" in script.log  # noqa: E731

    paused = lambda: script.mended_once("paused with 0")  # noqa: E731
    result = await run(client, script, "upheld", (tried, "pause"), (paused, "resume"))
    assert result == "COMPLETED"
    after = script.log[script.log.index("paused with 0") + 1 :]
    assert sorted(after) == ["indexed 1", "indexed 2", "removed missing"]
    assert script.extractions == 3


@in_module
async def test_a_run_that_continues_as_new_keeps_what_is_held(client):
    script = Script(chunks=6, pages=1, hanging={2})
    tried = lambda: 2 in script.tries and len(script.open) == 1  # noqa: E731

    paused = lambda: script.mended_once("paused with 0")  # noqa: E731
    signals = ((tried, "pause"), (paused, "resume"))
    assert await run(client, script, "kept", *signals, chunks_per_run=3) == "COMPLETED"
    indexed = [line for line in script.log if line.startswith("indexed")]
    assert sorted(indexed) == [f"indexed {n}" for n in range(1, 7)]


@in_module
async def test_a_run_that_is_paused_when_it_begins_holds_before_any_work(client):
    script = Script(chunks=4)
    paused = lambda: "paused with 0" in script.log  # noqa: E731
    assert await run(client, script, "early", (paused, "resume"), paused=True) == "COMPLETED"
    assert script.log[0] == "paused with 0"


@in_module
async def test_items_to_be_tried_again_wait_without_a_plan_in_between(client):
    script = Script(chunks=3, flaky={2, 3}, again_s=1.0)
    assert await run(client, script, "again") == "COMPLETED"
    assert sum(line.startswith("indexed") for line in script.log) == 5
    assert script.plans < 12


@in_module
async def test_a_chunk_that_cannot_be_extracted_is_given_up_alone(client):
    script = Script(chunks=5, broken=frozenset({2}))
    assert await run(client, script, "broken") == "COMPLETED"
    assert "gave up 2: model doctor" in script.log
    assert sum(line.startswith("indexed") for line in script.log) == 4


@in_module
@pytest.mark.parametrize("plan", [1, 2])
async def test_a_task_that_cannot_be_planned_fails_and_ends(client, plan: int):
    script = Script(unplannable=plan)
    assert await run(client, script, f"unplannable{plan}") == "failed"
    assert "failed: not_found" in script.log
    assert script.extracting == 0


@in_module
async def test_giving_up_says_in_which_stage_and_where(client):
    script = Script(chunks=3, broken=frozenset({1}), unindexable=frozenset({2}))
    assert await run(client, script, "unindexable") == "COMPLETED"
    told = {script.parts[order.chunk_id]: order for order in script.given_up}
    assert (told[1].stage, told[2].stage) == ("extract", "index")
    assert told[2].worker
    assert "in index" in (told[2].traceback or "")


@in_module
async def test_a_source_that_cannot_be_listed_fails_the_task_and_removes_nothing(client):
    script = Script(unreadable=True)
    assert await run(client, script, "unreadable") == "failed"
    assert "failed: source_unreadable" in script.log
    assert "removed missing" not in script.log


@pytest.mark.parametrize("path", sorted(HISTORIES.glob("*.json")), ids=lambda p: p.stem)
async def test_stored_histories_replay(path: Path):
    history = WorkflowHistory.from_json(path.stem, path.read_text())  # noqa: ASYNC240
    await Replayer(workflows=[IngestWorkflow]).replay_workflow(history)


def test_there_are_histories_of_every_way_a_run_can_go():
    kept = {path.stem.partition("-")[0] for path in HISTORIES.glob("*.json")}
    assert kept == {
        *("plain", "continued", "canceled", "paused", "held", "early", "again"),
        *("broken", "unreadable", "troubled", "upheld", "kept"),
    }


async def test_a_replay_notices_another_order():
    """The guard itself: a history in which something else came last does not replay."""
    kept = (HISTORIES / "plain-0.json").read_text()
    text = kept.replace('"remove_missing"', '"other"')
    history = WorkflowHistory.from_json("plain", text)
    with pytest.raises(Exception, match="ondeterminis"):
        await Replayer(workflows=[IngestWorkflow]).replay_workflow(history)
