"""The activities of a reindex. They run in the service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from temporalio import activity

from workbench.store.database import now_ms
from workbench.tasks.activities.telling import tell
from workbench.tasks.collector import KEEP, Collector, Freed, said
from workbench.tasks.compaction import Compacted, Compaction
from workbench.tasks.context import ControlContext
from workbench.tasks.heartbeat import heartbeats
from workbench.tasks.messages import FinishRebuild, TaskRef
from workbench.tasks.rebuild import chosen, rebuild_slice, remove_strays


class RebuildActivities:
    def __init__(self, context: ControlContext) -> None:
        self._context = context
        self.compaction = Compaction(context.blobs, context.segments, context.known)
        self.collector = Collector(context.blobs, context.segments)

    def all(self) -> Sequence[Callable[..., Awaitable[Any]]]:
        return [self.count_rebuild, self.rebuild, self.tidy_rebuild, self.finish_rebuild]

    @activity.defn(name="count_rebuild")
    async def count_rebuild(self, task: TaskRef) -> None:
        context = self._context
        record = await asyncio.to_thread(context.ledger.task, task.namespace_id, task.task_id)
        await asyncio.to_thread(
            context.rebuilding.count,
            task.namespace_id,
            task.task_id,
            record.request["collections"],
        )
        context.changed(task.task_id)

    @activity.defn(name="rebuild")
    async def rebuild(self, task: TaskRef) -> bool:
        """About two seconds of it; whether it came to the end."""
        started_at, begun = now_ms(), time.perf_counter()
        record = await asyncio.to_thread(self._context.ledger.task, task.namespace_id, task.task_id)
        async with heartbeats():
            ended = await rebuild_slice(self._context, record)
        tell(self._context, task, "reindex", started_at, time.perf_counter() - begun, 0)
        return ended

    @activity.defn(name="tidy_rebuild")
    async def tidy_rebuild(self, task: TaskRef) -> str:
        """Strays leave the index, unused blobs the store; segments are compacted where that was
        asked. What was done, for a person."""
        context = self._context
        record = await asyncio.to_thread(context.ledger.task, task.namespace_id, task.task_id)
        started_at, begun = now_ms(), time.perf_counter()
        strays, compacted = 0, Compacted()
        compact = bool(record.request.get("compact"))
        async with heartbeats():
            for collection in await asyncio.to_thread(chosen, context, record):
                strays += await remove_strays(context, collection)
                if compact:
                    compacted += await asyncio.to_thread(
                        self.compaction.collection, task.namespace_id, collection.collection_id
                    )
            freed: Freed = await asyncio.to_thread(
                self.collector.collect, task.namespace_id, 0 if compact else KEEP
            )
        size = max(0, compacted.bytes) + freed.bytes
        rows = compacted.sources + freed.segments + freed.blobs
        tell(context, task, "collect", started_at, time.perf_counter() - begun, rows, size)
        note = said(compacted, freed)
        return f"{note}, {strays:,} stray documents removed" if strays else note

    @activity.defn(name="finish_rebuild")
    async def finish_rebuild(self, order: FinishRebuild) -> str:
        task = order.task
        state = await asyncio.to_thread(
            self._context.rebuilding.finish,
            task.namespace_id,
            task.task_id,
            order.canceled,
            order.note,
        )
        self._context.changed(task.task_id)
        return state.value
