"""Keeping Temporal informed that an activity is alive, and hearing from it that it should stop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from temporalio import activity

#: Well below the heartbeat timeout of 10 s; cancel arrives with the answer to a heartbeat.
SECONDS = 0.5


@asynccontextmanager
async def heartbeats() -> AsyncGenerator[None]:
    """Heartbeats of the running activity for as long as the block lasts."""

    async def beat() -> None:
        while True:  # most activities end before the first: each costs the server a write
            await asyncio.sleep(SECONDS)
            activity.heartbeat()

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
