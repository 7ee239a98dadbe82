"""Statements that the task ledger's parts share. Each works inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workbench.domain import ids
from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.states import EVENTS, Event, ItemState, Request, TaskKind, TaskState
from workbench.store import tables as t
from workbench.store.database import now_ms
from workbench.store.dialect import slices, upsert
from workbench.store.pace import marked
from workbench.store.records import BucketRecord, TaskRecord

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


def happen(
    connection: Connection,
    namespace_id: str,
    task_id: str,
    event: Event,
    *,
    asked: Request | None = None,
    **values: Any,
) -> bool:
    """The event changes the task's state, if it may happen where the task is; with ``asked`` only
    while that request is not done."""
    transition = EVENTS[event]
    statement = sa.update(t.tasks).where(
        t.tasks.c.namespace_id == namespace_id,
        t.tasks.c.task_id == task_id,
        t.tasks.c.state.in_([str(s) for s in transition.sources]),
    )
    if asked is not None:
        statement = statement.where(t.tasks.c.requested == asked)
    changed = connection.execute(
        statement.values(state=transition.target, sequence=t.tasks.c.sequence + 1, **values)
    )
    if not changed.rowcount:
        return False
    note_state(connection, namespace_id, task_id)
    if transition.target is TaskState.IN_PROGRESS:  # a rate says nothing across a pause
        connection.execute(
            sa.update(t.progress).where(t.progress.c.task_id == task_id).values(marks=[])
        )
    return True


def note_state(connection: Connection, namespace_id: str, task_id: str) -> None:
    """Keep the state that the task has just taken, so that everyone can be told of it once; a
    request made twice changes nothing."""
    columns, states = t.tasks.c, t.task_states.c
    now = connection.execute(
        sa.select(columns.sequence, columns.state, columns.requested).where(
            columns.namespace_id == namespace_id, columns.task_id == task_id
        )
    ).one()
    last = connection.execute(
        sa.select(states.state, states.requested)
        .where(states.task_id == task_id)
        .order_by(states.sequence.desc())
        .limit(1)
    ).one_or_none()
    if last is None or tuple(last) != (now.state, now.requested):
        connection.execute(
            sa.insert(t.task_states).values(
                namespace_id=namespace_id,
                task_id=task_id,
                sequence=now.sequence,
                state=now.state,
                requested=now.requested,
                at=now_ms(),
            )
        )


def new_task(
    connection: Connection,
    namespace_id: str,
    kind: TaskKind,
    request: Mapping[str, Any],
    *,
    bucket: BucketRecord | None,
    key: str | None = None,
    retry_of: str | None = None,
) -> str:
    """A task that waits, and the word to Temporal to start it."""
    task_id = ids.new_id(ids.TASK)
    connection.execute(
        sa.insert(t.tasks).values(
            task_id=task_id,
            namespace_id=namespace_id,
            kind=kind,
            state=TaskState.PENDING,
            bucket_id=bucket.bucket_id if bucket else None,
            bucket=bucket.name if bucket else None,
            retry_of=retry_of,
            request=dict(request),
            idempotency_key=key,
            created_at=now_ms(),
        )
    )
    note_state(connection, namespace_id, task_id)
    say(connection, namespace_id, task_id, "start")
    return task_id


def say(connection: Connection, namespace_id: str, task_id: str, action: str) -> None:
    """A word to Temporal, which the relay carries: ``start``, or a request."""
    connection.execute(
        sa.insert(t.outbox).values(
            namespace_id=namespace_id, task_id=task_id, action=action, created_at=now_ms()
        )
    )


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
    if added.get("indexed") or added.get("failed"):
        _mark(connection, task_id, collection_id)
    touch(connection, namespace_id, task_id)


def _mark(connection: Connection, task_id: str, collection_id: str) -> None:
    """Note when the collection's items came to their ends, for its rate."""
    columns = t.progress.c
    here = sa.and_(columns.task_id == task_id, columns.collection_id == collection_id)
    row = connection.execute(
        sa.select(columns.marks, columns.indexed, columns.failed).where(here)
    ).one()
    marks = marked(row.marks, now_ms(), row.indexed + row.failed)
    connection.execute(sa.update(t.progress).where(here).values(marks=marks))


def add_failures(
    connection: Connection,
    namespace_id: str,
    task_id: str,
    collection_id: str,
    added: Mapping[str, int],
) -> None:
    """Add to the counters of failed items by category."""
    columns = t.failure_counts.c
    for category, count in added.items():
        key = {"task_id": task_id, "collection_id": collection_id, "category": category}
        row = {**key, "namespace_id": namespace_id, "items": 0}
        upsert(connection, t.failure_counts, [row], update=False)
        connection.execute(
            sa.update(t.failure_counts)
            .where(*(columns[name] == value for name, value in key.items()))
            .values(items=columns["items"] + count)
        )


def cancel_open(connection: Connection, namespace_id: str, task_id: str) -> None:
    """Every item that has not come to its end is canceled; what is still indexed of the task's
    chunks is not recorded any more."""
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
    chunks = t.chunks.c
    connection.execute(
        sa.update(t.chunks)
        .where(
            chunks.namespace_id == namespace_id,
            chunks.task_id == task_id,
            chunks.state == "planned",
        )
        .values(state="released")
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


def release_chunk(connection: Connection, namespace_id: str, chunk_id: str) -> None:
    """The open items of the chunk wait for another one; its end is not recorded any more."""
    items, chunks = t.items.c, t.chunks.c
    this = sa.and_(chunks.namespace_id == namespace_id, chunks.chunk_id == chunk_id)
    open_items = sa.and_(items.namespace_id == namespace_id, items.chunk_id == chunk_id)
    extracted = connection.execute(
        sa.select(sa.func.count()).where(open_items, items.state == ItemState.EXTRACTED)
    ).scalar_one()
    connection.execute(
        sa.update(t.items)
        .where(open_items, items.state.in_(OPEN))
        .values(state=ItemState.PENDING, chunk_id=None)
    )
    if extracted:
        row = connection.execute(sa.select(chunks.task_id, chunks.collection_id).where(this)).one()
        add_counts(connection, namespace_id, *row, extracted=-extracted)
    connection.execute(
        sa.update(t.chunks).where(this, chunks.state == "planned").values(state="released")
    )


def collection_of(connection: Connection, namespace_id: str, chunk_id: str) -> str:
    return connection.execute(
        sa.select(t.chunks.c.collection_id).where(
            t.chunks.c.namespace_id == namespace_id, t.chunks.c.chunk_id == chunk_id
        )
    ).scalar_one()


def bucket_by_id(connection: Connection, namespace_id: str, bucket_id: str) -> BucketRecord:
    row = connection.execute(
        sa.select(t.buckets).where(
            t.buckets.c.namespace_id == namespace_id, t.buckets.c.bucket_id == bucket_id
        )
    ).one_or_none()
    if row is None:
        raise WorkbenchError(
            Code.NOT_FOUND, "the task's bucket has been deleted", "ingest its source again"
        )
    return bucket_record(row)


def bucket_record(row: Any) -> BucketRecord:
    return BucketRecord(
        row.bucket_id, row.namespace_id, row.name, row.source_kind, row.source_uri, row.chosen
    )
