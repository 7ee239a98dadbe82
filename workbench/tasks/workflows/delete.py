"""The delete workflow: documents first, then rows, then blobs, in one activity that may repeat."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from workbench.tasks.messages import TaskRef


@workflow.defn(name="delete")
class DeleteWorkflow:
    @workflow.signal
    def control(self, action: str) -> None:
        """A deletion that has begun is carried out."""

    @workflow.run
    async def run(self, task: TaskRef) -> None:
        await workflow.execute_activity(
            "delete_target",
            task,
            start_to_close_timeout=timedelta(hours=1),
            heartbeat_timeout=timedelta(seconds=10),
            retry_policy=RetryPolicy(maximum_interval=timedelta(seconds=5)),
        )
