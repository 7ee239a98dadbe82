"""Trying again: a new task of failed items of an ended one, all of them or a selection.

A selection is a condition over the failures of the task; each failed item has one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.filters import Filter
from workbench.domain.states import ItemState, TaskKind
from workbench.store import tables as t
from workbench.store.conditions import condition
from workbench.store.dialect import slices
from workbench.store.failures import FIELDS
from workbench.store.records import TaskRecord
from workbench.store.statements import bucket_by_id, load_task, new_task
from workbench.store.unended import refuse_beside_delete


@dataclass(frozen=True)
class Selection:
    """Failed items for which everything holds that is said: ``failures`` are ids of failures,
    ``objects`` names. Nothing said: all."""

    retryable: bool = False
    objects: Sequence[str] = ()
    failures: Sequence[str] = ()
    filter: Filter | None = None

    @property
    def whole(self) -> bool:
        return self == Selection()


Pair = tuple[str, str]  # ids of a collection and of an object


def retry(connection: Connection, namespace_id: str, task_id: str, selection: Selection) -> str:
    """The new task's id. Raises ``conflict`` where the task has not ended or nothing is selected,
    ``not_found`` for an object that did not fail."""
    task = load_task(connection, namespace_id, task_id)
    if not task.state.ended:
        raise WorkbenchError(
            Code.CONFLICT, f"task {task_id} has not ended", "wait for it, then retry what failed"
        )
    pairs = _failed(connection, task)
    if not pairs:
        raise WorkbenchError(
            Code.CONFLICT,
            f"task {task_id} has no failed items whose object and collection are still there",
            "there is nothing to retry",
        )
    if not selection.whole:
        pairs &= _selected(connection, task, selection)
    if not pairs:
        raise WorkbenchError(
            Code.CONFLICT,
            f"none of the failures of task {task_id} is selected",
            f"mixpeek failures {task_id} lists them",
        )
    return _begin(connection, task, sorted(pairs))


def _failed(connection: Connection, task: TaskRecord) -> set[Pair]:
    """Failed items of collections and objects that are still there."""
    columns = t.items.c
    rows = connection.execute(
        sa.select(columns.collection_id, columns.object_id)
        .join(t.collections, t.collections.c.collection_id == columns.collection_id)
        .join(t.objects, t.objects.c.object_id == columns.object_id)
        .where(
            columns.namespace_id == task.namespace_id,
            columns.task_id == task.task_id,
            columns.state == ItemState.FAILED,
            t.objects.c.removed_at.is_(None),
        )
    )
    return {(row.collection_id, row.object_id) for row in rows}


def _selected(connection: Connection, task: TaskRecord, selection: Selection) -> set[Pair]:
    columns = t.failures.c
    query = sa.select(columns.collection_id, columns.object_id, columns.object_name).where(
        columns.namespace_id == task.namespace_id, columns.task_id == task.task_id
    )
    names = {
        row.object_name
        for piece in slices(selection.objects)
        for row in connection.execute(query.where(columns.object_name.in_(piece)))
    }
    for name in selection.objects:
        if name not in names:
            raise WorkbenchError(
                Code.NOT_FOUND,
                f"{name!r} is no failed object of task {task.task_id}",
                f"mixpeek failures {task.task_id} lists them by name",
            )
    if selection.retryable:
        query = query.where(columns.retryable)
    if selection.filter is not None:
        query = query.where(condition(selection.filter, FIELDS))
    found: set[Pair] | None = None
    for column, values in (
        (columns.object_name, selection.objects),
        (columns.failure_id, selection.failures),
    ):
        if values:
            chosen = {
                (row.collection_id, row.object_id)
                for piece in slices(values)
                for row in connection.execute(query.where(column.in_(piece)))
            }
            found = chosen if found is None else found & chosen
    if found is not None:
        return found
    return {(row.collection_id, row.object_id) for row in connection.execute(query)}


def _begin(connection: Connection, task: TaskRecord, pairs: Sequence[Pair]) -> str:
    """The task of these items. There is nothing to list for it."""
    bucket = bucket_by_id(connection, task.namespace_id, task.bucket_id or "")
    refuse_beside_delete(connection, task.namespace_id, [bucket.bucket_id])
    new = new_task(
        connection,
        task.namespace_id,
        TaskKind.INGEST,
        task.request,
        bucket=bucket,
        retry_of=task.task_id,
    )
    shared = {"namespace_id": task.namespace_id, "task_id": new}
    pending = ItemState.PENDING.value
    connection.execute(
        sa.insert(t.items),
        [{**shared, "collection_id": c, "object_id": o, "state": pending} for c, o in pairs],
    )
    connection.execute(
        sa.insert(t.progress),
        [
            {**shared, "collection_id": collection_id, "total": total}
            for collection_id, total in sorted(Counter(c for c, _ in pairs).items())
        ],
    )
    connection.execute(
        sa.update(t.tasks)
        .where(t.tasks.c.task_id == new)
        .values(listing_ended=True, listed=len({o for _, o in pairs}))
    )
    return new
