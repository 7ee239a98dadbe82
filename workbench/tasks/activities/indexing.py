"""Indexing: a chunk's segment becomes searchable.

Order matters. The segment is upserted first, under ids that the same content always gets; then the
documents that it replaces are deleted; then, in one transaction, the chunk's items come to their
ends; then the documents leave again of objects that were removed meanwhile. A repeat at any point
does the same again. A chunk that was planned for an older revision of its collection is let go: its
items are planned for the new one.
"""

from __future__ import annotations

import asyncio
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
from workbench.store.chunk_end import ChunkResult, Finding
from workbench.store.database import now_ms
from workbench.store.ledger import Stale
from workbench.tasks.activities.telling import tell_chunk, tell_extracted
from workbench.tasks.activities.withdrawing import DELETED_AT_ONCE, withdraw
from workbench.tasks.context import ControlContext
from workbench.tasks.messages import IndexRequest
from workbench.tasks.points import content_key, points
from workbench.vectors.port import delete_if_any


async def index_chunk(context: ControlContext, request: IndexRequest) -> str:
    """The id of the chunk's collection."""
    begun, started_at = time.perf_counter(), now_ms()
    task, chunk_id = request.task, request.chunk_id
    namespace_id = task.namespace_id
    manifest, outcome = await asyncio.to_thread(_read, context, namespace_id, chunk_id)
    read = {o.object_id: o.sha256 for o in outcome.objects if not o.unchanged}
    revision = (namespace_id, manifest.collection_id, manifest.digest)
    if await asyncio.to_thread(context.ledger.superseded, *revision):
        tell_extracted(context, manifest, outcome)
        await asyncio.to_thread(context.ledger.release, namespace_id, chunk_id)
        await withdraw(context, namespace_id, manifest.collection_id, chunk_id, list(read))
        return manifest.collection_id
    await asyncio.to_thread(context.ledger.mark_extracted, namespace_id, task.task_id, chunk_id)
    space = context.registry.space(manifest.extractor, manifest.parameters)
    key = segment_key(namespace_id, chunk_id) if outcome.documents else None
    if key:
        await context.vectors.ensure_space(space)
        batch = await asyncio.to_thread(
            lambda: points(decode_segment(context.blobs.get(key)), manifest, read)
        )
        await context.vectors.upsert(space.name, batch)
    stale = await asyncio.to_thread(context.ledger.stale, *revision, read)
    await _delete_stale(context, manifest, stale, read)
    result = _result(manifest, outcome, space.name, key)
    recorded = await asyncio.to_thread(context.ledger.record_chunk, namespace_id, result)
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
