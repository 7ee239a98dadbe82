"""Rows of the store for SQL in the caller's process: whole tables of one namespace, by columns.

Rows come in pages in the order of a key that never changes, each page a short read of its own. So
a slow reader holds no transaction open and no row comes twice; what changes meanwhile is seen as it
is when its page is read. Times are UTC milliseconds, as stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from workbench.domain.states import Category
from workbench.store import tables as t
from workbench.store.database import Database

PAGE_ROWS = 10_000
Columns = Mapping[str, sa.ColumnElement[Any]]


@dataclass(frozen=True)
class Export:
    """``query`` selects nothing yet; ``columns`` are what it can select. ``key`` is unique."""

    query: sa.Select[Any]
    columns: Columns
    key: sa.ColumnElement[Any]
    time: sa.ColumnElement[Any] | None


class Exports:
    def __init__(self, database: Database) -> None:
        self._database = database

    def pages(
        self,
        table: str,
        namespace_id: str,
        columns: Sequence[str],
        since: int | None = None,
        until: int | None = None,
    ) -> Iterator[dict[str, list[Any]]]:
        """The ``columns`` of ``tasks``, ``items``, ``failures`` or ``objects`` as lists of equal
        length, at most 10,000 rows at a time; ``since`` <= the table's time < ``until``."""
        export = EXPORTS[table](namespace_id)
        key = export.key.label("_key")
        query = export.query.with_only_columns(
            *(export.columns[name].label(name) for name in columns), key, maintain_column_froms=True
        )
        if export.time is not None and since is not None:
            query = query.where(export.time >= since)
        if export.time is not None and until is not None:
            query = query.where(export.time < until)
        query = query.order_by(export.key).limit(PAGE_ROWS)
        page = query
        while True:
            with self._database.read() as connection:
                rows = connection.execute(page).all()
            if rows:
                values = list(zip(*rows, strict=True))
                yield {name: list(values[place]) for place, name in enumerate(columns)}
            if len(rows) < PAGE_ROWS:
                return
            page = query.where(export.key > rows[-1][-1])


def _own(table: sa.Table, *names: str) -> dict[str, sa.ColumnElement[Any]]:
    return {name: table.c[name] for name in names}


_ENDS = ("extracted", "indexed", "skipped", "failed", "canceled")


def _tasks(namespace_id: str) -> Export:
    progress, tasks = t.progress, t.tasks
    sums = (
        sa.select(
            progress.c.task_id,
            *(sa.func.sum(progress.c[name]).label(name) for name in (*_ENDS, "total", "documents")),
        )
        .where(progress.c.namespace_id == namespace_id)
        .group_by(progress.c.task_id)
        .subquery()
    )

    def count(name: str) -> sa.ColumnElement[Any]:
        return sa.cast(sa.func.coalesce(sums.c[name], 0), sa.BigInteger)

    pending = count("total")
    for name in _ENDS:
        pending -= count(name)
    columns = {
        **_own(tasks, "task_id", "kind", "state", "requested", "bucket", "retry_of"),
        **_own(tasks, "listed", "unmatched", "removed", "error_code", "error_message"),
        **_own(tasks, "created_at", "started_at", "ended_at"),
        "total": sa.case((tasks.c.listing_ended, count("total"))),
        "pending": pending,
        **{name: count(name) for name in (*_ENDS, "documents")},
    }
    query = (
        sa.select()
        .select_from(tasks.outerjoin(sums, sums.c.task_id == tasks.c.task_id))
        .where(tasks.c.namespace_id == namespace_id)
    )
    return Export(query, columns, tasks.c.task_id, tasks.c.created_at)


def _items(namespace_id: str) -> Export:
    """Objects keep their rows; a collection that was deleted since is told by its id."""
    items, objects, collections = t.items, t.objects, t.collections
    columns = {
        **_own(items, "task_id", "object_id", "state", "read_bytes", "documents"),
        "object_name": objects.c.name,
        "collection": sa.func.coalesce(collections.c.name, items.c.collection_id),
    }
    query = (
        sa.select()
        .select_from(
            items.outerjoin(objects, objects.c.object_id == items.c.object_id).outerjoin(
                collections, collections.c.collection_id == items.c.collection_id
            )
        )
        .where(items.c.namespace_id == namespace_id)
    )
    return Export(query, columns, items.c.item_id, None)


def _funnel(namespace_id: str) -> Export:
    """A row per task and collection; failed items by category are counters of their own."""
    progress, tasks, collections, failed = t.progress, t.tasks, t.collections, t.failure_counts

    def of(category: Category) -> sa.ColumnElement[Any]:
        count = sa.select(failed.c["items"]).where(
            failed.c.task_id == progress.c.task_id,
            failed.c.collection_id == progress.c.collection_id,
            failed.c.category == category.value,
        )
        return sa.func.coalesce(count.scalar_subquery(), 0)

    columns = {
        **_own(progress, "task_id", "read", "read_bytes", "documents", "indexed", "canceled"),
        "collection": sa.func.coalesce(collections.c.name, progress.c.collection_id),
        "listed": tasks.c.listed,
        "matched": progress.c.total,
        "unchanged": progress.c.skipped,
        "extracted": progress.c.extracted + progress.c.indexed,
        "failed": progress.c.failed,
        **{f"failed_{category.value}": of(category) for category in Category},
    }
    query = (
        sa.select()
        .select_from(
            progress.join(tasks, tasks.c.task_id == progress.c.task_id).outerjoin(
                collections, collections.c.collection_id == progress.c.collection_id
            )
        )
        .where(progress.c.namespace_id == namespace_id)
    )
    key = progress.c.task_id + "/" + progress.c.collection_id
    return Export(query, columns, key, None)


def _failures(namespace_id: str) -> Export:
    failures = t.failures
    columns = _own(
        failures,
        *("failure_id", "task_id", "object_id", "object_name", "collection", "category"),
        *("message", "hint", "stage", "traceback", "retryable", "attempts"),
        *("worker", "digest", "at"),
    )
    query = sa.select().select_from(failures).where(failures.c.namespace_id == namespace_id)
    return Export(query, columns, failures.c.failure_id, failures.c.at)


def _objects(namespace_id: str) -> Export:
    objects, buckets = t.objects, t.buckets
    columns = {
        **_own(objects, "object_id", "mime", "size", "sha256", "version"),
        **_own(objects, "modified_at", "created_at"),
        "object_name": objects.c.name,
        "bucket": buckets.c.name,
    }
    query = (
        sa.select()
        .select_from(objects.join(buckets, buckets.c.bucket_id == objects.c.bucket_id))
        .where(objects.c.namespace_id == namespace_id, objects.c.removed_at.is_(None))
    )
    return Export(query, columns, objects.c.object_id, objects.c.created_at)


EXPORTS: Mapping[str, Callable[[str], Export]] = {
    "tasks": _tasks,
    "items": _items,
    "funnel": _funnel,
    "failures": _failures,
    "objects": _objects,
}
