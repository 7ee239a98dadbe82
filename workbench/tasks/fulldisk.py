"""Activities on a full disk wait for room.

Whatever an activity raises because there is no room becomes one clear error of the category
``resource``, and Temporal tries again every ten seconds. So a task pauses by itself and goes on
when space is freed; a chunk whose tries come to their end fails its items with that error.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from workbench.domain.room import HINT, MESSAGE, disk_is_full
from workbench.domain.states import Category

WAIT = timedelta(seconds=10)


class FullDisk(Interceptor):
    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Waiting(next)


class _Waiting(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        try:
            return await super().execute_activity(input)
        except Exception as error:
            if not disk_is_full(error):
                raise
            raise ApplicationError(
                MESSAGE, HINT, type=Category.RESOURCE, next_retry_delay=WAIT
            ) from error
