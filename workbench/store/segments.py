"""Segments and who refers to them: what rebuilding, compaction and collection ask and write.

A segment is referred to by the rows of ``indexed`` that name it and have documents. Compaction
moves these rows to another segment in the transaction that records it; rows that changed meanwhile
are not touched.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from workbench.domain.states import ENDED, TaskState
from workbench.store import tables as t
from workbench.store.database import Database, now_ms
from workbench.store.dialect import slices
from workbench.store.doubts import searchable

_ENDED = [state.value for state in ENDED]


@dataclass(frozen=True)
class SegmentRecord:
    """``live`` documents are searchable; the others belong to content that was replaced."""

    segment_id: str
    collection_id: str
    digest: str
    key: str
    documents: int
    bytes: int
    created_at: int
    live: int = 0


@dataclass(frozen=True)
class LiveObject:
    """An object with documents in a segment, as it is now."""

    object_id: str
    name: str
    mime: str
    modified_at: int | None
    sha256: str
    digest: str
    space: str


class Segments:
    def __init__(self, database: Database) -> None:
        self._database = database

    def of_digest(self, namespace_id: str, digest: str) -> list[str]:
        """Ids of the segments that were made under the digest, the newest first."""
        query = (
            sa.select(t.segments.c.segment_id)
            .where(t.segments.c.namespace_id == namespace_id, t.segments.c.digest == digest)
            .order_by(t.segments.c.segment_id.desc())
        )
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def digests(self, namespace_id: str) -> set[str]:
        query = sa.select(t.segments.c.digest).distinct()
        with self._database.read() as connection:
            return set(
                connection.execute(query.where(t.segments.c.namespace_id == namespace_id)).scalars()
            )

    def live_after(
        self, namespace_id: str, collection_id: str, after: str, limit: int
    ) -> list[tuple[str, int]]:
        """Segments that hold searchable documents of the collection, in order of their ids, with
        how many objects each."""
        columns = t.indexed.c
        query = (
            sa.select(columns.segment_id, sa.func.count())
            .where(
                columns.namespace_id == namespace_id,
                columns.collection_id == collection_id,
                columns.segment_id > after,
            )
            .group_by(columns.segment_id)
            .order_by(columns.segment_id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [(row[0], row[1]) for row in connection.execute(query)]

    def live(self, namespace_id: str, segment_id: str) -> dict[str, LiveObject]:
        """The objects whose searchable documents lie in the segment, by id."""
        columns = t.indexed.c
        query = (
            sa.select(
                columns.object_id,
                t.objects.c.name,
                t.objects.c.mime,
                t.objects.c.modified_at,
                columns.sha256,
                columns.digest,
                columns.space,
            )
            .join(t.objects, t.objects.c.object_id == columns.object_id)
            .join(t.segments, t.segments.c.segment_id == columns.segment_id)
            .where(
                columns.namespace_id == namespace_id,
                columns.collection_id == t.segments.c.collection_id,
                columns.segment_id == segment_id,
            )
        )
        with self._database.read() as connection:
            return {row.object_id: LiveObject(*row) for row in connection.execute(query)}

    def find(self, namespace_id: str, segment_id: str) -> SegmentRecord | None:
        query = sa.select(t.segments).where(
            t.segments.c.namespace_id == namespace_id, t.segments.c.segment_id == segment_id
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _record(row, 0)

    def current(
        self, namespace_id: str, collection_id: str, object_ids: Collection[str]
    ) -> dict[str, tuple[str, str]]:
        """SHA-256 and digest of what is searchable of each object in the collection."""
        with self._database.read() as connection:
            rows = searchable(connection, namespace_id, collection_id, object_ids)
            return {row.object_id: (row.sha256, row.digest) for row in rows}

    def in_flight(self, namespace_id: str, chunk_ids: Collection[str]) -> set[str]:
        """Which of the chunks belong to a task that has not ended."""
        found: set[str] = set()
        with self._database.read() as connection:
            for piece in slices(list(chunk_ids)):
                rows = connection.execute(
                    sa.select(t.chunks.c.chunk_id)
                    .join(t.tasks, t.tasks.c.task_id == t.chunks.c.task_id)
                    .where(
                        t.chunks.c.namespace_id == namespace_id,
                        t.chunks.c.chunk_id.in_(piece),
                        t.tasks.c.state.not_in(_ENDED),
                    )
                )
                found.update(rows.scalars())
        return found

    def of_collection(self, namespace_id: str, collection_id: str) -> list[SegmentRecord]:
        """Every segment of the collection with its searchable documents, in order of the ids."""
        live = (
            sa.select(t.indexed.c.segment_id, sa.func.sum(t.indexed.c.documents).label("live"))
            .where(
                t.indexed.c.namespace_id == namespace_id,
                t.indexed.c.collection_id == collection_id,
            )
            .group_by(t.indexed.c.segment_id)
            .subquery()
        )
        query = (
            sa.select(t.segments, sa.func.coalesce(live.c.live, 0).label("live"))
            .outerjoin(live, live.c.segment_id == t.segments.c.segment_id)
            .where(
                t.segments.c.namespace_id == namespace_id,
                t.segments.c.collection_id == collection_id,
            )
            .order_by(t.segments.c.segment_id)
        )
        with self._database.read() as connection:
            return [_record(row, row.live) for row in connection.execute(query)]

    def move(self, namespace_id: str, merged: SegmentRecord, sources: Sequence[str]) -> None:
        """Record a compacted segment and let what refers to its sources refer to it."""
        values: Mapping[str, Any] = {
            "segment_id": merged.segment_id,
            "namespace_id": namespace_id,
            "task_id": "",
            "collection_id": merged.collection_id,
            "digest": merged.digest,
            "key": merged.key,
            "documents": merged.documents,
            "bytes": merged.bytes,
            "created_at": now_ms(),
        }
        with self._database.write() as connection:
            connection.execute(sa.insert(t.segments).values(values))
            connection.execute(
                sa.update(t.indexed)
                .where(
                    t.indexed.c.namespace_id == namespace_id,
                    t.indexed.c.collection_id == merged.collection_id,
                    t.indexed.c.segment_id.in_(list(sources)),
                )
                .values(segment_id=merged.segment_id)
            )

    def unreferred(self, namespace_id: str, before: int, limit: int) -> list[SegmentRecord]:
        """Segments made before that moment (UTC milliseconds) that no row of ``indexed`` names and
        no task that has not ended may still index."""
        query = (
            sa.select(t.segments)
            .where(
                t.segments.c.namespace_id == namespace_id,
                t.segments.c.created_at < before,
                sa.not_(_referred()),
            )
            .order_by(t.segments.c.segment_id)
            .limit(limit)
        )
        with self._database.read() as connection:
            found = [_record(row, 0) for row in connection.execute(query)]
        open_chunks = self.in_flight(namespace_id, [one.segment_id for one in found])
        return [one for one in found if one.segment_id not in open_chunks]

    def present(self, namespace_id: str, segment_ids: Collection[str]) -> set[str]:
        """Which of these segments have a row."""
        found: set[str] = set()
        with self._database.read() as connection:
            for piece in slices(list(segment_ids)):
                rows = connection.execute(
                    sa.select(t.segments.c.segment_id).where(
                        t.segments.c.namespace_id == namespace_id,
                        t.segments.c.segment_id.in_(piece),
                    )
                )
                found.update(rows.scalars())
        return found

    def forget(self, namespace_id: str, segment_ids: Sequence[str]) -> None:
        """Remove the rows, unless something refers to them by now. Blobs are deleted afterwards:
        a row never names a blob that is gone."""
        with self._database.write() as connection:
            connection.execute(
                sa.delete(t.segments).where(
                    t.segments.c.namespace_id == namespace_id,
                    t.segments.c.segment_id.in_(list(segment_ids)),
                    sa.not_(_referred()),
                )
            )

    def namespaces(self) -> list[str]:
        with self._database.read() as connection:
            return list(connection.execute(sa.select(t.namespaces.c.namespace_id)).scalars())

    def collections(self, namespace_id: str) -> list[str]:
        query = sa.select(t.collections.c.collection_id)
        with self._database.read() as connection:
            return list(
                connection.execute(
                    query.where(t.collections.c.namespace_id == namespace_id)
                ).scalars()
            )

    def last_end(self, namespace_id: str) -> int:
        """When a task of the namespace ended last, in UTC milliseconds; 0 for never."""
        query = sa.select(sa.func.max(t.tasks.c.ended_at))
        with self._database.read() as connection:
            found = connection.execute(query.where(t.tasks.c.namespace_id == namespace_id))
            return found.scalar() or 0

    def busy(self, namespace_id: str) -> bool:
        """Whether a task of the namespace runs, or is about to: a paused one does not."""
        query = (
            sa.select(t.tasks.c.task_id)
            .where(
                t.tasks.c.namespace_id == namespace_id,
                t.tasks.c.state.in_([TaskState.PENDING.value, TaskState.IN_PROGRESS.value]),
            )
            .limit(1)
        )
        with self._database.read() as connection:
            return connection.execute(query).first() is not None


def _referred() -> sa.Exists:
    """Whether a row of ``indexed`` names the segment; an index answers it for its collection."""
    return (
        sa.select(t.indexed.c.segment_id)
        .where(
            t.indexed.c.collection_id == t.segments.c.collection_id,
            t.indexed.c.segment_id == t.segments.c.segment_id,
            t.indexed.c.documents > 0,
        )
        .exists()
    )


def _record(row: Row[Any], live: int) -> SegmentRecord:
    return SegmentRecord(
        row.segment_id,
        row.collection_id,
        row.digest,
        row.key,
        row.documents,
        row.bytes,
        row.created_at,
        int(live),
    )
