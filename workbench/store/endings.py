"""The end of a task, and deletion.

``finish`` decides the end state from the counts, after comparing the counters with the items
themselves: a task whose counts do not add up fails and says where.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workbench.domain.states import Event, ItemState, TaskState, ending
from workbench.store import tables as t
from workbench.store.database import Database, now_ms
from workbench.store.revisions import forget_earlier
from workbench.store.statements import (
    cancel_open,
    forget_objects,
    happen,
    load_task,
)

COUNTED = (
    ItemState.EXTRACTED,
    ItemState.INDEXED,
    ItemState.SKIPPED,
    ItemState.FAILED,
    ItemState.CANCELED,
)
#: Counters that are sums over the items, however those ended.
SUMMED = ("documents", "read", "read_bytes")


@dataclass(frozen=True)
class Ending:
    state: TaskState
    code: str | None = None
    message: str | None = None
    hint: str | None = None


@dataclass(frozen=True)
class Totals:
    total: int
    indexed: int
    skipped: int
    failed: int
    canceled: int
    documents: int
    listed: int
    removed: int


def decide(totals: Totals, retry: bool) -> Ending:
    """The end state of a task whose items have all come to their ends and were not canceled."""
    if totals.total == 0 and not totals.removed and not retry:
        if totals.listed == 0:
            return Ending(
                TaskState.FAILED,
                "nothing_listed",
                "the source holds no files",
                "names that begin with a dot and what --exclude matches are left out",
            )
        return Ending(
            TaskState.FAILED,
            "nothing_matched",
            f"none of the {totals.listed} files is of a type that an extractor takes",
            "mixpeek extractors shows the types; name others with --extractors",
        )
    if totals.failed and totals.failed == totals.total:
        return Ending(
            TaskState.FAILED,
            "every_item_failed",
            f"all {totals.failed} items failed",
            "mixpeek failures TASK shows why",
        )
    if totals.indexed and not totals.documents and not totals.skipped:
        return Ending(
            TaskState.FAILED,
            "no_documents",
            "nothing that was extracted gave a document",
            "look at the files, or at the extractor's parameters",
        )
    return Ending(TaskState.COMPLETED_WITH_ERRORS if totals.failed else TaskState.COMPLETED)


class Endings:
    def __init__(self, database: Database) -> None:
        self._database = database

    def finish(self, namespace_id: str, task_id: str, canceled: bool) -> TaskState:
        """End an ingest; returns the state that it has afterwards. What ended while a pause was on
        its way has ended: it was resumed for that."""
        with self._database.write() as connection:
            task = load_task(connection, namespace_id, task_id)
            if task.state.ended:
                return task.state
            if canceled:
                cancel_open(connection, namespace_id, task_id)
            wrong = _differences(connection, task_id)
            if wrong:
                end = Ending(
                    TaskState.FAILED,
                    "counts_differ",
                    "the counts do not add up: " + "; ".join(wrong),
                    "this is a defect: report it with the task's id",
                )
            elif canceled:
                end = Ending(TaskState.CANCELED)
            else:
                end = decide(_totals(connection, task_id), task.retry_of is not None)
                happen(connection, namespace_id, task_id, Event.RESUMED)
            happen(
                connection,
                namespace_id,
                task_id,
                ending(end.state),
                error_code=end.code,
                error_message=end.message,
                error_hint=end.hint,
                ended_at=now_ms(),
                requested=None,
            )
            if task.bucket_id is not None:
                forget_earlier(connection, namespace_id, task.bucket_id)
            return end.state

    def complete(self, namespace_id: str, task_id: str) -> None:
        """End a task that has no items."""
        with self._database.write() as connection:
            happen(
                connection,
                namespace_id,
                task_id,
                Event.COMPLETED,
                ended_at=now_ms(),
                requested=None,
            )

    def spaces(self, namespace_id: str) -> list[str]:
        """Spaces in which the namespace has, or had, documents."""
        with self._database.read() as connection:
            return sorted(
                connection.execute(
                    sa.union(
                        sa.select(t.collections.c.space).where(
                            t.collections.c.namespace_id == namespace_id
                        ),
                        sa.select(t.indexed.c.space).where(
                            t.indexed.c.namespace_id == namespace_id
                        ),
                    )
                ).scalars()
            )

    def segments_of(self, namespace_id: str, kind: str, target_id: str) -> list[str]:
        """Blob keys of the segments that a deleted bucket or collection leaves behind."""
        with self._database.read() as connection:
            return list(
                connection.execute(
                    sa.select(t.segments.c.key).where(
                        t.segments.c.namespace_id == namespace_id,
                        t.segments.c.collection_id.in_(_collections_of(kind, target_id)),
                    )
                ).scalars()
            )

    def forget(self, namespace_id: str, kind: str, target_id: str) -> None:
        """Remove the rows of a bucket or collection whose documents are gone."""
        with self._database.write() as connection:
            rows = connection.execute(_collections_of(kind, target_id)).scalars()
            collections = [str(row) for row in rows]
            _forget_collections(connection, namespace_id, collections)
            if kind == "bucket":
                here = t.objects.c.bucket_id == target_id
                object_ids = connection.execute(sa.select(t.objects.c.object_id).where(here))
                forget_objects(connection, namespace_id, list(object_ids.scalars()))
                connection.execute(sa.delete(t.buckets).where(t.buckets.c.bucket_id == target_id))


def _collections_of(kind: str, target_id: str) -> sa.Select[tuple[str]]:
    column = t.collections.c.bucket_id if kind == "bucket" else t.collections.c.collection_id
    return sa.select(t.collections.c.collection_id).where(column == target_id)


def _forget_collections(
    connection: Connection, namespace_id: str, collections: Sequence[str]
) -> None:
    for table in (t.indexed, t.segments, t.collections):
        connection.execute(
            sa.delete(table).where(
                table.c.namespace_id == namespace_id, table.c.collection_id.in_(collections)
            )
        )


def _differences(connection: Connection, task_id: str) -> list[str]:
    """Where counters and items disagree, or an item has not come to its end."""
    columns = t.items.c
    counted: dict[tuple[str, str], int] = {}
    sums: dict[str, Counter[str]] = {}
    for row in connection.execute(
        sa.select(
            columns.collection_id,
            columns.state,
            sa.func.count().label("items"),
            sa.func.sum(columns.documents).label("documents"),
            sa.func.count(columns.read_bytes).label("read"),
            sa.func.coalesce(sa.func.sum(columns.read_bytes), 0).label("read_bytes"),
        )
        .where(columns.task_id == task_id)
        .group_by(columns.collection_id, columns.state)
    ):
        counted[row.collection_id, row.state] = row.items
        here = sums.setdefault(row.collection_id, Counter())
        here.update({name: int(getattr(row, name)) for name in SUMMED})
    wrong: list[str] = []
    for row in connection.execute(sa.select(t.progress).where(t.progress.c.task_id == task_id)):
        collection = row.collection_id
        for name in SUMMED:
            if getattr(row, name) != sums.get(collection, Counter())[name]:
                wrong.append(
                    f"{collection} {name} {getattr(row, name)}, items "
                    f"{sums.get(collection, Counter())[name]}"
                )
        total = sum(n for (c, _), n in counted.items() if c == collection)
        if total != row.total:
            wrong.append(f"{collection} total {row.total}, items {total}")
        for state in COUNTED:
            items = counted.get((collection, state.value), 0)
            counter = getattr(row, state.value)
            if counter != items:
                wrong.append(f"{collection} {state.value} {counter}, items {items}")
        waiting = sum(
            counted.get((collection, s.value), 0) for s in (ItemState.PENDING, ItemState.EXTRACTED)
        )
        if waiting:
            wrong.append(f"{collection} has {waiting} items without an end")
    return wrong + _wrong_failures(connection, task_id)


def _wrong_failures(connection: Connection, task_id: str) -> list[str]:
    """Where the counters of failed items and the failures disagree."""

    def counts(table: sa.Table, number: sa.ColumnElement[int]) -> dict[tuple[str, str], int]:
        columns = table.c
        rows = connection.execute(
            sa.select(columns.collection_id, columns.category, number)
            .where(columns.task_id == task_id)
            .group_by(columns.collection_id, columns.category)
        )
        return {(row[0], row[1]): int(row[2]) for row in rows}

    counters = counts(t.failure_counts, sa.func.sum(t.failure_counts.c["items"]))
    failures = counts(t.failures, sa.func.count())
    return [
        f"{collection} failed for {category} {counters.get((collection, category), 0)}, "
        f"failures {failures.get((collection, category), 0)}"
        for collection, category in sorted(counters.keys() | failures.keys())
        if counters.get((collection, category), 0) != failures.get((collection, category), 0)
    ]


def _totals(connection: Connection, task_id: str) -> Totals:
    names = ("total", "indexed", "skipped", "failed", "canceled", "documents")
    sums = connection.execute(
        sa.select(
            *(sa.func.coalesce(sa.func.sum(t.progress.c[name]), 0).label(name) for name in names)
        ).where(t.progress.c.task_id == task_id)
    ).one()
    task = connection.execute(
        sa.select(t.tasks.c.listed, t.tasks.c.removed).where(t.tasks.c.task_id == task_id)
    ).one()
    return Totals(*(int(value) for value in sums), listed=task.listed, removed=task.removed)
