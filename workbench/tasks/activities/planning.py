"""Planning: items that wait become chunks, with their manifests in the blob store."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.domain import ids
from workbench.domain.errors import Code, WorkbenchError
from workbench.extraction.chunks import ChunkItem, Manifest, write_manifest
from workbench.store.planning import Waiting
from workbench.store.records import BucketRecord, ChunkRecord, CollectionRecord, TaskRecord
from workbench.tasks.context import ControlContext
from workbench.tasks.messages import ChunkRef, Planned
from workbench.tasks.sizing import MOST_BYTES, chunk_size
from workbench.tasks.uploads import location

#: No chunk takes so long; one that does is looked at as lost.
CHUNK_TIMEOUT_S = 6 * 3600


def plan_chunks(
    context: ControlContext, task: TaskRecord, after: int, most: int, idle: bool = False
) -> Planned:
    """Chunks with numbers beyond ``after``: those that an earlier, lost answer had planned, else up
    to ``most`` new ones, taken from the collections in turn. The first ones of an ``idle`` task are
    small, and the only ones of their plan: what is planned together starts in any order, and behind
    a large chunk they would be no first ones. Raises ``WorkbenchError`` where the bucket, a
    collection or its extractor is gone."""
    if task.bucket_id is None:
        raise ValueError(f"task {task.task_id} has no bucket")
    lost = context.planning.planned_after(task.namespace_id, task.task_id, after)
    number = context.planning.last_number(task.namespace_id, task.task_id)
    waiting = context.planning.waiting(task.namespace_id, task.task_id)
    # After what waits in them: the listing, which makes collections, goes on meanwhile.
    collections = {
        c.collection_id: c for c in context.ledger.collections(task.namespace_id, task.bucket_id)
    }
    if lost:
        return Planned([_ref(context, c, collections) for c in lost])
    if not waiting.keys() <= collections.keys():
        raise WorkbenchError(
            Code.NOT_FOUND, "a collection of the task has been deleted", "ingest its source again"
        )
    bucket = context.ledger.bucket(task.namespace_id, task.bucket_id)
    small = context.slots if idle else context.slots - number
    first = small > 0
    chunks: list[ChunkRecord] = []
    while waiting and len(chunks) < (min(most, small) if first else most):
        turn = sorted(waiting)[number % len(waiting)]
        number += 1
        chunk = _plan_one(context, task, bucket, collections[turn], number, waiting[turn], first)
        if chunk is None or chunk.items >= waiting[turn]:
            del waiting[turn]
        else:
            waiting[turn] -= chunk.items
        if chunk is not None:
            chunks.append(chunk)
    refs = [_ref(context, chunk, collections) for chunk in chunks]
    if waiting or not task.listing_ended:
        return Planned(refs)
    wait_s = context.planning.next_due(task.namespace_id, task.task_id)
    return Planned(refs, exhausted=wait_s is None, wait_s=wait_s or 0.0)


def _plan_one(
    context: ControlContext,
    task: TaskRecord,
    bucket: BucketRecord,
    collection: CollectionRecord,
    number: int,
    waiting: int,
    first: bool,
) -> ChunkRecord | None:
    rate = context.rates.get(collection.digest)
    size = chunk_size(rate, waiting, context.slots, first)
    items = context.planning.take(
        task.namespace_id, task.task_id, collection.collection_id, size, MOST_BYTES
    )
    if not items:
        return None
    chunk_id = ids.new_id(ids.CHUNK)
    known = context.known.tables(task.namespace_id, collection.digest, first)
    manifest = _manifest(context, task, bucket, collection, chunk_id, items, known)
    write_manifest(context.blobs, manifest)
    return context.planning.record(
        task.namespace_id, task.task_id, collection.collection_id, chunk_id, number, items
    )


def _manifest(
    context: ControlContext,
    task: TaskRecord,
    bucket: BucketRecord,
    collection: CollectionRecord,
    chunk_id: str,
    items: Sequence[Waiting],
    known: Sequence[str],
) -> Manifest:
    return Manifest(
        chunk_id=chunk_id,
        namespace_id=task.namespace_id,
        task_id=task.task_id,
        bucket=bucket.name,
        collection_id=collection.collection_id,
        collection=collection.name,
        extractor=collection.extractor,
        parameters=collection.parameters,
        digest=collection.digest,
        items=[
            ChunkItem(
                object_id=item.object_id,
                name=item.name,
                mime=item.mime,
                location=location(context.blobs, bucket, item.name, item.fingerprint),
                size=item.size,
                fingerprint=item.fingerprint,
                modified_at=item.modified_at,
                known_sha256=item.known_sha256,
            )
            for item in items
        ],
        known=known,
    )


def _ref(
    context: ControlContext, chunk: ChunkRecord, collections: dict[str, CollectionRecord]
) -> ChunkRef:
    resources = context.registry.get(collections[chunk.collection_id].extractor).spec.resources
    queue = "extract-gpu" if resources.gpu else "extract-cpu"
    return ChunkRef(chunk.chunk_id, chunk.number, queue, chunk.items, CHUNK_TIMEOUT_S)
