"""The sweeper: finds tasks that Temporal has forgotten.

A task that has not ended must have a workflow that runs. At the start of the service, and every
half minute, each such task is looked up. Where Temporal does not know it (its file was deleted, or
another one was put in its place) the workflow is started again under the same id, and goes on from
the store: the listing's cursor, the items and the chunks are there. Where the workflow was ended
from outside (terminated, failed) the task fails and says so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from workbench.store.outbox import Outbox, Unended
from workbench.tasks.messages import TaskRef
from workbench.tasks.patience import patiently
from workbench.tasks.starting import start_workflow

log = logging.getLogger(__name__)

EVERY_SECONDS = 30.0
SHOWN = 5

_OVER = {
    WorkflowExecutionStatus.COMPLETED: "ended without ending the task",
    WorkflowExecutionStatus.FAILED: "failed",
    WorkflowExecutionStatus.CANCELED: "was canceled in Temporal",
    WorkflowExecutionStatus.TERMINATED: "was terminated in Temporal",
    WorkflowExecutionStatus.TIMED_OUT: "timed out",
}


@dataclass(frozen=True)
class Swept:
    """Task ids: those under way, those that were started again, those that could not go on."""

    going: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    over: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """What a person is told, a line for each kind that there is."""
        told = (
            ("goes on", self.going),
            ("was unknown to Temporal and was started again", self.again),
            ("failed: its workflow had been ended in Temporal", self.over),
        )
        return [f"{_some(ids)} {what}" for what, ids in told if ids]


class Sweeper:
    def __init__(
        self,
        outbox: Outbox,
        client: Client,
        window: int,
        fail: Callable[[Unended, str], None],
    ) -> None:
        """``fail`` ends a task whose workflow was ended from outside, for the reason given."""
        self._outbox = outbox
        self._client = client
        self._window = window
        self._fail = fail

    async def run(self, first: Callable[[Swept], Awaitable[None]]) -> None:
        """Sweep until canceled; ``first`` is told what was found at the start."""
        told = False
        while True:
            swept = await patiently("look tasks up in Temporal", self.sweep)
            for line in swept.lines() if not told else Swept((), swept.again, swept.over).lines():
                log.info("%s", line)
            if not told:
                told = True
                await first(swept)
            await asyncio.sleep(EVERY_SECONDS)

    async def sweep(self) -> Swept:
        going: list[str] = []
        again: list[str] = []
        over: list[str] = []
        for task in await asyncio.to_thread(self._outbox.unended):
            status = await self._status(task.task_id)
            if status is None:
                ref = TaskRef(task.task_id, task.namespace_id)
                await start_workflow(self._client, ref, task.kind, self._window, task.paused)
                await self._resumed_meanwhile(task)
                again.append(task.task_id)
            elif status in _OVER:
                if await self._ended_meanwhile(task):
                    continue
                await asyncio.to_thread(self._fail, task, f"its workflow {_OVER[status]}")
                over.append(task.task_id)
            else:
                going.append(task.task_id)
        return Swept(tuple(going), tuple(again), tuple(over))

    async def _status(self, task_id: str) -> WorkflowExecutionStatus | None:
        """None where Temporal does not know the workflow."""
        try:
            found = await self._client.get_workflow_handle(task_id).describe()
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return None
            raise
        return found.status

    async def _resumed_meanwhile(self, task: Unended) -> None:
        """A resume that found no workflow is told to the one that was started as a paused one."""
        resumed = replace(task, paused=False)
        if task.paused and resumed in await asyncio.to_thread(self._outbox.unended):
            await self._client.get_workflow_handle(task.task_id).signal("control", "resume")

    async def _ended_meanwhile(self, task: Unended) -> bool:
        return task not in await asyncio.to_thread(self._outbox.unended)


def unended_lines(ids: Sequence[str]) -> list[str]:
    """What is known before Temporal was asked."""
    if not ids:
        return []
    had = "had not ended and goes on" if len(ids) == 1 else "had not ended: they go on"
    return [f"{_some(tuple(ids))} {had}"]


def _some(ids: tuple[str, ...]) -> str:
    if len(ids) == 1:
        return f"task {ids[0]}"
    more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
    return f"each of {len(ids)} tasks ({', '.join(ids[:SHOWN])}{more})"
