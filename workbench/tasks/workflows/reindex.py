"""The reindex workflow: rebuild in slices of about two seconds, then tidy up, then end the task.

The cursor is in the store, so slices may repeat, and a run that has become long continues as new
without carrying anything over.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from workbench.tasks.messages import Begun, FinishRebuild, TaskRef
    from workbench.tasks.workflows.failing import failure

PATIENT = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=5)
)


@workflow.defn(name="reindex")
class ReindexWorkflow:
    def __init__(self) -> None:
        self._canceled = False

    @workflow.signal
    def control(self, action: str) -> None:
        if action == "cancel":
            self._canceled = True

    @workflow.run
    async def run(self, task: TaskRef) -> str:
        begun: Begun = await self._do("begin", task, Begun)
        if begun.ended:
            return "ended"
        self._canceled = self._canceled or begun.canceled
        if not begun.listed:
            await self._do("count_rebuild", task, None)
        note: str | None = None
        try:
            if await self._rebuild(task):
                note = await self._do("tidy_rebuild", task, str, timedelta(hours=2))
        except ActivityError as error:
            await self._do("fail_task", failure(task, error), None)
            return "failed"
        return await self._do("finish_rebuild", FinishRebuild(task, self._canceled, note), str)

    async def _rebuild(self, task: TaskRef) -> bool:
        """Whether it came to its end and was not canceled before."""
        while not self._canceled:
            if await self._do("rebuild", task, bool, timedelta(minutes=10)):
                return not self._canceled
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(task)
        return False

    async def _do(
        self,
        name: str,
        argument: Any,
        result: type | None,
        limit: timedelta = timedelta(minutes=1),
    ) -> Any:
        return await workflow.execute_activity(
            name,
            argument,
            result_type=result,
            start_to_close_timeout=limit,
            heartbeat_timeout=timedelta(seconds=10),
            retry_policy=PATIENT,
        )
