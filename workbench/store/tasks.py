"""Tasks as they are read: state, progress summed over collections, and the sequence of changes.

Progress comes from the ``progress`` table, a row per collection, so reading a task costs the same
for ten items and for a million. ``total`` stays null until listing has ended; what is neither
extracted nor at an end is pending.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from workbench.domain.states import TaskKind, TaskState
from workbench.domain.wire import (
    CollectionProgress,
    ObjectCounts,
    Page,
    Progress,
    TaskError,
    TaskOut,
)
from workbench.store.conditions import Field
from workbench.store.database import Database
from workbench.store.listing import Listing, PageRequest, fetch
from workbench.store.moments import moment, moment_or_none
from workbench.store.tables import collections, progress, tasks

_LISTING = Listing(
    key=tasks.c.task_id,
    fields={
        "kind": Field(tasks.c.kind),
        "state": Field(tasks.c.state),
        "requested": Field(tasks.c.requested, nullable=True),
        "bucket": Field(tasks.c.bucket, nullable=True),
        "retry_of": Field(tasks.c.retry_of, nullable=True),
        "created_at": Field(tasks.c.created_at, "time"),
        "started_at": Field(tasks.c.started_at, "time", nullable=True),
        "ended_at": Field(tasks.c.ended_at, "time", nullable=True),
    },
    sort="-created_at",
)
_COUNTS = ("extracted", "indexed", "skipped", "failed", "canceled", "documents")


class Snapshot(NamedTuple):
    """A task and its sequence number, read at one moment."""

    task: TaskOut
    sequence: int


class Tasks:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, namespace_id: str, task_id: str) -> TaskOut | None:
        found = self.snapshot(namespace_id, task_id)
        return None if found is None else found.task

    def snapshot(self, namespace_id: str, task_id: str) -> Snapshot | None:
        query = _of(namespace_id).where(tasks.c.task_id == task_id)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
            if row is None:
                return None
            return Snapshot(_with_progress(connection, namespace_id, [row])[0], row.sequence)

    def sequence(self, namespace_id: str, task_id: str) -> int | None:
        """Grows with every change of the task; None when there is no such task."""
        query = (
            sa.select(tasks.c.sequence)
            .where(tasks.c.namespace_id == namespace_id)
            .where(tasks.c.task_id == task_id)
        )
        with self._database.read() as connection:
            return connection.execute(query).scalar_one_or_none()

    def list(self, namespace_id: str, request: PageRequest) -> Page[TaskOut]:
        """The newest first."""
        with self._database.read() as connection:
            rows, cursor = fetch(connection, _of(namespace_id), _LISTING, request)
            found = _with_progress(connection, namespace_id, rows)
        return Page[TaskOut](results=found, next_cursor=cursor)


def _of(namespace_id: str) -> sa.Select[Any]:
    return sa.select(tasks).where(tasks.c.namespace_id == namespace_id)


def _with_progress(
    connection: Connection, namespace_id: str, rows: Sequence[Row[Any]]
) -> list[TaskOut]:
    """A collection that was deleted since keeps its counts under its id."""
    name = sa.func.coalesce(collections.c.name, progress.c.collection_id).label("collection")
    query = (
        sa.select(progress, name, sa.func.coalesce(collections.c.extractor, "").label("extractor"))
        .join(collections, collections.c.collection_id == progress.c.collection_id, isouter=True)
        .where(progress.c.namespace_id == namespace_id)
        .where(progress.c.task_id.in_([row.task_id for row in rows]))
        .order_by(name)
    )
    by_task: dict[str, list[Row[Any]]] = {row.task_id: [] for row in rows}
    for part in connection.execute(query):
        by_task[part.task_id].append(part)
    return [_out(row, by_task[row.task_id]) for row in rows]


def _out(row: Row[Any], parts: Sequence[Row[Any]]) -> TaskOut:
    listed = bool(row.listing_ended)
    return TaskOut(
        task_id=row.task_id,
        kind=TaskKind(row.kind),
        state=TaskState(row.state),
        requested=_requested(row.requested),
        bucket=row.bucket,
        retry_of=row.retry_of,
        progress=Progress(**_counts(parts, listed)),
        objects=ObjectCounts(
            listed=row.listed,
            matched=row.listed - row.unmatched,
            unmatched=row.unmatched,
            removed=row.removed,
        ),
        collections=[
            CollectionProgress(
                collection=part.collection, extractor=part.extractor, **_counts([part], listed)
            )
            for part in parts
        ],
        error=_error(row),
        created_at=moment(row.created_at),
        started_at=moment_or_none(row.started_at),
        ended_at=moment_or_none(row.ended_at),
    )


def _counts(parts: Iterable[Row[Any]], listed: bool) -> dict[str, Any]:
    sums = dict.fromkeys((*_COUNTS, "total"), 0)
    for part in parts:
        for name in sums:
            sums[name] += getattr(part, name)
    seen = sums["total"]
    done = sum(sums[name] for name in _COUNTS if name != "documents")
    return {**sums, "total": seen if listed else None, "pending": seen - done}


def _requested(value: str | None) -> Literal["pause", "cancel"] | None:
    match value:
        case "pause" | "cancel":
            return value
        case _:
            return None


def _error(row: Row[Any]) -> TaskError | None:
    if row.error_code is None:
        return None
    return TaskError(code=row.error_code, message=row.error_message or "", hint=row.error_hint)
