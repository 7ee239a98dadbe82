"""Planning: items that wait become chunks.

A chunk is recorded after its manifest is written; a planner that dies between the two leaves a
manifest that nothing refers to. Numbers of chunks grow by one within a task, so that a workflow can
ask for what was planned after the last number it knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from workbench.domain.states import ItemState
from workbench.store import tables as t
from workbench.store.database import Database, now_ms
from workbench.store.dialect import slices
from workbench.store.records import ChunkRecord

#: Where counting the items that wait ends: beyond it the exact number changes no decision.
COUNTED = 10_000


@dataclass(frozen=True)
class Waiting:
    item_id: int
    object_id: str
    name: str
    mime: str
    size: int
    fingerprint: str
    modified_at: int | None
    known_sha256: str | None


class Planning:
    def __init__(self, database: Database) -> None:
        self._database = database

    def planned_after(self, namespace_id: str, task_id: str, number: int) -> list[ChunkRecord]:
        """Chunks that have not come to their end, with a greater number."""
        columns = t.chunks.c
        with self._database.read() as connection:
            rows = connection.execute(
                sa.select(t.chunks)
                .where(
                    columns.namespace_id == namespace_id,
                    columns.task_id == task_id,
                    columns.number > number,
                    columns.state == "planned",
                )
                .order_by(columns.number)
            )
            return [
                ChunkRecord(r.chunk_id, r.number, r.collection_id, r.state, r.items, r.bytes)
                for r in rows
            ]

    def last_number(self, namespace_id: str, task_id: str) -> int:
        """The greatest number given so far, 0 for none."""
        with self._database.read() as connection:
            return (
                connection.execute(
                    sa.select(sa.func.max(t.chunks.c.number)).where(
                        t.chunks.c.namespace_id == namespace_id, t.chunks.c.task_id == task_id
                    )
                ).scalar()
                or 0
            )

    def waiting(self, namespace_id: str, task_id: str) -> dict[str, int]:
        """How many items of each collection can go into a chunk now, counted up to ``COUNTED``."""
        with self._database.read() as connection:
            collections = connection.execute(
                sa.select(t.progress.c.collection_id)
                .where(t.progress.c.namespace_id == namespace_id, t.progress.c.task_id == task_id)
                .order_by(t.progress.c.collection_id)
            ).scalars()
            counts: dict[str, int] = {}
            for collection_id in list(collections):
                some = (
                    sa.select(t.items.c.item_id)
                    .where(*_unplanned(task_id, collection_id), _due())
                    .limit(COUNTED)
                    .subquery()
                )
                number = connection.execute(sa.select(sa.func.count()).select_from(some)).scalar()
                if number:
                    counts[collection_id] = number
            return counts

    def some(self, task_id: str, collection_id: str) -> bool:
        """Whether an item of the collection is in no chunk."""
        query = sa.select(t.items.c.item_id).where(*_unplanned(task_id, collection_id)).limit(1)
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def next_due(self, namespace_id: str, task_id: str) -> float | None:
        """Seconds until the first of the items can go into a chunk that must wait for another
        attempt (0: now); None where no item is in no chunk."""
        with self._database.read() as connection:
            collections = connection.execute(
                sa.select(t.progress.c.collection_id).where(
                    t.progress.c.namespace_id == namespace_id, t.progress.c.task_id == task_id
                )
            ).scalars()
            first = [
                connection.execute(
                    sa.select(sa.func.min(sa.func.coalesce(t.items.c.not_before, 0))).where(
                        *_unplanned(task_id, collection_id)
                    )
                ).scalar()
                for collection_id in list(collections)
            ]
        due = [each for each in first if each is not None]
        return max(0, min(due) - now_ms()) / 1000 if due else None

    def take(
        self, namespace_id: str, task_id: str, collection_id: str, most: int, most_bytes: int
    ) -> list[Waiting]:
        """The next items of the collection: at most ``most``, and no more bytes than allowed unless
        it is a single item."""
        digest = (
            sa.select(t.collections.c.digest)
            .where(t.collections.c.collection_id == collection_id)
            .scalar_subquery()
        )
        statement = (
            sa.select(
                t.items.c.item_id,
                t.objects.c.object_id,
                t.objects.c.name,
                t.objects.c.mime,
                t.objects.c.size,
                t.objects.c.fingerprint,
                t.objects.c.modified_at,
                t.indexed.c.sha256,
            )
            .join(t.objects, t.objects.c.object_id == t.items.c.object_id)
            .outerjoin(
                t.indexed,
                sa.and_(
                    t.indexed.c.object_id == t.items.c.object_id,
                    t.indexed.c.collection_id == collection_id,
                    t.indexed.c.digest == digest,
                ),
            )
            .where(
                t.items.c.namespace_id == namespace_id,
                *_unplanned(task_id, collection_id),
                _due(),
            )
            .order_by(t.items.c.item_id)
            .limit(most)
        )
        taken: list[Waiting] = []
        size = 0
        with self._database.read() as connection:
            for row in connection.execute(statement):
                if taken and size + row.size > most_bytes:
                    break
                taken.append(Waiting(*row))
                size += row.size
        return taken

    def record(
        self,
        namespace_id: str,
        task_id: str,
        collection_id: str,
        chunk_id: str,
        number: int,
        items: Sequence[Waiting],
    ) -> ChunkRecord:
        size = sum(item.size for item in items)
        with self._database.write() as connection:
            connection.execute(
                sa.insert(t.chunks).values(
                    chunk_id=chunk_id,
                    namespace_id=namespace_id,
                    task_id=task_id,
                    number=number,
                    collection_id=collection_id,
                    state="planned",
                    items=len(items),
                    bytes=size,
                    created_at=now_ms(),
                )
            )
            for piece in slices([item.item_id for item in items]):
                connection.execute(
                    sa.update(t.items).where(t.items.c.item_id.in_(piece)).values(chunk_id=chunk_id)
                )
        return ChunkRecord(chunk_id, number, collection_id, "planned", len(items), size)


def _unplanned(task_id: str, collection_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    # Literals, not parameters: the partial index is only chosen when its condition is visible.
    return (
        t.items.c.task_id == task_id,
        t.items.c.collection_id == collection_id,
        t.items.c.chunk_id.is_(None),
        t.items.c.state == sa.literal_column(f"'{ItemState.PENDING.value}'"),
    )


def _due() -> sa.ColumnElement[bool]:
    """Not waiting for another attempt."""
    return sa.or_(t.items.c.not_before.is_(None), t.items.c.not_before <= now_ms())
