"""Indexing: a chunk's segment becomes searchable.

Order matters. First is asked what is recorded of the objects. Then the segment is upserted, under
ids that the same content always gets; then the documents that it replaces are deleted; then, in one
transaction, the chunk's items come to their ends, unless another chunk has recorded the same
objects since: then all of this is done once more. Last, documents of objects that were removed
meanwhile leave again. A repeat at any point does the same again, until the chunk is recorded: what
others record from then on stays. A chunk that was planned for an older revision of its collection
is let go: its items are planned for the new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.domain.filters import And, Not, any_of, eq
from workbench.domain.states import ItemState
from workbench.extraction.chunks import (
    Manifest,
    Outcome,
    StageRow,
    read_manifest,
    read_outcome,
    segment_key,
)
from workbench.extraction.segments import decode_segment
from workbench.store.chunk_end import ChunkResult, Finding, Written
from workbench.store.database import now_ms
from workbench.store.ledger import Overtaken, Stale, Standing
from workbench.tasks.activities.telling import tell_chunk, tell_extracted
from workbench.tasks.context import ControlContext
from workbench.tasks.messages import IndexRequest
from workbench.tasks.points import content_key, points
from workbench.tasks.withdrawing import DELETED_AT_ONCE, withdraw
from workbench.vectors.port import PointBatch, delete_if_any

#: How often a chunk may find that another has recorded the same objects, before it is tried anew.
TURNS = 5


async def index_chunk(context: ControlContext, request: IndexRequest) -> str:
    """The id of the chunk's collection."""
    begun, started_at = time.perf_counter(), now_ms()
    task, chunk_id = request.task, request.chunk_id
    namespace_id = task.namespace_id
    manifest, outcome = await asyncio.to_thread(_read, context, namespace_id, chunk_id)
    read = {o.object_id: o.sha256 for o in outcome.objects if not o.unchanged}
    standing = await asyncio.to_thread(
        context.ledger.standing, namespace_id, chunk_id, manifest.digest
    )
    if standing is Standing.UNWANTED:
        written = Written(manifest.digest, read)
        tell_extracted(context, manifest, outcome)
        await asyncio.to_thread(context.ledger.release, namespace_id, chunk_id, written)
        await withdraw(context, namespace_id, manifest.collection_id, chunk_id, list(read))
        return manifest.collection_id
    recorded = standing is Standing.RECORDED or await _replace(context, manifest, outcome, read)
    gone = list(read)
    if recorded:
        gone = await asyncio.to_thread(context.ledger.gone, namespace_id, gone)
    await withdraw(context, namespace_id, manifest.collection_id, chunk_id, gone)
    if not recorded:
        return manifest.collection_id
    await asyncio.to_thread(context.known.note, manifest, outcome)
    context.rates.add(manifest.digest, len(outcome.objects), outcome.seconds)
    context.changed(task.task_id)
    seconds = time.perf_counter() - begun
    queued = StageRow("queue", request.queued_at, request.queued_s, len(manifest.items), 0)
    tell_extracted(context, manifest, outcome, queued)
    size = outcome.segment_bytes
    indexed = StageRow("index", started_at, seconds, outcome.documents, size)
    tell_chunk(context, manifest, indexed, "service")
    return manifest.collection_id


async def _replace(
    context: ControlContext, manifest: Manifest, outcome: Outcome, read: Mapping[str, str]
) -> bool:
    """The documents are in the index, what they replace is not, and the chunk is recorded; False
    where it is not to be. Of two ingests of the same objects each may delete what the other wrote:
    who records second does it once more, after all that the first did."""
    namespace_id, chunk_id = manifest.namespace_id, manifest.chunk_id
    ledger = context.ledger
    await asyncio.to_thread(ledger.mark_extracted, namespace_id, manifest.task_id, chunk_id)
    space = context.registry.space(manifest.extractor, manifest.parameters)
    key = segment_key(namespace_id, chunk_id) if outcome.documents else None
    batch: PointBatch | None = None
    if key:
        await context.vectors.ensure_space(space)
        batch = await asyncio.to_thread(
            lambda: points(decode_segment(context.blobs.get(key)), manifest, read)
        )
    result = _result(manifest, outcome, space.name, key)
    for _ in range(TURNS):
        found = await asyncio.to_thread(
            ledger.found, namespace_id, manifest.collection_id, manifest.digest, read
        )
        if batch is not None:
            await context.vectors.upsert(space.name, batch)
        await _delete_stale(context, manifest, found.stale, read)
        with contextlib.suppress(Overtaken):
            return await asyncio.to_thread(ledger.record_chunk, namespace_id, result, found.content)
    raise RuntimeError(f"chunk {chunk_id} was overtaken {TURNS} times")


def _read(context: ControlContext, namespace_id: str, chunk_id: str) -> tuple[Manifest, Outcome]:
    outcome = read_outcome(context.blobs, namespace_id, chunk_id)
    if outcome is None:
        raise RuntimeError(f"chunk {chunk_id} has no outcome to index")
    return read_manifest(context.blobs, namespace_id, chunk_id), outcome


async def _delete_stale(
    context: ControlContext,
    manifest: Manifest,
    stale: Sequence[Stale],
    read: Mapping[str, str],
) -> None:
    """Documents of these objects that were made of other content leave the index. Another ingest of
    the same content may have written the same points: those stay, whoever wrote them last."""
    for each in stale:
        for start in range(0, len(each.object_ids), DELETED_AT_ONCE):
            piece = each.object_ids[start : start + DELETED_AT_ONCE]
            present = tuple(content_key(o, read[o], manifest.digest) for o in piece)
            where = And(
                (
                    eq("namespace", manifest.namespace_id),
                    eq("collection_id", manifest.collection_id),
                    any_of("object_id", piece),
                    Not((any_of("content", present),)),
                )
            )
            await delete_if_any(context.vectors, each.space, where)


def _result(manifest: Manifest, outcome: Outcome, space: str, key: str | None) -> ChunkResult:
    fingerprints = {item.object_id: item.fingerprint for item in manifest.items}
    findings = [
        Finding(
            object_id=o.object_id,
            state=ItemState.SKIPPED if o.unchanged else ItemState.INDEXED,
            fingerprint=fingerprints[o.object_id],
            sha256=o.sha256,
            size=o.size,
            documents=o.documents,
            reused=o.reused,
        )
        for o in outcome.objects
    ]
    for failure in outcome.failures:
        values: dict[str, Any] = {
            "category": failure.category.value,
            "message": failure.message,
            "hint": failure.hint,
            "stage": failure.stage,
            "traceback": failure.traceback,
            "retryable": failure.retryable,
        }
        findings.append(
            Finding(
                failure.object_id,
                ItemState.FAILED,
                fingerprints[failure.object_id],
                size=failure.size,
                failure=values,
            )
        )
    return ChunkResult(
        chunk_id=manifest.chunk_id,
        task_id=manifest.task_id,
        collection_id=manifest.collection_id,
        digest=manifest.digest,
        space=space,
        segment_key=key,
        segment_documents=outcome.documents,
        segment_bytes=outcome.segment_bytes,
        worker=outcome.worker,
        findings=findings,
        left=outcome.left,
    )
