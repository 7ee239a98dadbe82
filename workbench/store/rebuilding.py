"""The ledger of a rebuild: how far it is, and what it could not read.

The cursor is the last segment of the last collection that is in the index again. It moves, with the
counts, only from where the caller saw it, so that a slice that runs twice counts once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workbench.domain import ids
from workbench.domain.states import Category, Event, TaskState
from workbench.store import tables as t
from workbench.store.database import Database, now_ms
from workbench.store.dialect import upsert
from workbench.store.doubts import doubt
from workbench.store.segments import LiveObject
from workbench.store.statements import add_counts, add_failures, happen, load_task, touch


class Rebuilding:
    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, namespace_id: str, task_id: str, collections: Sequence[str]) -> None:
        """Note how many objects each collection has to be rebuilt."""
        columns = t.indexed.c
        with self._database.write() as connection:
            rows = connection.execute(
                sa.select(columns.collection_id, sa.func.count())
                .where(
                    columns.namespace_id == namespace_id,
                    columns.collection_id.in_(list(collections)),
                )
                .group_by(columns.collection_id)
            ).all()
            totals = [
                {
                    "task_id": task_id,
                    "collection_id": collection_id,
                    "namespace_id": namespace_id,
                    "total": total,
                }
                for collection_id, total in rows
            ]
            upsert(connection, t.progress, totals, update=False)
            connection.execute(_this(namespace_id, task_id).values(listing_ended=True))
            touch(connection, namespace_id, task_id)

    def advance(
        self,
        namespace_id: str,
        task_id: str,
        collection_id: str,
        seen: str | None,
        cursor: str,
        objects: int,
        documents: int,
    ) -> None:
        """A segment is in the index again."""
        with self._database.write() as connection:
            if self._moved(connection, namespace_id, task_id, seen, cursor):
                add_counts(
                    connection,
                    namespace_id,
                    task_id,
                    collection_id,
                    indexed=objects,
                    documents=documents,
                )

    def lost(
        self,
        namespace_id: str,
        task_id: str,
        collection_id: str,
        seen: str | None,
        cursor: str,
        objects: Mapping[str, LiveObject],
        reason: str,
    ) -> None:
        """A segment cannot be read: its objects fail, and the next ingest extracts them again."""
        with self._database.write() as connection:
            if not self._moved(connection, namespace_id, task_id, seen, cursor):
                return
            name = connection.execute(
                sa.select(t.collections.c.name).where(
                    t.collections.c.collection_id == collection_id
                )
            ).scalar_one()
            rows: list[dict[str, Any]] = [
                {
                    "failure_id": ids.new_id(ids.FAILURE),
                    "namespace_id": namespace_id,
                    "task_id": task_id,
                    "object_id": one.object_id,
                    "object_name": one.name,
                    "collection_id": collection_id,
                    "collection": name,
                    "category": Category.INTERNAL.value,
                    "message": reason,
                    "hint": "ingest its source again: it is extracted anew",
                    "stage": "reindex",
                    "retryable": False,
                    "at": now_ms(),
                }
                for one in objects.values()
            ]
            connection.execute(sa.insert(t.failures), rows)
            doubt(connection, collection_id, list(objects))
            add_counts(connection, namespace_id, task_id, collection_id, failed=len(rows))
            counted = {Category.INTERNAL.value: len(rows)}
            add_failures(connection, namespace_id, task_id, collection_id, counted)

    def finish(
        self, namespace_id: str, task_id: str, canceled: bool, note: str | None
    ) -> TaskState:
        """End the task; objects that came or went meanwhile are no part of its total. It fails
        where it has passed over some that were there all the time."""
        columns = t.progress.c
        here = columns.task_id == task_id
        done = columns.indexed + columns.failed
        with self._database.read() as connection:
            wrong = [] if canceled else _passed_over(connection, namespace_id, task_id)
        with self._database.write() as connection:
            task = load_task(connection, namespace_id, task_id)
            if task.state.ended:
                return task.state
            values: dict[str, Any] = {"ended_at": now_ms(), "requested": None, "note": note}
            if canceled:
                rest = sa.case((columns.total > done, columns.total - done), else_=0)
                connection.execute(sa.update(t.progress).where(here).values(canceled=rest))
            elif wrong:
                values |= {
                    "error_code": "counts_differ",
                    "error_message": "the counts do not add up: " + "; ".join(wrong),
                    "error_hint": "reindex again; if it stays, report it with the task's id",
                }
                happen(connection, namespace_id, task_id, Event.FAILED, **values)
                return load_task(connection, namespace_id, task_id).state
            connection.execute(
                sa.update(t.progress).where(here).values(total=done + columns.canceled)
            )
            failed = connection.execute(
                sa.select(sa.func.coalesce(sa.func.sum(columns.failed), 0)).where(here)
            ).scalar_one()
            event = Event.COMPLETED_WITH_ERRORS if failed else Event.COMPLETED
            end = Event.CANCELED if canceled else event
            happen(connection, namespace_id, task_id, end, **values)
            return load_task(connection, namespace_id, task_id).state

    def _moved(
        self, connection: Connection, namespace_id: str, task_id: str, seen: str | None, cursor: str
    ) -> bool:
        here = (
            t.tasks.c.listing_cursor.is_(None) if seen is None else t.tasks.c.listing_cursor == seen
        )
        statement = _this(namespace_id, task_id).where(here).values(listing_cursor=cursor)
        return bool(connection.execute(statement).rowcount)


def _this(namespace_id: str, task_id: str) -> sa.Update:
    return sa.update(t.tasks).where(
        t.tasks.c.namespace_id == namespace_id, t.tasks.c.task_id == task_id
    )


def _passed_over(connection: Connection, namespace_id: str, task_id: str) -> list[str]:
    """Collections in which fewer objects were rebuilt than were there when the task began and have
    not changed since."""
    begun = (
        sa.select(t.tasks.c.started_at)
        .where(t.tasks.c.namespace_id == namespace_id, t.tasks.c.task_id == task_id)
        .scalar_subquery()
    )
    stayed = (
        sa.select(sa.func.count())
        .where(t.indexed.c.collection_id == t.progress.c.collection_id, t.indexed.c.at < begun)
        .scalar_subquery()
    )
    columns = t.progress.c
    name = sa.func.coalesce(t.collections.c.name, columns.collection_id)
    done = columns.indexed + columns.failed
    rows = connection.execute(
        sa.select(name, stayed, done)
        .join(t.collections, t.collections.c.collection_id == columns.collection_id, isouter=True)
        .where(columns.task_id == task_id, stayed > done)
        .order_by(name)
    )
    return [f"{found} has {there:,} objects, {seen:,} were rebuilt" for found, there, seen in rows]
