"""The relay: carries the outbox to Temporal.

Requests are accepted whether Temporal answers or not. The relay starts the workflow of each new
task under the task's id and passes signals on, in order for each task; what cannot be delivered now
stays and is tried again. Starting twice is harmless: the id is taken.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from workbench.domain.states import TaskKind
from workbench.store.endings import Endings
from workbench.store.outbox import Letter, Outbox
from workbench.store.rebuilding import Rebuilding
from workbench.tasks.changes import Bell
from workbench.tasks.messages import TaskRef
from workbench.tasks.patience import patiently
from workbench.tasks.starting import start_workflow

log = logging.getLogger(__name__)

IDLE_SECONDS = 1.0


def end_lost(endings: Endings, rebuilding: Rebuilding, letter: Letter) -> None:
    """A task to be canceled that Temporal does not know is canceled here; but a deletion goes on.
    What else was asked stands in the store, from which the sweeper starts the task again."""
    if letter.action != "cancel":
        return
    match letter.kind:
        case TaskKind.INGEST:
            endings.finish(letter.namespace_id, letter.task_id, canceled=True)
        case TaskKind.REINDEX:
            rebuilding.finish(letter.namespace_id, letter.task_id, canceled=True, note=None)
        case _:
            pass


class Relay:
    def __init__(
        self,
        outbox: Outbox,
        client: Client,
        bell: Bell,
        window: int,
        lost: Callable[[Letter], None],
    ) -> None:
        """``bell`` rings when something was written; ``lost`` is told of a signal for a workflow
        that Temporal does not know."""
        self._outbox = outbox
        self._client = client
        self._window = window
        self._lost = lost
        self._bell = bell

    async def run(self) -> None:
        """Deliver until canceled."""
        while True:
            if not await patiently("carry letters to Temporal", self._round):
                await self._bell.wait(IDLE_SECONDS)

    async def _round(self) -> bool:
        """Deliver what is open; whether all of it went out and there was something."""
        letters = await asyncio.to_thread(self._outbox.open)
        stuck: set[str] = set()
        for letter in letters:
            if letter.task_id in stuck:
                continue
            try:
                await self._deliver(letter)
            except (RPCError, OSError, RuntimeError) as error:
                log.warning("cannot tell Temporal of %s yet: %s", letter.task_id, error)
                await asyncio.to_thread(self._outbox.failed, letter.outbox_id)
                stuck.add(letter.task_id)
            else:
                await asyncio.to_thread(self._outbox.done, letter.outbox_id)
        return bool(letters) and not stuck

    async def _deliver(self, letter: Letter) -> None:
        if letter.action == "start":
            task = TaskRef(letter.task_id, letter.namespace_id)
            await start_workflow(self._client, task, letter.kind, self._window)
            return
        try:
            await self._client.get_workflow_handle(letter.task_id).signal("control", letter.action)
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            await asyncio.to_thread(self._lost, letter)
