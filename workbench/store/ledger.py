"""The ledger of a running task: its items, chunks and what became searchable.

Every method is one transaction and may be called again with the same arguments: a listing page is
recorded together with the cursor after it, a chunk's outcome together with the chunk's end. Counts
in ``progress`` change in the transaction that changes the items; ``finish`` compares the two and
fails the task when they differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import sqlalchemy as sa

from workbench.domain.states import Event, ItemState, Request, TaskState
from workbench.store import tables as t
from workbench.store.acceptance import bucket_by_id, bucket_collections
from workbench.store.chunk_end import (
    UNKNOWN,
    ChunkResult,
    ChunkWriter,
    Finding,
    Written,
    changed_since,
)
from workbench.store.database import Database, now_ms
from workbench.store.doubts import (
    doubt,
    doubt_objects,
    doubt_replaced,
    removed_of,
    searchable,
    still_missing,
    unfound,
)
from workbench.store.pages import ListedPage, PageWriter, Route, objects_between
from workbench.store.records import BucketRecord, CollectionRecord, ObjectRecord, TaskRecord
from workbench.store.revisions import superseded
from workbench.store.statements import (
    OPEN,
    add_counts,
    cancel_open,
    collection_of,
    forget_objects,
    happen,
    load_task,
    release_chunk,
    touch,
)


@dataclass(frozen=True)
class Stale:
    """Objects with documents in ``space`` that what was read now replaces."""

    space: str
    object_ids: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """What is searchable of some objects at one moment: of which content it is (SHA-256) and by
    which digest, and what of it is ``stale``."""

    content: Mapping[str, tuple[str, str]]
    stale: Sequence[Stale]


class Standing(Enum):
    """``UNWANTED``: the chunk was released or given up, or its collection has another revision by
    now."""

    WANTED = "wanted"
    RECORDED = "recorded"
    UNWANTED = "unwanted"


class Overtaken(Exception):
    """Another chunk has recorded the same objects since one looked: what is in the index now may be
    neither's."""


