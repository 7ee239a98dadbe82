"""Statements that the task ledger's parts share. Each works inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workbench.domain.states import ENTERED_FROM, ItemState, TaskKind, TaskState
from workbench.store import tables as t
from workbench.store.database import now_ms
from workbench.store.dialect import slices, upsert
from workbench.store.records import TaskRecord

#: The states of an item that has not come to its end.
OPEN = (ItemState.PENDING.value, ItemState.EXTRACTED.value)


def load_task(connection: Connection, namespace_id: str, task_id: str) -> TaskRecord:
    row = connection.execute(
        sa.select(t.tasks).where(
            t.tasks.c.namespace_id == namespace_id, t.tasks.c.task_id == task_id
        )
    ).one()
    return TaskRecord(
        task_id=row.task_id,
        namespace_id=row.namespace_id,
        kind=TaskKind(row.kind),
        state=TaskState(row.state),
        requested=row.requested,
        bucket_id=row.bucket_id,
        bucket=row.bucket,
        retry_of=row.retry_of,
        request=row.request,
        listing_ended=row.listing_ended,
        listing_cursor=row.listing_cursor,
        created_at=row.created_at,
    )


def enter(
    connection: Connection, namespace_id: str, task_id: str, state: TaskState, **values: Any
) -> bool:
    """Move the task to ``state`` if it may go there from where it is."""
    changed = connection.execute(
        sa.update(t.tasks)
        .where(
            t.tasks.c.namespace_id == namespace_id,
            t.tasks.c.task_id == task_id,
            t.tasks.c.state.in_([str(s) for s in ENTERED_FROM[state]]),
        )
        .values(state=state, sequence=t.tasks.c.sequence + 1, **values)
    )
    return bool(changed.rowcount)


def touch(connection: Connection, namespace_id: str, task_id: str, **added: int) -> None:
    columns = t.tasks.c
    connection.execute(
        sa.update(t.tasks)
        .where(columns.namespace_id == namespace_id, columns.task_id == task_id)
        .values(
            sequence=columns.sequence + 1,
            **{name: columns[name] + value for name, value in added.items() if value},
        )
    )


def add_counts(
    connection: Connection, namespace_id: str, task_id: str, collection_id: str, **added: int
) -> None:
    """Add to the counters of a collection in the task; the row is made where it is missing."""
    upsert(
        connection,
        t.progress,
        [{"task_id": task_id, "collection_id": collection_id, "namespace_id": namespace_id}],
        update=False,
    )
    columns = t.progress.c
    connection.execute(
        sa.update(t.progress)
        .where(columns.task_id == task_id, columns.collection_id == collection_id)
        .values({name: columns[name] + value for name, value in added.items()})
    )
    touch(connection, namespace_id, task_id)


def cancel_open(connection: Connection, namespace_id: str, task_id: str) -> None:
    """Every item that has not come to its end is canceled."""
    columns = t.items.c
    rows = connection.execute(
        sa.select(columns.collection_id, columns.state, sa.func.count())
        .where(
            columns.namespace_id == namespace_id,
            columns.task_id == task_id,
            columns.state.in_(OPEN),
        )
        .group_by(columns.collection_id, columns.state)
    ).all()
    for collection_id, state, count in rows:
        extracted = -count if state == ItemState.EXTRACTED else 0
        add_counts(
            connection, namespace_id, task_id, collection_id, canceled=count, extracted=extracted
        )
    connection.execute(
        sa.update(t.items)
        .where(
            columns.namespace_id == namespace_id,
            columns.task_id == task_id,
            columns.state.in_(OPEN),
        )
        .values(state=ItemState.CANCELED)
    )


def forget_objects(connection: Connection, namespace_id: str, object_ids: Collection[str]) -> None:
    """The objects leave their bucket; their rows stay, marked, for the tasks that name them."""
    for piece in slices(list(object_ids)):
        connection.execute(
            sa.delete(t.indexed).where(
                t.indexed.c.namespace_id == namespace_id, t.indexed.c.object_id.in_(piece)
            )
        )
        connection.execute(
            sa.update(t.objects)
            .where(t.objects.c.namespace_id == namespace_id, t.objects.c.object_id.in_(piece))
            .values(removed_at=now_ms())
        )


def collection_of(connection: Connection, namespace_id: str, chunk_id: str) -> str:
    return connection.execute(
        sa.select(t.chunks.c.collection_id).where(
            t.chunks.c.namespace_id == namespace_id, t.chunks.c.chunk_id == chunk_id
        )
    ).scalar_one()
