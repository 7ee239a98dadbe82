"""What a process had in hand when it died: its activities go on elsewhere at once.

Temporal learns of a dead process only when heartbeats stay away for ten seconds. So each process
keeps a folder with a file for every activity that it runs: the activity's token. A file is removed
when its activity ends; those that the next process finds at its start belonged to one that was
killed, and it hands them back: Temporal schedules them again without a wait. A token names one
attempt, so handing back one that timed out meanwhile does nothing.
"""

from __future__ import annotations

import hashlib
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.client import AsyncActivityCancelledError, AsyncActivityHandle, Client
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

log = logging.getLogger(__name__)

AT_ONCE = timedelta(milliseconds=1)


class InHand(Interceptor):
    """Keeps the tokens of running activities in ``folder``, which belongs to one process at a
    time. ``found`` are the files that the process before it left."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self.found = sorted(folder.iterdir())

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Keeping(next, self._folder)

    async def hand_back(self, client: Client) -> int:
        """Give the activities of the process before back to Temporal; how many it took back."""
        taken = 0
        for path in self.found:
            token = path.read_bytes()
            try:
                if token:  # else it was killed while it wrote
                    await _end(client.get_async_activity_handle(task_token=token))
                    taken += 1
            except RPCError as error:  # another attempt runs already, or the workflow has ended
                log.debug("an activity was not handed back: %s", error)
            path.unlink(missing_ok=True)
        if taken:
            log.info("handed back %d activities of a process that was killed", taken)
        return taken


async def _end(handle: AsyncActivityHandle) -> None:
    try:
        await handle.heartbeat()
    except AsyncActivityCancelledError:
        await handle.report_cancellation()
        return
    error = ApplicationError("the process that ran this died", next_retry_delay=AT_ONCE)
    await handle.fail(error)


class _Keeping(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, folder: Path) -> None:
        super().__init__(next)
        self._folder = folder

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        token = activity.info().task_token
        path = self._folder / hashlib.sha256(token).hexdigest()[:32]
        try:
            path.write_bytes(token)
        except OSError as error:  # a full disk: the heartbeat's timeout still stands
            log.debug("an activity is not kept: %s", error)
        try:
            return await super().execute_activity(input)
        finally:
            path.unlink(missing_ok=True)
