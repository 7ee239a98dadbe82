"""The collector: what nothing refers to goes away, and never what something does.

Referred to are: segments that hold searchable documents; segments, manifests and outcomes of
chunks whose task has not ended; tables of known content of digests that have segments. Everything
else is garbage, once it is old enough: what has a row is kept for ``keep`` (content that was
removed may come back, and is then not extracted again), what has none for an hour, since its row
may be about to be written. Rows go before blobs, so that no row names a blob that is gone.

Rows that only say how objects fared in tasks that ended long ago go, too (``store/retention.py``).

All of it may go on beside tasks, as it does at the end of a reindex. Compaction may too, but the
tables of known content that it makes anew are those that running chunks of the same namespace look
their objects up in (one extractor has the same digest in every bucket): content would be extracted
again. So it waits until nothing runs in the namespace; a paused task holds nothing up, since what
it has left is planned anew. Uploaded content that was replaced may still be read by a task of its
bucket, paused ones included, and by no other.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice
from pathlib import PurePosixPath

from workbench.blobs.port import BlobStore
from workbench.domain import ids
from workbench.extraction.known import known_prefix
from workbench.store.database import now_ms
from workbench.store.retention import Retention
from workbench.store.segments import Segments
from workbench.tasks.compaction import Compacted, Compaction, drop
from workbench.tasks.patience import patiently
from workbench.tasks.uploads import Uploads

log = logging.getLogger(__name__)

HOUR = 3600 * 1000
#: How long removed content is remembered, in milliseconds.
KEEP = 24 * HOUR
GRACE = HOUR
#: Bounds of one pass: what it deletes, and the ids that it looks up at once.
MOST = 5000
AT_ONCE = 500
#: How often the service looks whether a task has ended since it last tidied up.
EVERY_SECONDS = 10.0
#: What was too young then is garbage by now, whether a task has ended since or not.
AGAIN_SECONDS = HOUR / 1000
#: So many small segments of a collection are put together without being asked.
MANY = 32


@dataclass(frozen=True)
class Freed:
    """``bytes`` counts segments and uploaded contents only: the rest is small."""

    segments: int = 0
    blobs: int = 0
    bytes: int = 0

    def __add__(self, other: Freed) -> Freed:
        return Freed(
            self.segments + other.segments, self.blobs + other.blobs, self.bytes + other.bytes
        )


class Collector:
    def __init__(self, blobs: BlobStore, segments: Segments) -> None:
        self._blobs = blobs
        self._segments = segments

    def collect(
        self,
        namespace_id: str,
        keep: int = KEEP,
        grace: int = GRACE,
        go_on: Callable[[], bool] = lambda: True,
    ) -> Freed:
        """Delete what nothing refers to; ``keep`` and ``grace`` in milliseconds. ``go_on`` is asked
        between passes, which are bounded."""
        total = Freed(0, self._partial(namespace_id, now_ms() - grace), 0)
        total += (freed := self._pass(namespace_id, keep, grace))
        while freed != Freed() and go_on():
            freed = self._pass(namespace_id, keep, grace)
            total += freed
        return total

    def _partial(self, namespace_id: str, before: int) -> int:
        """What killed writers have left. No blob takes an hour to be written, but for uploads."""
        kinds = ("segments", "chunks", "known")
        return sum(self._blobs.clear_partial(f"{namespace_id}/{kind}", before) for kind in kinds)

    def _pass(self, namespace_id: str, keep: int, grace: int) -> Freed:
        now = now_ms()
        unused = self._segments.unreferred(namespace_id, now - keep, MOST)
        gone = drop(self._blobs, self._segments, namespace_id, unused)
        freed = Freed(len(gone), 0, sum(one.bytes for one in gone))
        freed += self._blobs_of(namespace_id, "segments", now - grace)
        freed += self._blobs_of(namespace_id, "chunks", now - grace)
        return freed + self._tables(namespace_id)

    def _blobs_of(self, namespace_id: str, kind: str, before: int) -> Freed:
        """Blobs of segments or chunks that have no row, or whose task has ended."""
        deleted = 0
        found = self._by_id(f"{namespace_id}/{kind}", before)
        while deleted < MOST:
            some = dict(islice(found, AT_ONCE))
            if not some:
                break
            kept = self._segments.in_flight(namespace_id, some)
            if kind == "segments":
                kept |= self._segments.present(namespace_id, some)
            for identifier, keys in some.items():
                if identifier not in kept:
                    for key in keys:
                        self._blobs.delete(key)
                    deleted += len(keys)
        return Freed(0, deleted, 0)

    def _by_id(self, prefix: str, before: int) -> Iterator[tuple[str, list[str]]]:
        """Ids of what was made before that moment, with their blobs."""

        def identifier(key: str) -> str:
            return PurePosixPath(key).relative_to(prefix).parts[0].partition(".")[0]

        for name, keys in groupby(self._blobs.keys(prefix), identifier):
            made = ids.made_at(name)
            if made is not None and made < before:
                yield name, list(keys)

    def _tables(self, namespace_id: str) -> Freed:
        prefix = known_prefix(namespace_id)
        used = self._segments.digests(namespace_id)
        deleted = 0
        for key in list(self._blobs.keys(prefix)):
            if PurePosixPath(key).relative_to(prefix).parts[0] not in used:
                self._blobs.delete(key)
                deleted += 1
        return Freed(0, deleted, 0)


class Tidying:
    """Collects and compacts after tasks, and collects each hour. Rows of tasks that ended are kept
    for ``keep`` ms. ``clock`` counts seconds."""

    def __init__(
        self,
        collector: Collector,
        compaction: Compaction,
        segments: Segments,
        uploads: Uploads,
        retention: Retention,
        keep: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._collector = collector
        self._uploads = uploads
        self._retention = retention
        self._keep = keep
        self._compaction = compaction
        self._segments = segments
        self._clock = clock
        self._again = clock() + AGAIN_SECONDS
        self._tidied: dict[str, int] = {}

    async def run(self) -> None:
        """Until canceled."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await patiently("tidy up", partial(asyncio.to_thread, self.tidy), EVERY_SECONDS)

    def tidy(self) -> None:
        """Once each namespace in which a task has ended since the last time and none runs; each
        hour all of them."""
        due = self._clock() >= self._again
        for namespace_id in self._segments.namespaces():
            self._namespace(namespace_id, due)
        if due:
            self._again = self._clock() + AGAIN_SECONDS

    def _namespace(self, namespace_id: str, due: bool) -> None:
        ended = self._segments.last_end(namespace_id)
        idle = not self._segments.busy(namespace_id)
        if not due and (not idle or ended == self._tidied.get(namespace_id, 0)):
            return
        begun = time.perf_counter()
        compacted = self._compact(namespace_id) if idle else Compacted()
        freed = self._collect(namespace_id, due)
        forgotten = self._forget(namespace_id, due)
        if idle and not self._segments.busy(namespace_id):
            self._tidied[namespace_id] = ended
        if freed != Freed() or compacted != Compacted():
            log.info("%s in %.1f s", said(compacted, freed), time.perf_counter() - begun)
        if forgotten:
            log.info("forgot %d rows of tasks that ended long ago", forgotten)

    def _compact(self, namespace_id: str) -> Compacted:
        compacted = Compacted()
        for collection_id in self._segments.collections(namespace_id):
            if self._segments.busy(namespace_id):
                break
            compacted += self._compaction.collection(namespace_id, collection_id, MANY)
        return compacted

    def _collect(self, namespace_id: str, due: bool) -> Freed:
        """What is due is not put off because a task has begun meanwhile."""
        freed = self._collector.collect(
            namespace_id, go_on=lambda: due or not self._segments.busy(namespace_id)
        )
        return freed + Freed(0, *self._uploads.collect(namespace_id))

    def _forget(self, namespace_id: str, due: bool) -> int:
        before, forgotten = now_ms() - self._keep, 0
        while gone := self._retention.forget(namespace_id, before):
            forgotten += gone
            if not due and self._segments.busy(namespace_id):
                break
        return forgotten


def said(compacted: Compacted, freed: Freed) -> str:
    """What was freed, for a person."""
    size = max(0, compacted.bytes) + freed.bytes
    parts = [f"freed {size / 1e6:,.1f} MB"]
    if compacted.made:
        parts.append(f"{compacted.sources:,} segments became {compacted.made:,}")
    if freed.segments:
        parts.append(f"{freed.segments:,} unused segments deleted")
    if freed.blobs:
        parts.append(f"{freed.blobs:,} other blobs deleted")
    return ", ".join(parts)
