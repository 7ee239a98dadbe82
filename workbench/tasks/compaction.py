"""Compaction: many small or mostly dead segments become few.

Small is less than 4 MiB, mostly dead is less than half of the documents searchable. Segments of one
collection and one digest are put together up to about 32 MiB, without their dead documents. The new
segment is written first; then, in one transaction, it is recorded and what referred to its sources
refers to it; then the sources go. Whoever was reading a source finds it gone and reads again. Ids,
vectors and texts of documents stay as they are, so the index has nothing to do.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.blobs.port import BlobNotFound, BlobStore
from workbench.domain import ids
from workbench.extraction.chunks import segment_key
from workbench.extraction.segments import encode_segment, join_tables, keep_rows, read_table
from workbench.store.segments import SegmentRecord, Segments
from workbench.tasks.known import Known

log = logging.getLogger(__name__)

MIB = 1024 * 1024
SMALL = 4 * MIB
TARGET = 32 * MIB
#: Documents of one compacted segment: a reindex upserts a segment in one step of its cursor.
MOST_DOCUMENTS = 20_000


@dataclass(frozen=True)
class Compacted:
    """``sources`` segments became ``made``; ``bytes`` is what that freed."""

    sources: int = 0
    made: int = 0
    bytes: int = 0

    def __add__(self, other: Compacted) -> Compacted:
        return Compacted(
            self.sources + other.sources, self.made + other.made, self.bytes + other.bytes
        )


def groups(segments: Sequence[SegmentRecord], least: int = 2) -> list[list[SegmentRecord]]:
    """Which segments of a collection to put together. Nothing, while there are fewer than ``least``
    small ones and none is mostly dead."""
    worth = [s for s in segments if s.live and (s.bytes < SMALL or _dead(s))]
    if len(worth) < least and not any(map(_dead, worth)):
        return []
    made: list[list[SegmentRecord]] = []
    for digest in sorted({s.digest for s in worth}):
        group: list[SegmentRecord] = []
        size = documents = 0
        for segment in (s for s in worth if s.digest == digest):
            alive = segment.bytes * segment.live // max(1, segment.documents)
            full = size + alive > TARGET or documents + segment.live > MOST_DOCUMENTS
            if group and full:
                made.append(group)
                group, size, documents = [], 0, 0
            group.append(segment)
            size, documents = size + alive, documents + segment.live
        made.append(group)
    return [group for group in made if len(group) > 1 or any(map(_dead, group))]


def _dead(segment: SegmentRecord) -> bool:
    return segment.live * 2 < segment.documents


class Compaction:
    def __init__(self, blobs: BlobStore, segments: Segments, known: Known) -> None:
        self._blobs = blobs
        self._segments = segments
        self._known = known

    def collection(self, namespace_id: str, collection_id: str, least: int = 2) -> Compacted:
        """Compact the collection's segments once."""
        total = Compacted()
        present = self._segments.of_collection(namespace_id, collection_id)
        done: set[str] = set()
        for group in groups(present, least):
            compacted = self._merge(namespace_id, group)
            total += compacted
            if compacted.made:
                done.add(group[0].digest)
        for digest in done:
            self._known.forget(namespace_id, digest)
        return total

    def _merge(self, namespace_id: str, group: Sequence[SegmentRecord]) -> Compacted:
        tables: list[Any] = []
        sources: list[SegmentRecord] = []
        for segment in group:
            live = self._segments.live(namespace_id, segment.segment_id)
            try:
                table = read_table(self._blobs.get(segment.key))
            except (BlobNotFound, ValueError, OSError) as error:
                log.warning("segment %s is not compacted: %s", segment.segment_id, error)
                continue
            tables.append(keep_rows(table, live))
            sources.append(segment)
        if not tables:
            return Compacted()
        table = join_tables(tables)
        data = encode_segment(table)
        segment_id = ids.new_id(ids.SEGMENT)
        key = segment_key(namespace_id, segment_id)
        self._blobs.put(key, data)
        first = sources[0]
        merged = SegmentRecord(
            segment_id, first.collection_id, first.digest, key, table.num_rows, len(data), 0
        )
        names = [source.segment_id for source in sources]
        self._segments.move(namespace_id, merged, names)
        drop(self._blobs, self._segments, namespace_id, sources)
        freed = sum(source.bytes for source in sources) - len(data)
        return Compacted(len(sources), 1, freed)


def drop(
    blobs: BlobStore, segments: Segments, namespace_id: str, unused: Sequence[SegmentRecord]
) -> list[SegmentRecord]:
    """Forget segments and delete their blobs, except where something refers to one by now; those
    that are gone."""
    names = [one.segment_id for one in unused]
    segments.forget(namespace_id, names)
    kept = segments.present(namespace_id, names)
    gone = [one for one in unused if one.segment_id not in kept]
    for one in gone:
        blobs.delete(one.key)
    return gone
