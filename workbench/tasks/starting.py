"""Starting the workflow of a task, under the task's id."""

from __future__ import annotations

import contextlib

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from workbench.domain.states import TaskKind
from workbench.tasks.messages import CONTROL_QUEUE, IngestInput, TaskRef


async def start_workflow(
    client: Client, task: TaskRef, kind: str, window: int, paused: bool = False
) -> None:
    """Start it, unless a workflow has the id. ``window`` is how many chunks may be under way at
    once; a ``paused`` one takes up no work until it is resumed."""
    argument = IngestInput(task, window, paused=paused) if kind == TaskKind.INGEST else task
    with contextlib.suppress(WorkflowAlreadyStartedError):
        await client.start_workflow(
            kind,
            argument,
            id=task.task_id,
            task_queue=CONTROL_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
