"""The workshop with a Temporal server of its own: workflows, relay, sweeper and control activities
as the service runs them, and a worker that extracts in this process instead of in Ray.

Temporal and the service can be stopped and started one by one, and Temporal's file can be lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker
from toys import Toy, ToyParameters
from workshop_help import NS, Workshop

from workbench.domain.wire import TaskOut
from workbench.extraction.chunks import read_manifest, read_outcome
from workbench.extraction.reuse import Shelf
from workbench.extraction.worker import StopFlag, extract_chunk, summarize
from workbench.stack.settings import load_settings
from workbench.stack.temporal import ensure_temporal
from workbench.store.outbox import Letter, Outbox, Unended
from workbench.tasks.changes import Bell
from workbench.tasks.heartbeat import heartbeats
from workbench.tasks.messages import CONTROL_QUEUE, Extracted, ExtractRequest
from workbench.tasks.relay import Relay, end_lost
from workbench.tasks.sweeper import Sweeper, Swept
from workbench.tasks.workflows.ingest import IngestWorkflow

SOON = timedelta(milliseconds=200)


class TemporalServer:
    def __init__(self, file: Path) -> None:
        self._program = ensure_temporal(load_settings({}), print)
        self.file = file
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    async def start(self) -> Client:
        command = [str(self._program), "server", "start-dev", "--headless", "--log-level", "error"]
        where = ["--ip", "127.0.0.1", "--port", str(self.port), "--db-filename", str(self.file)]
        self._begin([*command, *where])
        deadline = time.monotonic() + 120
        while True:
            try:
                client = await Client.connect(f"127.0.0.1:{self.port}", identity="tests")
                await client.count_workflows()
            except RuntimeError:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)
            else:
                return client

    def _begin(self, command: list[str]) -> None:
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(command, stdout=quiet, stderr=quiet)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def lose_file(self) -> None:
        for path in self.file.parent.glob(f"{self.file.name}*"):
            path.unlink()


class TemporalWorkshop:
    def __init__(self, root: Path, window: int = 4, kind: type[Toy] = Toy) -> None:
        """``kind`` is what extracts; it takes the parameters of ``Toy`` and stands for it."""
        self.kind = kind
        self.shop = Workshop(root)
        self.server = TemporalServer(root / "temporal.db")
        self.outbox = Outbox(self.shop.database)
        self.window = window
        self.found = Swept()

    async def close(self) -> None:
        self.server.kill()
        await self.shop.close()

    def task(self, task_id: str) -> TaskOut:
        found = self.shop.tasks.get(NS, task_id)
        assert found is not None
        return found

    async def until(
        self, task_id: str, holds: Callable[[TaskOut], bool], limit: float = 180
    ) -> TaskOut:
        deadline = time.monotonic() + limit
        while not holds(task := self.task(task_id)):
            assert time.monotonic() < deadline, task
            await asyncio.sleep(0.05)
        return task

    async def ended(self, task_id: str, limit: float = 180) -> TaskOut:
        return await self.until(task_id, lambda task: task.ended_at is not None, limit)

    @asynccontextmanager
    async def running(self, client: Client) -> AsyncIterator[Sweeper]:
        """The service's half and the worker's, for the time of the block."""
        sweeper = Sweeper(self.outbox, client, self.window, self._fail)
        relay = Relay(self.outbox, client, Bell(), self.window, self._lost)

        async def first(swept: Swept) -> None:
            self.found = swept

        async with (
            Worker(
                client,
                task_queue=CONTROL_QUEUE,
                workflows=[IngestWorkflow],
                activities=self.shop.control.all(),
                max_heartbeat_throttle_interval=SOON,
                default_heartbeat_throttle_interval=SOON,
            ),
            Worker(
                client,
                task_queue="extract-cpu",
                activities=[self.extract],
                max_concurrent_activities=2,
                max_heartbeat_throttle_interval=SOON,
                default_heartbeat_throttle_interval=SOON,
            ),
        ):
            chores = [asyncio.create_task(relay.run()), asyncio.create_task(sweeper.run(first))]
            try:
                yield sweeper
            finally:
                for chore in chores:
                    chore.cancel()
                await asyncio.gather(*chores, return_exceptions=True)

    @activity.defn(name="extract")
    async def extract(self, request: ExtractRequest) -> Extracted:
        blobs, chunk_id = self.shop.blobs, request.chunk_id
        stop = StopFlag()
        async with heartbeats():
            outcome = read_outcome(blobs, NS, chunk_id)
            if outcome is None:
                manifest = read_manifest(blobs, NS, chunk_id)
                toy = self.kind(ToyParameters(**manifest.parameters))
                toy.load()
                work = asyncio.create_task(
                    asyncio.to_thread(
                        extract_chunk, toy, blobs, NS, chunk_id, stop, "here/1", shelf=Shelf(blobs)
                    )
                )
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.shield(work)
                stop.chunk_id = chunk_id
                outcome = await work
        summary = summarize(outcome)
        return Extracted(summary.documents, summary.left)

    def _lost(self, letter: Letter) -> None:
        end_lost(self.shop.context.endings, self.shop.context.rebuilding, letter)

    def _fail(self, task: Unended, reason: str) -> None:
        self.shop.context.ledger.fail(
            task.namespace_id, task.task_id, "workflow_lost", reason, None
        )
