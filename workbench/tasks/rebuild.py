"""Rebuilding the vector index from the feature segments, while searches and ingests go on.

In place: every segment that something refers to is upserted again, under the ids that its documents
always had, so a search finds each document before, during and after; what an ingest has replaced or
removed meanwhile leaves again. Then strays leave: points that no row of ``indexed`` accounts for. A
page of points is read first; then which of their chunks are of tasks that have not ended, whose
points are left alone; and the rows last, so that nothing an ingest is about to record is taken for
a stray. Where the index is gone or was emptied, spaces are made as the segments describe them;
neither files nor extractors are needed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workbench.blobs.port import BlobNotFound
from workbench.domain.filters import And, Not, any_of, eq
from workbench.extraction.chunks import ChunkItem, Manifest, segment_key
from workbench.extraction.segments import (
    Segment,
    about_segment,
    keep_rows,
    read_table,
    segment_of,
)
from workbench.store.records import CollectionRecord, TaskRecord
from workbench.store.segments import LiveObject
from workbench.tasks.context import ControlContext
from workbench.tasks.points import content_key, points
from workbench.tasks.withdrawing import withdraw
from workbench.vectors.port import Point, PointBatch, SpaceSpec, delete_if_any, scroll_all

SLICE_SECONDS = 2.0
UPSERTED_AT_ONCE = 1000
SEGMENTS_AT_ONCE = 100


@dataclass(frozen=True)
class Loaded:
    space: SpaceSpec
    batches: Sequence[PointBatch]
    documents: int


async def rebuild_slice(context: ControlContext, task: TaskRecord) -> bool:
    """Rebuild for about two seconds from the task's cursor on; whether all is rebuilt."""
    deadline = time.monotonic() + SLICE_SECONDS
    cursor = task.listing_cursor
    at, _, after = (cursor or "").partition("/")
    for collection in await asyncio.to_thread(chosen, context, task):
        if collection.collection_id < at:
            continue
        if collection.collection_id != at:
            after = ""
        while True:
            segments = await asyncio.to_thread(
                context.segments.live_after,
                task.namespace_id,
                collection.collection_id,
                after,
                SEGMENTS_AT_ONCE,
            )
            for segment_id, objects in segments:
                following = f"{collection.collection_id}/{segment_id}"
                await _one(context, task, collection, segment_id, objects, cursor, following)
                context.changed(task.task_id)
                cursor, after = following, segment_id
                if time.monotonic() > deadline:
                    return False
            if len(segments) < SEGMENTS_AT_ONCE:
                break
    return True


def chosen(context: ControlContext, task: TaskRecord) -> list[CollectionRecord]:
    """The collections of the task that are still there, by id."""
    wanted = set(task.request["collections"])
    found: list[CollectionRecord] = []
    for bucket_id in task.request["buckets"]:
        found += context.ledger.collections(task.namespace_id, bucket_id)
    return sorted((c for c in found if c.collection_id in wanted), key=lambda c: c.collection_id)


async def _one(
    context: ControlContext,
    task: TaskRecord,
    collection: CollectionRecord,
    segment_id: str,
    objects: int,
    seen: str | None,
    cursor: str,
) -> None:
    namespace_id, task_id = task.namespace_id, task.task_id
    live = await asyncio.to_thread(context.segments.live, namespace_id, segment_id)
    documents = 0
    if live:
        bucket = collection.name.rpartition(".")[0]
        try:
            loaded = await asyncio.to_thread(_load, context, collection, bucket, segment_id, live)
        except (BlobNotFound, ValueError, OSError) as error:
            if await asyncio.to_thread(context.segments.live, namespace_id, segment_id) != live:
                raise  # it was compacted under our eyes: another try reads the new one
            reason = f"its feature segment cannot be read: {type(error).__name__}"
            await asyncio.to_thread(
                context.rebuilding.lost,
                namespace_id,
                task_id,
                collection.collection_id,
                seen,
                cursor,
                live,
                reason,
            )
            return
        await context.vectors.ensure_space(loaded.space)
        for batch in loaded.batches:
            await context.vectors.upsert(loaded.space.name, batch)
        await _take_back(context, collection, segment_id, live)
        documents = loaded.documents
    await asyncio.to_thread(
        context.rebuilding.advance,
        namespace_id,
        task_id,
        collection.collection_id,
        seen,
        cursor,
        objects,
        documents,
    )


