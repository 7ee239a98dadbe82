"""The service's side of Temporal: workflows, control activities and the relay.

The service answers requests whether Temporal is there or not; this connects when it can, and keeps
at it. Once connected, the SDK itself outlives restarts of the server.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from workbench.stack.settings import Settings
from workbench.tasks.fulldisk import FullDisk
from workbench.tasks.inhand import InHand
from workbench.tasks.messages import CONTROL_QUEUE
from workbench.tasks.workflows.delete import DeleteWorkflow
from workbench.tasks.workflows.ingest import IngestWorkflow
from workbench.tasks.workflows.reindex import ReindexWorkflow

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.25
#: Heartbeats are sent so often while an activity runs. Cancel and pause arrive with their answers:
#: with the pool's grace of three seconds this makes less than five.
THROTTLE = timedelta(seconds=1)
GRACE = timedelta(seconds=5)
#: How long a workflow waits for the process that has it in memory before another one replays it.
STICKY = timedelta(seconds=2)
CONTROL_ACTIVITIES = 32


async def connect(settings: Settings) -> Client:
    """A connection to the server that the settings name, however long it takes to be there."""
    failed = 0
    while True:
        try:
            return await Client.connect(
                settings.temporal_address or "127.0.0.1:7233",
                namespace=settings.temporal_namespace,
                api_key=settings.temporal_api_key,
                tls=settings.temporal_tls,
            )
        except RuntimeError as error:
            failed += 1
            if failed in (20, 200, 2000):
                log.warning("Temporal does not answer at %s: %s", settings.temporal_address, error)
            await asyncio.sleep(RETRY_SECONDS)


@dataclass
class TemporalState:
    """What health says of it."""

    client: Client | None = None

    async def answers(self) -> bool:
        if self.client is None:
            return False
        try:
            return await self.client.service_client.check_health(timeout=timedelta(seconds=1))
        except RuntimeError:
            return False


async def orchestrate(
    settings: Settings,
    state: TemporalState,
    activities: list[Callable[..., Awaitable[object]]],
    relay: Callable[[Client], Awaitable[None]],
) -> None:
    """Run the control worker and the relay until canceled."""
    in_hand = InHand(settings.in_hand_folder("service"))
    client = await connect(settings)
    state.client = client
    await in_hand.hand_back(client)
    worker = Worker(
        client,
        task_queue=CONTROL_QUEUE,
        workflows=[IngestWorkflow, DeleteWorkflow, ReindexWorkflow],
        # The tests run the same workflows in the sandbox, which finds what would not replay.
        workflow_runner=UnsandboxedWorkflowRunner(),
        activities=activities,
        max_concurrent_activities=CONTROL_ACTIVITIES,
        interceptors=[in_hand, FullDisk()],
        sticky_queue_schedule_to_start_timeout=STICKY,
        max_heartbeat_throttle_interval=THROTTLE,
        default_heartbeat_throttle_interval=THROTTLE,
        graceful_shutdown_timeout=GRACE,
    )
    async with worker:
        await relay(client)
