"""The control activities: everything of a task that needs the store. They run in the service.

Blocking work goes to threads; each activity sends heartbeats, so that Temporal hands it to another
service within seconds when this one dies. Errors that no repetition can mend are
``ApplicationError`` with our code as type and the hint as detail.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from workbench.blobs.port import BlobNotFound
from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.filters import And, any_of, eq
from workbench.domain.folder import SourceUnreadable
from workbench.domain.states import RETRYABLE, Category, ItemState, Request, TaskState
from workbench.extraction.chunks import read_manifest, read_outcome
from workbench.store.chunk_end import UNKNOWN, Finding, Written
from workbench.store.database import now_ms
from workbench.tasks.activities.indexing import index_chunk
from workbench.tasks.activities.listing import SLICE_SECONDS, list_slice, there_again
from workbench.tasks.activities.planning import plan_chunks
from workbench.tasks.activities.telling import tell, tell_extracted
from workbench.tasks.context import ControlContext
from workbench.tasks.heartbeat import heartbeats
from workbench.tasks.messages import (
    Begun,
    FailTask,
    Finish,
    GiveUp,
    Indexed,
    IndexRequest,
    ListProgress,
    Planned,
    PlanRequest,
    TaskRef,
)
from workbench.tasks.withdrawing import withdraw
from workbench.vectors.port import VectorsUnavailable, delete_if_any

log = logging.getLogger(__name__)

#: How long a plan waits for items while the listing goes on.
PLAN_WAIT_SECONDS = 1.0
PLAN_POLL_SECONDS = 0.02
REMOVED_AT_ONCE = 500
#: Characters of a worker's name that the store keeps.
WORKER = 128
#: Each of them waits for the index as long as its adapter does.
WITHDRAW_TRIES = 3
#: A chunk is released while somebody waits for a pause or a cancel.
RELEASE_SECONDS = 1.0
LEFT = "documents of chunk %s may be left in the index: %s"


@dataclass(frozen=True)
class _Extracted:
    """What a chunk that comes to no end may have in the index."""

    collection_id: str
    object_ids: Sequence[str]
    written: Written


class ControlActivities:
    def __init__(self, context: ControlContext) -> None:
        self._context = context

    def all(self) -> Sequence[Callable[..., Awaitable[Any]]]:
        return [
            self.begin,
            self.paused,
            self.list_source,
            self.plan,
            self.index,
            self.release,
            self.give_up,
            self.remove_missing,
            self.finish,
            self.fail_task,
            self.delete_target,
        ]

    @activity.defn(name="begin")
    async def begin(self, task: TaskRef) -> Begun:
        record = await asyncio.to_thread(
            self._context.ledger.begin, task.namespace_id, task.task_id
        )
        self._context.changed(task.task_id)
        return Begun(
            ended=record.state.ended,
            listed=record.listing_ended,
            canceled=record.requested == Request.CANCEL,
            paused=record.state is TaskState.PAUSED,
        )

    @activity.defn(name="paused")
    async def paused(self, task: TaskRef) -> None:
        """Nothing of the task runs any more."""
        await asyncio.to_thread(self._context.ledger.pause, task.namespace_id, task.task_id)
        self._context.changed(task.task_id)

    @activity.defn(name="list_source")
    async def list_source(self, task: TaskRef) -> ListProgress:
        started_at, begun = now_ms(), time.perf_counter()
        record = await asyncio.to_thread(self._context.ledger.task, task.namespace_id, task.task_id)
        if record.listing_ended:
            return ListProgress(True, 0)
        async with heartbeats():
            try:
                ended, seen = await asyncio.to_thread(list_slice, self._context, record)
            except SourceUnreadable as error:
                raise ApplicationError(
                    str(error),
                    "make the source readable and ingest again; nothing was removed",
                    type=Code.SOURCE_UNREADABLE,
                    non_retryable=True,
                ) from None
            except WorkbenchError as error:
                raise _final(error) from None
        seconds = time.perf_counter() - begun
        tell(self._context, task, "list", started_at, seconds, seen)
        return ListProgress(ended, seen)

    @activity.defn(name="plan")
    async def plan(self, request: PlanRequest) -> Planned:
        """Waits a little for the listing when there is nothing to plan yet."""
        task, started_at, begun = request.task, now_ms(), time.perf_counter()
        async with heartbeats():
            try:
                planned = await self._plan(request)
            except WorkbenchError as error:
                raise _final(error) from None
        if planned.chunks:
            items = sum(chunk.items for chunk in planned.chunks)
            tell(self._context, task, "plan", started_at, time.perf_counter() - begun, items)
        return planned

    async def _plan(self, request: PlanRequest) -> Planned:
        task = request.task
        deadline = time.monotonic() + PLAN_WAIT_SECONDS
        while True:
            record = await asyncio.to_thread(
                self._context.ledger.task, task.namespace_id, task.task_id
            )
            planned = await asyncio.to_thread(
                plan_chunks, self._context, record, request.after, request.most, request.idle
            )
            settled = planned.chunks or planned.exhausted or planned.wait_s
            if settled or time.monotonic() > deadline:
                return planned
            await asyncio.sleep(PLAN_POLL_SECONDS)

    @activity.defn(name="index")
    async def index(self, request: IndexRequest) -> Indexed:
        async with heartbeats():
            collection_id = await index_chunk(self._context, request)
        waiting = await asyncio.to_thread(
            self._context.planning.some, request.task.task_id, collection_id
        )
        return Indexed(waiting)

    @activity.defn(name="release")
    async def release(self, request: IndexRequest) -> None:
        """What the chunk has in the index leaves it, where the index answers soon."""
        namespace_id, chunk_id = request.task.namespace_id, request.chunk_id
        async with heartbeats():
            mine = await asyncio.to_thread(self._extracted, namespace_id, chunk_id)
            await asyncio.to_thread(
                self._context.ledger.release, namespace_id, chunk_id, mine.written
            )
            try:
                async with asyncio.timeout(RELEASE_SECONDS):
                    await self._withdraw(namespace_id, chunk_id, mine)
            except (VectorsUnavailable, TimeoutError) as error:
                log.warning(LEFT, chunk_id, repr(error))

    def _extracted(self, namespace_id: str, chunk_id: str) -> _Extracted:
        """What came of the chunk's extraction, which is told too: time was spent. What cannot be
        told, since a blob is gone, keeps no chunk from its end."""
        blobs = self._context.blobs
        begun = self._context.ledger.being_indexed(namespace_id, chunk_id)
        with contextlib.suppress(BlobNotFound):
            outcome = read_outcome(blobs, namespace_id, chunk_id)
            if outcome is not None:
                manifest = read_manifest(blobs, namespace_id, chunk_id)
                tell_extracted(self._context, manifest, outcome)
                read = {o.object_id: o.sha256 for o in outcome.objects if not o.unchanged}
                return _Extracted(begun[0], list(read), Written(manifest.digest, read))
        return _Extracted(*begun, UNKNOWN)

    @activity.defn(name="give_up")
    async def give_up(self, order: GiveUp) -> None:
        known = order.category in {category.value for category in Category}
        category = Category(order.category) if known else Category.INTERNAL
        failure = {
            "category": category.value,
            "message": order.message,
            "hint": order.hint,
            "stage": order.stage,
            "traceback": None if known else order.traceback,
            "retryable": category in RETRYABLE,
            "worker": order.worker[:WORKER] if order.worker else None,
        }
        reason = Finding("", ItemState.FAILED, "", failure=failure)
        task = order.task
        async with heartbeats():
            mine = await asyncio.to_thread(self._extracted, task.namespace_id, order.chunk_id)
            await asyncio.to_thread(
                self._context.ledger.give_up,
                task.namespace_id,
                task.task_id,
                order.chunk_id,
                reason,
                mine.written,
            )
            self._context.changed(task.task_id)
            try:
                await self._withdraw_unless_asked(task, order.chunk_id, mine)
            except VectorsUnavailable as error:
                if activity.info().attempt < WITHDRAW_TRIES and not await self._asked(task):
                    raise
                log.warning(LEFT, order.chunk_id, repr(error))

    async def _withdraw_unless_asked(self, task: TaskRef, chunk_id: str, mine: _Extracted) -> None:
        """An index that stays away is waited for, but not once the task is to pause or to end."""
        withdrawing = asyncio.create_task(self._withdraw(task.namespace_id, chunk_id, mine))
        try:
            while not (await asyncio.wait({withdrawing}, timeout=RELEASE_SECONDS))[0]:
                if await self._asked(task):
                    raise VectorsUnavailable("it did not answer before the task was to stop")
            withdrawing.result()
        finally:
            withdrawing.cancel()

    async def _asked(self, task: TaskRef) -> bool:
        record = await asyncio.to_thread(self._context.ledger.task, task.namespace_id, task.task_id)
        return record.requested is not None

    async def _withdraw(self, namespace_id: str, chunk_id: str, mine: _Extracted) -> None:
        """What the chunk has in the index and did not record leaves it, once nothing of it can be
        recorded any more. An index that stays away keeps no item from its end: the next ingest or a
        reindex removes what is left there."""
        await withdraw(self._context, namespace_id, mine.collection_id, chunk_id, mine.object_ids)

    @activity.defn(name="remove_missing")
    async def remove_missing(self, task: TaskRef) -> bool:
        """Objects that a whole listing did not find lose their documents, unless they are there
        by now. Works for about two seconds; returns whether that was all of them."""
        ledger = self._context.ledger
        deadline = time.monotonic() + SLICE_SECONDS
        async with heartbeats():
            record = await asyncio.to_thread(ledger.task, task.namespace_id, task.task_id)
            while time.monotonic() < deadline:
                missing = await asyncio.to_thread(
                    ledger.missing, task.namespace_id, task.task_id, REMOVED_AT_ONCE
                )
                if not missing:
                    return True
                back = await asyncio.to_thread(there_again, self._context, record, missing)
                if back:
                    await asyncio.to_thread(ledger.stay, task.task_id, sorted(back))
                gone = [object_id for object_id in missing if object_id not in back]
                if gone:
                    await self._remove(task, gone)
                self._context.changed(task.task_id)
        return False

    async def _remove(self, task: TaskRef, missing: Sequence[str]) -> None:
        """The objects are marked first: what is indexed from now on of one that is removed is
        deleted by whoever indexes it, and what comes back is listed as new."""
        namespace_id, ledger = task.namespace_id, self._context.ledger
        going = await asyncio.to_thread(ledger.remove, namespace_id, task.task_id, missing)
        spaces = await asyncio.to_thread(ledger.spaces_of, namespace_id, going)
        where = And((eq("namespace", namespace_id), any_of("object_id", tuple(going))))
        for space in spaces:
            await delete_if_any(self._context.vectors, space, where)
        await asyncio.to_thread(ledger.removed, namespace_id, task.task_id, going)

    @activity.defn(name="finish")
    async def finish(self, order: Finish) -> str:
        task = order.task
        async with heartbeats():
            state = await asyncio.to_thread(
                self._context.endings.finish, task.namespace_id, task.task_id, order.canceled
            )
        self._context.changed(task.task_id)
        return state.value

    @activity.defn(name="fail_task")
    async def fail_task(self, order: FailTask) -> None:
        task = order.task
        async with heartbeats():
            await asyncio.to_thread(
                self._context.ledger.fail,
                task.namespace_id,
                task.task_id,
                order.code,
                order.message,
                order.hint,
            )
        self._context.changed(task.task_id)

    @activity.defn(name="delete_target")
    async def delete_target(self, task: TaskRef) -> None:
        """What the task deletes, and its documents."""
        context = self._context
        record = await asyncio.to_thread(context.ledger.begin, task.namespace_id, task.task_id)
        kind, target = record.request["kind"], record.request["id"]
        async with heartbeats():
            if kind == "object":
                await self._remove(task, [target])
            else:
                await self._delete(task.namespace_id, kind, target)
        await asyncio.to_thread(context.endings.complete, task.namespace_id, task.task_id)
        context.changed(task.task_id)

    async def _delete(self, namespace_id: str, kind: str, target: str) -> None:
        """Documents, rows and segments of a bucket or collection, in this order."""
        context = self._context
        where = await asyncio.to_thread(self._target_filter, namespace_id, kind, target)
        for space in await asyncio.to_thread(context.endings.spaces, namespace_id):
            await delete_if_any(context.vectors, space, where)
        keys = await asyncio.to_thread(context.endings.segments_of, namespace_id, kind, target)
        await asyncio.to_thread(context.endings.forget, namespace_id, kind, target)
        for key in keys:
            await asyncio.to_thread(context.blobs.delete, key)

    def _target_filter(self, namespace_id: str, kind: str, target: str) -> And:
        scope = eq("namespace", namespace_id)
        if kind == "collection":
            return And((scope, eq("collection_id", target)))
        collections = self._context.ledger.collections(namespace_id, target)
        return And((scope, any_of("collection_id", tuple(c.collection_id for c in collections))))


def _final(error: WorkbenchError) -> ApplicationError:
    details = (error.hint,) if error.hint else ()
    return ApplicationError(error.message, *details, type=error.code, non_retryable=True)