class Ledger:
    def __init__(self, database: Database) -> None:
        self._database = database

    # ---- the task --------------------------------------------------------------------------------

    def task(self, namespace_id: str, task_id: str) -> TaskRecord:
        with self._database.read() as connection:
            return load_task(connection, namespace_id, task_id)

    def bucket(self, namespace_id: str, bucket_id: str) -> BucketRecord:
        with self._database.read() as connection:
            return bucket_by_id(connection, namespace_id, bucket_id)

    def collections(self, namespace_id: str, bucket_id: str) -> list[CollectionRecord]:
        with self._database.read() as connection:
            return bucket_collections(connection, namespace_id, bucket_id)

    def begin(self, namespace_id: str, task_id: str) -> TaskRecord:
        """The task, now in progress; paused when that was asked before it began."""
        with self._database.write() as connection:
            task = load_task(connection, namespace_id, task_id)
            values: dict[str, Any] = {"started_at": now_ms()}
            if task.state is TaskState.PENDING and task.requested == Request.PAUSE:
                happen(connection, namespace_id, task_id, Event.PAUSED, requested=None, **values)
            else:
                happen(connection, namespace_id, task_id, Event.BEGIN, **values)
            return load_task(connection, namespace_id, task_id)

    def pause(self, namespace_id: str, task_id: str) -> None:
        """Nothing of the task runs any more: it is paused, if that is still what was asked."""
        with self._database.write() as connection:
            asked = Request.PAUSE
            happen(connection, namespace_id, task_id, Event.PAUSED, asked=asked, requested=None)

    def fail(
        self, namespace_id: str, task_id: str, code: str, message: str, hint: str | None
    ) -> None:
        """End the task as FAILED; what has not come to its end is canceled."""
        with self._database.write() as connection:
            cancel_open(connection, namespace_id, task_id)
            happen(
                connection,
                namespace_id,
                task_id,
                Event.FAILED,
                error_code=code,
                error_message=message,
                error_hint=hint,
                ended_at=now_ms(),
                requested=None,
            )

    # ---- listing ---------------------------------------------------------------------------------

    def known(
        self, namespace_id: str, bucket_id: str, after: str, upto: str | None, scope: str
    ) -> dict[str, ObjectRecord]:
        """Objects with names in the range and in ``scope`` (a name or a folder's, "" for all)."""
        with self._database.read() as connection:
            return {
                row.name: row
                for row in objects_between(connection, namespace_id, bucket_id, after, upto, scope)
            }

    def record_page(
        self,
        task: TaskRecord,
        page: ListedPage,
        scope: str,
        route: Route,
        verify: bool,
    ) -> bool:
        """Write the page's objects and items, and move the task's cursor past it. False when that
        has been done before."""
        with self._database.write() as connection:
            return PageWriter(connection, task, page, scope, route, verify).write()

    def missing(self, namespace_id: str, task_id: str, limit: int) -> list[str]:
        """At most ``limit`` ids of objects that the listing did not find; ``removed`` ends them."""
        with self._database.read() as connection:
            return list(
                connection.execute(
                    sa.select(t.removals.c.object_id)
                    .where(
                        t.removals.c.namespace_id == namespace_id,
                        t.removals.c.task_id == task_id,
                    )
                    .limit(limit)
                ).scalars()
            )

    def names(self, namespace_id: str, object_ids: Sequence[str]) -> dict[str, str]:
        columns = t.objects.c
        query = sa.select(columns.object_id, columns.name).where(
            columns.namespace_id == namespace_id, columns.object_id.in_(object_ids)
        )
        with self._database.read() as connection:
            return {row.object_id: row.name for row in connection.execute(query)}

    def stay(self, task_id: str, object_ids: Sequence[str]) -> None:
        """The task removes none of these objects: they are there again."""
        columns = t.removals.c
        with self._database.write() as connection:
            connection.execute(
                sa.delete(t.removals).where(
                    columns.task_id == task_id, columns.object_id.in_(object_ids)
                )
            )

    def spaces_of(self, namespace_id: str, object_ids: Sequence[str]) -> set[str]:
        """Spaces in which the objects have documents."""
        with self._database.read() as connection:
            return set(
                connection.execute(
                    sa.select(t.indexed.c.space)
                    .distinct()
                    .where(
                        t.indexed.c.namespace_id == namespace_id,
                        t.indexed.c.object_id.in_(object_ids),
                    )
                ).scalars()
            )

    def remove(self, namespace_id: str, task_id: str, object_ids: Sequence[str]) -> list[str]:
        """From now on these objects are removed, and what is searchable of them is in doubt; their
        documents are to be deleted next. Returns them without those that came back since the
        listing: those stay as they are."""
        with self._database.write() as connection:
            going = still_missing(connection, task_id, object_ids)
            doubt_objects(connection, namespace_id, going)
            return going

    def removed(self, namespace_id: str, task_id: str, object_ids: Sequence[str]) -> None:
        """The documents of objects that ``remove`` gave are gone: so are the objects. One that came
        back in between stays, and is to be extracted again."""
        with self._database.write() as connection:
            going = still_missing(connection, task_id, object_ids)
            forget_objects(connection, namespace_id, going)
            connection.execute(
                sa.delete(t.removals).where(
                    t.removals.c.task_id == task_id, t.removals.c.object_id.in_(going)
                )
            )
            unfound(connection, namespace_id, set(object_ids) - set(going))
            touch(connection, namespace_id, task_id, removed=len(going))

    # ---- a chunk's end ---------------------------------------------------------------------------

    def mark_extracted(self, namespace_id: str, task_id: str, chunk_id: str) -> None:
        with self._database.write() as connection:
            changed = connection.execute(
                sa.update(t.items)
                .where(t.items.c.chunk_id == chunk_id, t.items.c.state == ItemState.PENDING)
                .values(state=ItemState.EXTRACTED)
            ).rowcount
            if changed:
                collection_id = collection_of(connection, namespace_id, chunk_id)
                add_counts(connection, namespace_id, task_id, collection_id, extracted=changed)

    def found(
        self, namespace_id: str, collection_id: str, digest: str, read: Mapping[str, str]
    ) -> Found:
        """What is searchable of the objects (their SHA-256 as now ``read``). Stale is what is of
        other content, or made by another digest; nothing is where the digest is not the
        collection's any more: what is there may be newer."""
        content: dict[str, tuple[str, str]] = {}
        stale: dict[str, list[str]] = {}
        with self._database.read() as connection:
            if superseded(connection, collection_id, digest):
                return Found({}, ())
            for row in searchable(connection, namespace_id, collection_id, list(read)):
                content[row.object_id] = (row.sha256, row.digest)
                if content[row.object_id] != (read[row.object_id], digest):
                    stale.setdefault(row.space, []).append(row.object_id)
        return Found(content, [Stale(space, tuple(ids)) for space, ids in stale.items()])

    def gone(self, namespace_id: str, object_ids: Sequence[str]) -> list[str]:
        """Those of the objects that are removed."""
        with self._database.read() as connection:
            return removed_of(connection, namespace_id, object_ids)

    def being_indexed(self, namespace_id: str, chunk_id: str) -> tuple[str, list[str]]:
        """The chunk's collection, and the objects of which documents may be in the index before
        their items have come to their ends."""
        columns = t.items.c
        with self._database.read() as connection:
            rows = connection.execute(
                sa.select(columns.object_id).where(
                    columns.chunk_id == chunk_id, columns.state == ItemState.EXTRACTED
                )
            )
            return collection_of(connection, namespace_id, chunk_id), list(rows.scalars())

    def standing(self, namespace_id: str, chunk_id: str, digest: str) -> Standing:
        """What is to become of a chunk that was extracted by ``digest``."""
        columns = t.chunks.c
        query = sa.select(columns.state, columns.collection_id).where(
            columns.namespace_id == namespace_id, columns.chunk_id == chunk_id
        )
        with self._database.read() as connection:
            state, collection_id = connection.execute(query).one()
            if state == "planned" and not superseded(connection, collection_id, digest):
                return Standing.WANTED
            return Standing.RECORDED if state == "indexed" else Standing.UNWANTED

    def record_chunk(
        self,
        namespace_id: str,
        result: ChunkResult,
        content: Mapping[str, tuple[str, str]] | None = None,
    ) -> bool:
        """The chunk's items come to their ends. Does nothing when it has been recorded. False where
        the chunk was released or given up meanwhile; or where the collection has another revision
        by now: then the items are planned again, for that one. ``content`` is what was found before
        documents were deleted: raises ``Overtaken`` where another is recorded now, and not this
        one; and what the chunk has deleted without being recorded is in doubt."""
        with self._database.write() as connection:
            changed = changed_since(connection, namespace_id, result, content or {})
            if superseded(connection, result.collection_id, result.digest):
                release_chunk(connection, namespace_id, result.chunk_id)
                doubt(connection, result.collection_id, changed.replaced)
                return False
            columns = t.chunks.c
            this = sa.and_(
                columns.namespace_id == namespace_id, columns.chunk_id == result.chunk_id
            )
            ended = connection.execute(
                sa.update(t.chunks).where(this, columns.state == "planned").values(state="indexed")
            )
            if not ended.rowcount:
                doubt(connection, result.collection_id, changed.replaced)
            elif content is not None and changed.since:
                raise Overtaken
            else:
                ChunkWriter(connection, namespace_id, result).write()
            state = connection.execute(sa.select(columns.state).where(this)).scalar()
            return state == "indexed"

    def give_up(
        self,
        namespace_id: str,
        task_id: str,
        chunk_id: str,
        reason: Finding,
        written: Written = UNKNOWN,
    ) -> None:
        """Every open item of the chunk fails for the reason of ``reason.failure``. Where indexing
        had begun, documents that it was to replace may be gone."""
        with self._database.write() as connection:
            rows = connection.execute(
                sa.select(
                    t.items.c.object_id,
                    t.chunks.c.collection_id,
                    t.collections.c.digest,
                )
                .join(t.chunks, t.chunks.c.chunk_id == t.items.c.chunk_id)
                .join(t.collections, t.collections.c.collection_id == t.chunks.c.collection_id)
                .where(t.items.c.chunk_id == chunk_id, t.items.c.state.in_(OPEN))
            ).all()
            connection.execute(
                sa.update(t.chunks).where(t.chunks.c.chunk_id == chunk_id).values(state="failed")
            )
            if not rows:
                return
            doubt_replaced(connection, chunk_id, written.digest, written.read)
            findings = [
                Finding(row.object_id, ItemState.FAILED, "", failure=reason.failure) for row in rows
            ]
            result = ChunkResult(
                chunk_id=chunk_id,
                task_id=task_id,
                collection_id=rows[0].collection_id,
                digest=rows[0].digest,
                space="",
                segment_key=None,
                segment_documents=0,
                segment_bytes=0,
                worker="",
                findings=findings,
                final=True,
            )
            ChunkWriter(connection, namespace_id, result).write()

    def release(self, namespace_id: str, chunk_id: str, written: Written = UNKNOWN) -> None:
        """The chunk comes to no end, whoever still works on it: its open items are planned
        again. Where indexing had begun, documents that it was to replace may be gone."""
        with self._database.write() as connection:
            doubt_replaced(connection, chunk_id, written.digest, written.read)
            release_chunk(connection, namespace_id, chunk_id)
