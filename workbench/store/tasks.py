"""Tasks as they are read: state, progress summed over collections, and the sequence of changes.

Progress comes from the ``progress`` table, a row per collection, so reading a task costs the same
for ten items and for a million; what is told of it is in ``counts``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from workbench.domain.states import TaskKind, TaskState
from workbench.domain.wire import ObjectCounts, Page, TaskError, TaskOut, TaskStateOut
from workbench.store.conditions import Field
from workbench.store.counts import Counts
from workbench.store.database import Database, now_ms
from workbench.store.listing import Listing, PageRequest, fetch
from workbench.store.moments import moment, moment_or_none
from workbench.store.tables import collections, failure_counts, progress, task_states, tasks

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


class Snapshot(NamedTuple):
    """A task and its sequence number, read at one moment."""

    task: TaskOut
    sequence: int


class Reading(NamedTuple):
    """A task and all states that it took until then, read at one moment."""

    task: TaskOut
    states: Sequence[TaskStateOut]


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

    def reading(self, namespace_id: str, task_id: str) -> Reading | None:
        query = _of(namespace_id).where(tasks.c.task_id == task_id)
        states = (
            sa.select(task_states)
            .where(task_states.c.namespace_id == namespace_id, task_states.c.task_id == task_id)
            .order_by(task_states.c.sequence)
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
            if row is None:
                return None
            task = _with_progress(connection, namespace_id, [row])[0]
            return Reading(task, [_state_out(each) for each in connection.execute(states)])

    def moving(self, namespace_id: str, since: int, known: Collection[str]) -> list[TaskOut]:
        """Tasks that have not ended, that were accepted or ended at or after ``since`` (UTC
        milliseconds), or that are among ``known``."""
        wanted = sa.or_(
            tasks.c.state.in_([str(s) for s in TaskState if not s.ended]),
            tasks.c.created_at >= since,
            tasks.c.ended_at >= since,
            tasks.c.task_id.in_(known),
        )
        with self._database.read() as connection:
            rows = connection.execute(
                _of(namespace_id).where(wanted).order_by(tasks.c.created_at)
            ).all()
            return _with_progress(connection, namespace_id, rows)

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
    failed: dict[str, list[Row[Any]]] = {row.task_id: [] for row in rows}
    counted = sa.select(failure_counts).where(failure_counts.c.task_id.in_(list(failed)))
    for count in connection.execute(counted):
        failed[count.task_id].append(count)
    now = now_ms()
    return [_out(row, Counts(row, by_task[row.task_id], failed[row.task_id], now)) for row in rows]


def _out(row: Row[Any], counts: Counts) -> TaskOut:
    return TaskOut(
        task_id=row.task_id,
        kind=TaskKind(row.kind),
        state=TaskState(row.state),
        requested=_requested(row.requested),
        bucket=row.bucket,
        retry_of=row.retry_of,
        progress=counts.task(),
        objects=ObjectCounts(
            listed=row.listed,
            matched=row.listed - row.unmatched,
            unmatched=row.unmatched,
            removed=row.removed,
        ),
        collections=counts.collections(),
        stages=counts.stages(),
        error=_error(row),
        note=row.note,
        created_at=moment(row.created_at),
        started_at=moment_or_none(row.started_at),
        ended_at=moment_or_none(row.ended_at),
    )


def _state_out(row: Row[Any]) -> TaskStateOut:
    return TaskStateOut(
        task_id=row.task_id,
        sequence=row.sequence,
        state=TaskState(row.state),
        requested=_requested(row.requested),
        at=moment(row.at),
    )


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
