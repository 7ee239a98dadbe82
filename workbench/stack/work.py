"""The worker put together: extract activities in front of the Ray pool. It imports nothing of the
service."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal

from temporalio.worker import Worker

from workbench.blobs.folder import open_blobs
from workbench.extraction.pool import ActorPool
from workbench.extraction.ray_actors import RayOptions
from workbench.extraction.registry import Registry
from workbench.stack.logs import log_to_stderr
from workbench.stack.orchestration import GRACE, THROTTLE, connect
from workbench.stack.settings import Settings, secure_runtime
from workbench.tasks.activities.extract import ExtractActivities
from workbench.tasks.fulldisk import FullDisk
from workbench.tasks.inhand import InHand

log = logging.getLogger(__name__)

#: The exit status of a worker whose Ray died.
RAY_DIED = 70
QUEUES = ("extract-cpu", "extract-gpu")


async def work(settings: Settings) -> None:
    """The worker, until it is told to stop: extract activities in front of the Ray pool."""
    log_to_stderr(settings.log_level)
    secure_runtime(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    options = RayOptions(settings.ray_address, settings.slots, str(settings.ray_folder))
    pool = ActorPool(options, settings.blobs_location)
    activities = ExtractActivities(
        pool, open_blobs(settings.blobs_location), Registry.discover(settings.extractors)
    )
    in_hand = InHand(settings.in_hand_folder("worker"))
    # Chunks wait for whoever comes after a worker that was killed: Ray starts without being asked.
    early = asyncio.create_task(pool.start()) if in_hand.found else None
    client = await connect(settings)
    await in_hand.hand_back(client)
    watch = asyncio.create_task(_end_with_ray(pool))
    async with contextlib.AsyncExitStack() as stack:
        for queue in QUEUES:
            worker = Worker(
                client,
                task_queue=queue,
                activities=[activities.extract],
                interceptors=[in_hand, FullDisk()],
                max_concurrent_activities=2 * settings.slots,
                max_heartbeat_throttle_interval=THROTTLE,
                default_heartbeat_throttle_interval=THROTTLE,
                graceful_shutdown_timeout=GRACE,
            )
            await stack.enter_async_context(worker)
        await stop.wait()
        watch.cancel()
    for task in (early, watch):
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)
    await pool.close()


async def _end_with_ray(pool: ActorPool) -> None:
    """Without its Ray a worker can do nothing more, and Ray does not always say so: the process
    ends at once, and whoever watches it starts another one."""
    await pool.lost()
    log.error("Ray has died: this worker ends")
    logging.shutdown()
    os._exit(RAY_DIED)
