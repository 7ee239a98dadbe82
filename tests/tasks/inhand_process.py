"""A worker that takes an activity and never ends it: ``inhand_process.py ADDRESS FOLDER``."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.exceptions import ActivityError, is_cancelled_exception
from temporalio.worker import Worker
from temporalio.workflow import ActivityCancellationType

with workflow.unsafe.imports_passed_through():
    from workbench.tasks.inhand import InHand

#: Far longer than the test waits: only who hands the activity back makes it go on.
HEARTBEAT = timedelta(minutes=5)


@workflow.defn(name="hold")
class Hold:
    """The activity's result; "stopped" when it was canceled."""

    def __init__(self) -> None:
        self._stop = False

    @workflow.signal
    def stop(self) -> None:
        self._stop = True

    @workflow.run
    async def run(self) -> str:
        handle = workflow.start_activity(
            "hold",
            result_type=str,
            task_queue="holding",
            start_to_close_timeout=HEARTBEAT,
            heartbeat_timeout=HEARTBEAT,
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
        await workflow.wait_condition(lambda: self._stop or handle.done())
        if self._stop:
            handle.cancel()
        try:
            return await handle
        except ActivityError as error:
            return "stopped" if is_cancelled_exception(error) else "failed"


@activity.defn(name="hold")
async def hold() -> str:
    print("holding", flush=True)
    await asyncio.sleep(3600)
    return "held"


async def main() -> None:
    client = await Client.connect(sys.argv[1])
    in_hand = InHand(Path(sys.argv[2]))
    async with Worker(client, task_queue="holding", activities=[hold], interceptors=[in_hand]):
        await asyncio.sleep(3600)


if __name__ == "__main__":
    asyncio.run(main())
