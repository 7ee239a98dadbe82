"""What a killed process had in hand goes on at once, long before its heartbeats are missed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from inhand_process import Hold
from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from workbench.stack.settings import load_settings
from workbench.stack.temporal import ensure_temporal
from workbench.tasks.inhand import InHand

pytestmark = pytest.mark.timeout(240)
LIMIT = 60.0


@dataclass
class Killed:
    """A workflow whose activity's process was killed, and the folder that it left."""

    client: Client
    handle: WorkflowHandle[Any, str]
    folder: Path
    process: asyncio.subprocess.Process


@pytest_asyncio.fixture
async def started(tmp_path: Path) -> AsyncIterator[Killed]:
    program = ensure_temporal(load_settings({}), print)
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(program), ip="127.0.0.1"
    ) as environment:
        client = environment.client
        folder = tmp_path / "in-hand"
        async with Worker(client, task_queue="flows", workflows=[Hold]):
            script = str(Path(__file__).with_name("inhand_process.py"))
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                script,
                client.service_client.config.target_host,
                str(folder),
                stdout=subprocess.PIPE,
            )
            handle = await client.start_workflow(
                Hold.run, id=f"hold-{uuid.uuid4().hex}", task_queue="flows"
            )
            assert process.stdout is not None
            assert await asyncio.wait_for(process.stdout.readline(), LIMIT) == b"holding\n"
            yield Killed(client, handle, folder, process)
            if process.returncode is None:
                process.kill()
            await process.wait()


@activity.defn(name="hold")
async def hold() -> str:
    return "done by another"


async def _kill(process: asyncio.subprocess.Process) -> None:
    process.kill()
    await process.wait()


async def test_the_next_process_hands_it_back_and_it_is_done_again(started: Killed):
    await _kill(started.process)
    in_hand = InHand(started.folder)
    assert await in_hand.hand_back(started.client) == 1
    async with Worker(
        started.client, task_queue="holding", activities=[hold], interceptors=[in_hand]
    ):
        assert await asyncio.wait_for(started.handle.result(), LIMIT) == "done by another"
    assert not list(started.folder.iterdir())


async def test_one_that_should_stop_is_stopped_and_not_done_again(started: Killed):
    await started.handle.signal(Hold.stop)
    await asyncio.sleep(1.0)
    await _kill(started.process)
    assert await InHand(started.folder).hand_back(started.client) == 1
    assert await asyncio.wait_for(started.handle.result(), LIMIT) == "stopped"


async def test_what_was_handed_back_before_is_left_alone(started: Killed, tmp_path: Path):
    await _kill(started.process)
    (left,) = started.folder.iterdir()
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / left.name).write_bytes(left.read_bytes())
    (copy / "half").write_bytes(b"")
    assert await InHand(started.folder).hand_back(started.client) == 1
    async with Worker(started.client, task_queue="holding", activities=[hold]):
        assert await InHand(copy).hand_back(started.client) == 0
        assert await asyncio.wait_for(started.handle.result(), LIMIT) == "done by another"
    assert not list(copy.iterdir())
