"""The reindex workflow on a real Temporal server, with activities that a test scripts."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from workbench.stack.settings import load_settings
from workbench.stack.temporal import ensure_temporal
from workbench.tasks.messages import Begun, FailTask, FinishRebuild, TaskRef
from workbench.tasks.workflows.reindex import ReindexWorkflow

in_module = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Script:
    slices: int = 3
    refused: bool = False
    log: list[str] = field(default_factory=list)

    @activity.defn(name="begin")
    async def begin(self, task: TaskRef) -> Begun:
        return Begun(False, False, False)

    @activity.defn(name="count_rebuild")
    async def count_rebuild(self, task: TaskRef) -> None:
        self.log.append("counted")

    @activity.defn(name="rebuild")
    async def rebuild(self, task: TaskRef) -> bool:
        if self.refused:
            raise ApplicationError("no such space", type="internal", non_retryable=True)
        await asyncio.sleep(0.02)
        self.log.append("slice")
        return self.log.count("slice") >= self.slices

    @activity.defn(name="tidy_rebuild")
    async def tidy_rebuild(self, task: TaskRef) -> str:
        return "freed nothing"

    @activity.defn(name="finish_rebuild")
    async def finish_rebuild(self, order: FinishRebuild) -> str:
        self.log.append(f"finished {order.note}")
        return "CANCELED" if order.canceled else "COMPLETED"

    @activity.defn(name="fail_task")
    async def fail_task(self, order: FailTask) -> None:
        self.log.append(f"failed {order.message}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client() -> AsyncIterator[Client]:
    program = ensure_temporal(load_settings({}), print)
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(program), ip="127.0.0.1"
    ) as environment:
        yield environment.client


async def run(client: Client, script: Script, cancel: bool = False) -> str:
    activities = [
        script.begin,
        script.count_rebuild,
        script.rebuild,
        script.tidy_rebuild,
        script.finish_rebuild,
        script.fail_task,
    ]
    name = f"reindex-{uuid.uuid4().hex}"
    async with Worker(client, task_queue=name, workflows=[ReindexWorkflow], activities=activities):
        handle = await client.start_workflow(
            ReindexWorkflow.run, TaskRef(name, "ns"), id=name, task_queue=name
        )
        if cancel:
            while script.log.count("slice") < 2:  # noqa: ASYNC110 - it looks at plain data
                await asyncio.sleep(0.01)
            await handle.signal("control", "cancel")
        return await handle.result()


@in_module
async def test_slices_until_the_end_then_it_says_what_was_freed(client: Client):
    script = Script(slices=3)
    assert await run(client, script) == "COMPLETED"
    assert script.log == ["counted", "slice", "slice", "slice", "finished freed nothing"]


@in_module
async def test_cancel_ends_it_after_the_slice_at_hand(client: Client):
    script = Script(slices=10_000)
    assert await run(client, script, cancel=True) == "CANCELED"
    assert script.log[-1] == "finished None"


@in_module
async def test_what_no_repetition_mends_fails_the_task(client: Client):
    script = Script(refused=True)
    assert await run(client, script) == "failed"
    assert script.log[-1] == "failed no such space"
