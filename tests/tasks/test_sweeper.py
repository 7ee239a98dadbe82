"""Tasks whose workflow Temporal has lost go on; two ingests of the same files get along."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporal_workshop import TemporalWorkshop
from temporalio.client import Client

from workbench.domain.states import Request
from workbench.tasks.messages import TaskRef
from workbench.tasks.starting import start_workflow

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]

FILES = 200


@pytest_asyncio.fixture
async def small(tmp_path: Path) -> AsyncIterator[TemporalWorkshop]:
    workshop = TemporalWorkshop(tmp_path)
    workshop.shop.write("b", {f"{i:04}.x": f"text number {i}" for i in range(FILES)})
    yield workshop
    await workshop.close()


async def test_a_task_goes_on_after_temporals_file_was_deleted(small: TemporalWorkshop):
    async with small.running(await small.server.start()):
        task = small.shop.accept("b", pause=0.01)
        await small.until(task.task_id, lambda t: t.progress.indexed > 20)
    done = small.task(task.task_id).progress.indexed
    assert done < FILES
    small.server.kill()
    small.server.lose_file()
    client = await small.server.start()
    begun = time.monotonic()
    async with small.running(client):
        await small.until(task.task_id, lambda t: t.progress.indexed > done)
        assert time.monotonic() - begun < 30, "ten seconds, were the machine its own"
        await _until(lambda: small.found.again)  # told when the sweep ends: it goes on before
        assert small.found.again == (task.task_id,)
        assert "started again" in small.found.lines()[0]
        ended = await small.ended(task.task_id)
    assert ended.state == "COMPLETED"
    assert ended.progress.indexed == ended.progress.total == FILES
    assert len(await small.shop.texts("b")) == len(await small.shop.points()) == FILES


async def test_a_paused_task_stays_paused_until_it_is_resumed(small: TemporalWorkshop):
    async with small.running(await small.server.start()):
        task = small.shop.accept("b", pause=0.01)
        await small.until(task.task_id, lambda t: t.progress.indexed > 20)
        small.shop.acceptance.ask("ns_1", task.task_id, Request.PAUSE)
        await small.until(task.task_id, lambda t: t.state == "PAUSED")
    small.server.kill()
    small.server.lose_file()
    async with small.running(await small.server.start()):
        await _until(lambda: small.found.again)
        done = small.task(task.task_id).progress.indexed
        await asyncio.sleep(1.0)
        assert small.task(task.task_id).progress.indexed == done
        assert small.task(task.task_id).state == "PAUSED"
        small.shop.acceptance.ask("ns_1", task.task_id, Request.RESUME)
        assert (await small.ended(task.task_id)).state == "COMPLETED"


async def test_a_resume_while_the_paused_task_is_started_again_is_heard(
    small: TemporalWorkshop, monkeypatch: pytest.MonkeyPatch
):
    async with small.running(await small.server.start()):
        task = small.shop.accept("b", pause=0.01)
        await small.until(task.task_id, lambda t: t.progress.indexed > 20)
        small.shop.acceptance.ask("ns_1", task.task_id, Request.PAUSE)
        await small.until(task.task_id, lambda t: t.state == "PAUSED")
    small.server.kill()
    small.server.lose_file()

    async def resumed_first(client: Client, ref: TaskRef, *arguments: Any) -> None:
        """The relay finds no workflow to tell."""
        monkeypatch.undo()
        small.shop.acceptance.ask("ns_1", ref.task_id, Request.RESUME)
        await _until(lambda: not small.outbox.open())
        await start_workflow(client, ref, *arguments)

    monkeypatch.setattr("workbench.tasks.sweeper.start_workflow", resumed_first)
    async with small.running(await small.server.start()):
        assert (await small.ended(task.task_id)).state == "COMPLETED"


async def test_a_workflow_that_was_terminated_fails_its_task_and_says_so(small: TemporalWorkshop):
    client = await small.server.start()
    async with small.running(client) as sweeper:
        task = small.shop.accept("b", pause=0.01)
        await small.until(task.task_id, lambda t: t.progress.indexed > 0)
        await client.get_workflow_handle(task.task_id).terminate()
        assert (await sweeper.sweep()).over == (task.task_id,)
    ended = small.task(task.task_id)
    assert ended.state == "FAILED"
    assert ended.error is not None
    assert "terminated" in ended.error.message
    assert ended.progress.indexed + ended.progress.canceled == ended.progress.total or (
        ended.progress.total is None
    )


async def test_two_ingests_of_the_same_files_at_once_end_without_a_duplicate(
    small: TemporalWorkshop,
):
    async with small.running(await small.server.start()):
        tasks = [small.shop.accept("b", pause=0.005) for _ in range(2)]
        ended = await asyncio.gather(*(small.ended(task.task_id) for task in tasks))
    for task in ended:
        assert task.state == "COMPLETED", task
        assert task.progress.indexed + task.progress.skipped == task.progress.total == FILES
    assert len(await small.shop.points()) == FILES
    assert len(await small.shop.texts("b")) == FILES


async def _until(held: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not held():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
