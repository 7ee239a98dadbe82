"""Extracting a chunk although something in it may kill the worker.

The chunk is run whole, twice at most. When the worker died both times, or was ended because an
object took too long, the chunk is run object by object: the object at which the worker dies becomes
a failure, its neighbours are extracted. The parts are then merged into the chunk's segment and
outcome, so that nobody later sees the difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workbench.blobs.port import BlobNotFound, BlobStore
from workbench.domain.states import Category
from workbench.extraction.chunks import (
    Manifest,
    ObjectFailure,
    Outcome,
    StageRow,
    outcome_key,
    read_manifest,
    read_outcome,
    segment_key,
    write_outcome,
)
from workbench.extraction.guard import time_of
from workbench.extraction.jobs import Job, Recipe, StoppedBeforeResult, WorkerDied
from workbench.extraction.pool import ActorPool
from workbench.extraction.segments import merge_segments
from workbench.extraction.worker import Summary, summarize

WHOLE_TRIES = 2


async def run_chunk(
    pool: ActorPool, blobs: BlobStore, recipe: Recipe, namespace_id: str, chunk_id: str
) -> Summary:
    """Extract the chunk, or find that it is done. Raises as the pool does, but ``WorkerDied``."""
    done = read_outcome(blobs, namespace_id, chunk_id)
    if done is not None:
        return summarize(done)
    manifest = read_manifest(blobs, namespace_id, chunk_id)
    for _ in range(WHOLE_TRIES if len(manifest.items) > 1 else 1):
        try:
            return await pool.run(Job(recipe, namespace_id, chunk_id))
        except WorkerDied as error:
            if _overdue(recipe, error):
                break  # it was ended, and would be again
    return await _one_by_one(pool, blobs, recipe, manifest)


async def _one_by_one(
    pool: ActorPool, blobs: BlobStore, recipe: Recipe, manifest: Manifest
) -> Summary:
    """Another attempt of the chunk, which Temporal takes for lost, may do the same meanwhile: who
    merges first has done it for both, and takes the parts away."""
    parts: dict[int, Outcome] = {}
    namespace_id, chunk_id = manifest.namespace_id, manifest.chunk_id
    for index, item in enumerate(manifest.items):
        part = f".{index}"
        outcome = read_outcome(blobs, namespace_id, chunk_id, part)
        if outcome is None:
            try:
                await pool.run(Job(recipe, namespace_id, chunk_id, (index,), part))
                outcome = read_outcome(blobs, namespace_id, chunk_id, part)
            except WorkerDied as error:
                outcome = _killer(chunk_id, item.object_id, recipe, error)
                write_outcome(blobs, namespace_id, outcome, part)
            except StoppedBeforeResult:
                break
        if outcome is None:
            break  # taken away
        parts[index] = outcome
        if outcome.left:
            break  # it was stopped
    return summarize(_merged(blobs, manifest, parts))


def _overdue(recipe: Recipe, error: WorkerDied) -> bool:
    most = time_of(recipe.parameters)
    return most is not None and error.seconds >= most


def _killer(chunk_id: str, object_id: str, recipe: Recipe, error: WorkerDied) -> Outcome:
    if _overdue(recipe, error):
        failure = ObjectFailure(
            object_id,
            Category.LIMITS,
            f"it was not done after {error.seconds:,.0f} seconds, and its worker was ended",
            "raise the parameter max_seconds, or exclude the file with --exclude",
            "extract",
        )
    else:
        reason = str(error).partition(" Some common causes")[0]  # a guess of Ray's about any death
        failure = ObjectFailure(
            object_id,
            Category.RESOURCE if "memory" in reason.lower() else Category.INTERNAL,
            f"the worker process died on this object: {reason}",
            "its neighbours are not affected; look at the file, or exclude it with --exclude",
            "extract",
        )
    return Outcome(chunk_id, "", [], [failure], [], [], 0, 0, 0.0)


def _merged(blobs: BlobStore, manifest: Manifest, parts: Mapping[int, Outcome]) -> Outcome:
    """The chunk's outcome: what another attempt has made of it, else these parts merged."""
    namespace_id, chunk_id = manifest.namespace_id, manifest.chunk_id
    found = [
        _segment(blobs, namespace_id, chunk_id, index)
        for index, part in parts.items()
        if part.documents
    ]
    segments = [data for data in found if data is not None]
    # After the parts were read: who takes them away has written this before.
    merged = read_outcome(blobs, namespace_id, chunk_id)
    if merged is None:
        if len(segments) < len(found):
            raise RuntimeError(f"chunk {chunk_id}: the segment of a part is gone")
        merged = _merge(blobs, manifest, parts, segments)
    for index in range(len(manifest.items)):
        blobs.delete(segment_key(namespace_id, chunk_id, f".{index}"))
        blobs.delete(outcome_key(namespace_id, chunk_id, f".{index}"))
    return merged


def _segment(blobs: BlobStore, namespace_id: str, chunk_id: str, index: int) -> bytes | None:
    try:
        return blobs.get(segment_key(namespace_id, chunk_id, f".{index}"))
    except BlobNotFound:
        return None


def _merge(
    blobs: BlobStore, manifest: Manifest, parts: Mapping[int, Outcome], segments: Sequence[bytes]
) -> Outcome:
    namespace_id, chunk_id = manifest.namespace_id, manifest.chunk_id
    size = 0
    if segments:
        data = merge_segments(segments)
        size = len(data)
        blobs.put(segment_key(namespace_id, chunk_id), data)
    outcomes = list(parts.values())
    left = [item.object_id for i, item in enumerate(manifest.items) if i not in parts]
    # One that has died has no name here: it is not called by that of another.
    workers = {p.worker for p in outcomes}
    merged = Outcome(
        chunk_id=chunk_id,
        worker=workers.pop() if len(workers) == 1 else "",
        objects=[o for p in outcomes for o in p.objects],
        failures=[f for p in outcomes for f in p.failures],
        left=[*(o for p in outcomes for o in p.left), *left],
        stages=_sum_stages(outcomes),
        documents=sum(p.documents for p in outcomes),
        segment_bytes=size,
        seconds=sum(p.seconds for p in outcomes),
    )
    write_outcome(blobs, namespace_id, merged)
    return merged


def _sum_stages(parts: Sequence[Outcome]) -> list[StageRow]:
    rows: dict[str, StageRow] = {}
    for row in (row for part in parts for row in part.stages):
        before = rows.get(row.stage)
        rows[row.stage] = (
            row
            if before is None
            else StageRow(
                row.stage,
                before.started_at,
                before.seconds + row.seconds,
                before.rows + row.rows,
                before.bytes + row.bytes,
            )
        )
    return list(rows.values())
