"""Extracting one chunk in one process, whatever carries the process (a Ray actor here).

Algorithm: take the manifest's items in batches bounded by number and bytes; read each object and
hash what was read; objects whose bytes are already searchable under this digest are done; those
whose content was extracted before, from whatever object, get a copy of its documents; the rest
goes to the extractor, which answers for each. Of equal objects in one chunk the first is extracted
and the others get what it got. Documents are collected into one segment. Between
answers the stop flag is looked at: what was answered is kept, what was not is ``left``. Finally the
segment and then the outcome are written.

One bad object is a failure, never a failed chunk: reading errors, exceptions of the extractor and
documents that break its own declaration all become failures of the objects concerned. After an
exception what had no answer yet is extracted again object by object, to find the one at fault.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace

from workbench.blobs.port import BlobStore
from workbench.domain.states import Category
from workbench.extraction.chunks import (
    ChunkItem,
    Manifest,
    ObjectFailure,
    ObjectOutcome,
    Outcome,
    StageRow,
    read_manifest,
    segment_key,
    write_outcome,
)
from workbench.extraction.contract import Extracted, Extractor, Failed, ModelUnavailable
from workbench.extraction.guard import Watch
from workbench.extraction.known import known_key
from workbench.extraction.passing import passing, unreadable
from workbench.extraction.registry import space_for
from workbench.extraction.reuse import Copy, Shelf
from workbench.extraction.segments import About, SegmentBuilder, encode_segment
from workbench.extraction.taking import TakenSource, batches, take

TRACEBACK_LINES = 12


class StopFlag:
    """Set from another thread; looked at between objects."""

    def __init__(self) -> None:
        self.chunk_id: str | None = None

    def is_set(self, chunk_id: str) -> bool:
        return self.chunk_id == chunk_id


@dataclass(frozen=True)
class Twin:
    """An object that is equal to one before it in the chunk."""

    object_id: str
    name: str
    sha256: str
    size: int
    first: str


@dataclass(frozen=True)
class Summary:
    """What a worker tells of a chunk; the rest is in its outcome."""

    chunk_id: str
    documents: int
    extracted: int
    unchanged: int
    reused: int
    failed: int
    left: int
    bytes: int
    seconds: float
    worker: str


def summarize(outcome: Outcome) -> Summary:
    unchanged = sum(o.unchanged for o in outcome.objects)
    reused = sum(o.reused is not None for o in outcome.objects)
    return Summary(
        chunk_id=outcome.chunk_id,
        documents=outcome.documents,
        extracted=len(outcome.objects) - unchanged - reused,
        unchanged=unchanged,
        reused=reused,
        failed=len(outcome.failures),
        left=len(outcome.left),
        bytes=sum(o.size for o in outcome.objects),
        seconds=outcome.seconds,
        worker=outcome.worker,
    )


def extract_chunk(
    extractor: Extractor,
    blobs: BlobStore,
    namespace_id: str,
    chunk_id: str,
    stop: StopFlag,
    worker: str,
    only: Sequence[int] | None = None,
    part: str = "",
    shelf: Shelf | None = None,
    watch: Watch | None = None,
) -> Outcome:
    """Extract the chunk, or ``only`` the items at these indexes as ``part``; write the result.
    ``shelf`` is where documents of equal content are found; ``watch`` ends a process that does not
    come back."""
    manifest = read_manifest(blobs, namespace_id, chunk_id)
    items = manifest.items if only is None else [manifest.items[i] for i in only]
    run = _Run(extractor, manifest, stop, shelf or Shelf(blobs), watch or Watch(None))
    begun, started_at = time.perf_counter(), time.time_ns() // 1_000_000
    extractor.clock.take()
    for batch in batches(items, extractor.spec.batch.sources, extractor.spec.batch.bytes):
        if stop.is_set(chunk_id):
            break
        run.batch(batch)
    run.finish()
    writing = time.perf_counter()
    size = 0
    if run.segment.documents:
        space = space_for(extractor.spec, extractor.parameters)
        about = About(manifest.extractor, manifest.digest, space)
        data = encode_segment(run.segment.table(), about)
        size = len(data)
        blobs.put(segment_key(namespace_id, chunk_id, part), data)
    extractor.clock.add("write", time.perf_counter() - writing, run.segment.documents, size)
    answered = {o.object_id for o in (*run.objects, *run.copies)}
    answered |= {f.object_id for f in run.failures}
    outcome = Outcome(
        chunk_id=chunk_id,
        worker=worker,
        objects=[*run.objects, *run.copies],
        failures=run.failures,
        left=[i.object_id for i in items if i.object_id not in answered],
        stages=[
            StageRow(stage, started_at, total.seconds, total.rows, total.bytes)
            for stage, total in extractor.clock.take().items()
        ],
        documents=run.segment.documents,
        segment_bytes=size,
        seconds=time.perf_counter() - begun,
    )
    write_outcome(blobs, namespace_id, outcome, part)
    return outcome


class _Run:
    """What has come of a chunk so far."""

    def __init__(
        self,
        extractor: Extractor,
        manifest: Manifest,
        stop: StopFlag,
        shelf: Shelf,
        watch: Watch,
    ) -> None:
        self.extractor = extractor
        self.manifest = manifest
        self.stop = stop
        self.shelf = shelf
        self.watch = watch
        self.segment = SegmentBuilder(extractor.outputs, manifest.collection_id, manifest.digest)
        self.objects: list[ObjectOutcome] = []
        #: Objects that got documents of others: their rows come last in the segment.
        self.copies: list[ObjectOutcome] = []
        self.failures: list[ObjectFailure] = []
        self._first: dict[bytes, str] = {}
        self._keys: dict[str, bytes] = {}
        self._twins: list[Twin] = []

    def batch(self, items: Sequence[ChunkItem]) -> None:
        sources = [s for s in map(self._read, items) if s is not None]
        if sources:
            self._extract(sources)

    def _extract(self, sources: Sequence[TakenSource]) -> None:
        """An answer for each source, but those that a stop leaves. What an exception left without
        one is extracted again, each alone, so that only the source at fault fails."""
        unanswered = dict(enumerate(sources))
        try:
            with self.watch():
                for answer in self.extractor.extract(sources):
                    self.watch.answered()
                    self._answer(unanswered.pop(answer.index), answer)
                    if self._stopped():
                        return
        except MemoryError:
            reason = _NO_MEMORY
        except ModelUnavailable as error:
            reason = Failed(Category.MODEL, str(error), stage="load")
        except Exception as error:  # noqa: BLE001 - a defect of an extractor fails one source only
            reason = passing(error) or _defect(error)
        else:
            reason = _NO_ANSWER
        for source in unanswered.values():
            if reason is _NO_ANSWER or len(sources) == 1:
                self._fail(source.object_id, reason, source.size)
            elif self._stopped():
                return
            else:
                self._extract([source])

    def _stopped(self) -> bool:
        return self.stop.is_set(self.manifest.chunk_id)

    def finish(self) -> None:
        """Equal objects of the chunk get what the first of them got; nothing, if it was left."""
        if not self._twins:
            return
        begun = time.perf_counter()
        ranges: dict[str, tuple[int, int]] = {}
        row = 0
        for o in self.objects:
            if not o.unchanged:
                ranges[o.object_id] = (row, o.documents)
                row += o.documents
        failures = {f.object_id: f for f in self.failures}
        own = self.segment.own()
        for twin in self._twins:
            if twin.first in ranges:
                rows = own.slice(*ranges[twin.first])
                copy = Copy(rows if rows.num_rows else None, twin.first)
                self._take_over(twin.object_id, twin.name, twin.sha256, twin.size, copy)
            elif twin.first in failures:
                self.failures.append(replace(failures[twin.first], object_id=twin.object_id))
        rows = len(self._twins)
        self.extractor.clock.add("reuse", time.perf_counter() - begun, rows)

    def _read(self, item: ChunkItem) -> TakenSource | None:
        """The object's bytes, or None when it is done: unreadable, unchanged or known."""
        begun = time.perf_counter()
        try:
            source = take(item)
        except OSError as error:
            self._fail(item.object_id, unreadable(error))
            return None
        self.extractor.clock.add("fetch", time.perf_counter() - begun, 1, source.size)
        if source.sha256 == item.known_sha256:
            self.objects.append(
                ObjectOutcome(item.object_id, source.sha256, source.size, 0, unchanged=True)
            )
            return None
        key = known_key(source.sha256, item.mime, item.name)
        if self._reused(item, source.sha256, key, source.size):
            return None
        self._keys[item.object_id] = key
        return source

    def _reused(self, item: ChunkItem, sha256: str, key: bytes, size: int) -> bool:
        """Whether the object needs no extraction, since equal content had, or will have, its."""
        first = self._first.setdefault(key, item.object_id)
        if first != item.object_id:
            self._twins.append(Twin(item.object_id, item.name, sha256, size, first))
            return True
        begun = time.perf_counter()
        copy = self.shelf.find(self.manifest.namespace_id, self.manifest.known, key)
        if copy is None or not self._take_over(item.object_id, item.name, sha256, size, copy):
            return False
        del self._first[key]  # equal ones find what this one found
        self.extractor.clock.add("reuse", time.perf_counter() - begun, 1, size)
        return True

    def _take_over(self, object_id: str, name: str, sha256: str, size: int, copy: Copy) -> bool:
        rows = 0
        if copy.rows is not None:
            rows = copy.rows.num_rows
            try:
                self.segment.copy(
                    object_id,
                    sha256,
                    copy.rows,
                    lambda text, labels: self.extractor.retitle(text, labels, name),
                )
            except ValueError:
                return False
        self.copies.append(ObjectOutcome(object_id, sha256, size, rows, reused=copy.origin))
        return True

    def _answer(self, source: TakenSource, answer: Extracted) -> None:
        if source.changed():
            self._fail(source.object_id, _CHANGED, source.size)
            return
        if answer.failure is not None:
            self._fail(source.object_id, answer.failure, source.size)
            return
        try:
            self.segment.add(
                source.object_id, source.sha256, answer.documents, self._keys[source.object_id]
            )
        except (ValueError, TypeError) as error:
            reason = Failed(Category.INTERNAL, f"a bad document: {error}")
            self._fail(source.object_id, reason, source.size)
            return
        self.objects.append(
            ObjectOutcome(source.object_id, source.sha256, source.size, len(answer.documents))
        )

    def _fail(self, object_id: str, reason: Failed, size: int | None = None) -> None:
        self.failures.append(
            ObjectFailure(
                object_id,
                reason.category,
                reason.message,
                reason.hint,
                reason.stage,
                reason.traceback,
                size,
            )
        )


_NO_ANSWER = Failed(Category.INTERNAL, "the extractor gave no answer for this object")
_NO_MEMORY = Failed(
    Category.LIMITS,
    "it needs more memory than a worker may take",
    "raise the parameter max_memory, or exclude the file with --exclude",
)
_CHANGED = Failed(
    Category.SOURCE,
    "the file was changed while it was read",
    "ingest again when nothing writes to it",
    stage="fetch",
)


def _defect(error: Exception) -> Failed:
    """What an exception that escaped an extractor says; to be called while it is handled."""
    return Failed(
        Category.INTERNAL,
        f"the extractor failed: {type(error).__name__}: {error}",
        "this is a defect of the extractor; report it with the traceback",
        traceback="\n".join(traceback.format_exc().splitlines()[-TRACEBACK_LINES:]),
    )
