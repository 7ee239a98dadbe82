"""Rows that only say how an ended task came to its end: forgotten when it ended long ago.

A task that runs every night would leave a row an object each time. What stays: the task with its
counts and states, its failures, and the failed items, which can be retried. Rows go in bounded
pieces, each a short transaction, so whoever waits to write does not wait long.
"""

from __future__ import annotations

import sqlalchemy as sa

from workbench.domain.states import ItemState
from workbench.store import tables as t
from workbench.store.database import Database

AT_ONCE = 5000


class Retention:
    """``at_once`` rows of a kind go in one transaction."""

    def __init__(self, database: Database, at_once: int = AT_ONCE) -> None:
        self._database = database
        self._at_once = at_once

    def forget(self, namespace_id: str, before: int) -> int:
        """Delete one piece of each kind of row of tasks that ended before that moment (UTC
        milliseconds); how many rows went. 0: there are no more."""
        old = sa.select(t.tasks.c.task_id).where(
            t.tasks.c.namespace_id == namespace_id, t.tasks.c.ended_at < before
        )
        return sum(
            self._delete(key, rest, old)
            for key, rest in (
                (t.items.c.item_id, t.items.c.state != ItemState.FAILED),
                (t.chunks.c.chunk_id, sa.true()),
                (t.outbox.c.outbox_id, t.outbox.c.done_at.is_not(None)),
            )
        )

    def _delete(
        self,
        key: sa.ColumnElement[str] | sa.ColumnElement[int],
        rest: sa.ColumnElement[bool],
        old: sa.Select[tuple[str]],
    ) -> int:
        table = key.table
        ids = sa.select(key).where(table.c.task_id.in_(old), rest).limit(self._at_once)
        with self._database.write() as connection:
            found = list(connection.execute(ids).scalars())
            if found:
                connection.execute(sa.delete(table).where(key.in_(found)))
        return len(found)