async def _take_back(
    context: ControlContext,
    collection: CollectionRecord,
    segment_id: str,
    live: Mapping[str, LiveObject],
) -> None:
    """What was replaced or removed while its documents were upserted leaves the index again. What
    is only in doubt since stays: it may be right, and the next ingest looks at it."""
    namespace_id = collection.namespace_id
    now = await asyncio.to_thread(context.segments.live, namespace_id, segment_id)
    replaced = [o for o in live if o not in now or (now[o] != live[o] and now[o].digest)]
    doubtful = [o for o in live if o in now and not now[o].digest]
    gone = await asyncio.to_thread(context.ledger.gone, namespace_id, doubtful)
    changed = [*replaced, *gone]
    await withdraw(context, namespace_id, collection.collection_id, segment_id, changed)


def _load(
    context: ControlContext,
    collection: CollectionRecord,
    bucket: str,
    segment_id: str,
    live: Mapping[str, LiveObject],
) -> Loaded:
    namespace_id = collection.namespace_id
    table = read_table(context.blobs.get(segment_key(namespace_id, segment_id)))
    about = about_segment(table)
    table = keep_rows(table, live)
    manifest = Manifest(
        chunk_id=segment_id,
        namespace_id=namespace_id,
        task_id="",
        bucket=bucket,
        collection_id=collection.collection_id,
        collection=collection.name,
        extractor=about.extractor,
        parameters={},
        digest=about.digest,
        items=[
            ChunkItem(one.object_id, one.name, one.mime, "", 0, "", one.modified_at)
            for one in live.values()
        ],
    )
    read = {one.object_id: one.sha256 for one in live.values()}
    batches = [
        points(_part(table, start), manifest, read)
        for start in range(0, table.num_rows, UPSERTED_AT_ONCE)
    ]
    return Loaded(about.space, batches, table.num_rows)


def _part(table: object, start: int) -> Segment:
    piece = table.slice(start, UPSERTED_AT_ONCE)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]  (pyarrow ships no types)
    return segment_of(piece)


# ---- strays --------------------------------------------------------------------------------------


async def remove_strays(context: ControlContext, collection: CollectionRecord) -> int:
    """Points of the collection that nothing accounts for leave the index; returns how many."""
    mine = And(
        (eq("namespace", collection.namespace_id), eq("collection_id", collection.collection_id))
    )
    removed = 0
    for space in await context.vectors.spaces():
        async for page in scroll_all(context.vectors, space, mine):
            removed += await _strays_of(context, collection, space, page)
    return removed


async def _strays_of(
    context: ControlContext, collection: CollectionRecord, space: str, page: Sequence[Point]
) -> int:
    namespace_id = collection.namespace_id
    # Before the rows: what a chunk of a task that has ended by now has recorded is among them.
    running = await asyncio.to_thread(
        context.segments.in_flight, namespace_id, {str(p.payload["segment"]) for p in page}
    )
    current = await asyncio.to_thread(
        context.segments.current,
        namespace_id,
        collection.collection_id,
        {str(point.payload["object_id"]) for point in page},
    )
    keys = {
        object_id: content_key(object_id, sha256, digest)
        for object_id, (sha256, digest) in current.items()
        if digest
    }
    doubtful = {object_id for object_id, (_, digest) in current.items() if not digest}
    strays = [
        point
        for point in page
        if point.payload["object_id"] not in doubtful
        and point.payload["content"] != keys.get(point.payload["object_id"])
    ]
    segments = {str(point.payload["segment"]) for point in strays} - running
    gone = sorted(
        {str(p.payload["object_id"]) for p in strays if str(p.payload["segment"]) in segments}
    )
    if not gone:
        return 0
    kept = tuple(keys[object_id] for object_id in gone if object_id in keys)
    conditions = [
        eq("namespace", namespace_id),
        eq("collection_id", collection.collection_id),
        any_of("object_id", tuple(gone)),
        any_of("segment", tuple(sorted(segments))),
    ]
    if kept:
        return await delete_if_any(
            context.vectors, space, And((*conditions, Not((any_of("content", kept),))))
        )
    return await delete_if_any(context.vectors, space, And(tuple(conditions)))
