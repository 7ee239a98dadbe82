"""The outbox: what must still be said to Temporal, oldest first."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from workbench.domain.states import ENDED, TaskState
from workbench.store import tables as t
from workbench.store.database import Database, now_ms


@dataclass(frozen=True)
class Letter:
    outbox_id: int
    namespace_id: str
    task_id: str
    kind: str  # of the task
    action: str
    attempts: int


@dataclass(frozen=True)
class Unended:
    """A task that must have a workflow; ``paused`` when it is, or shall be."""

    namespace_id: str
    task_id: str
    kind: str
    paused: bool


class Outbox:
    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, limit: int = 100) -> list[Letter]:
        statement = (
            sa.select(
                t.outbox.c.outbox_id,
                t.outbox.c.namespace_id,
                t.outbox.c.task_id,
                t.tasks.c.kind,
                t.outbox.c.action,
                t.outbox.c.attempts,
            )
            .join(t.tasks, t.tasks.c.task_id == t.outbox.c.task_id)
            .where(t.outbox.c.done_at.is_(None))
            .order_by(t.outbox.c.outbox_id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [Letter(*row) for row in connection.execute(statement)]

    def unended(self) -> list[Unended]:
        """Tasks that have not ended and whose start was delivered, the oldest first."""
        columns = t.tasks.c
        waits = sa.select(t.outbox.c.task_id).where(
            t.outbox.c.action == "start", t.outbox.c.done_at.is_(None)
        )
        statement = (
            sa.select(columns.namespace_id, columns.task_id, columns.kind, columns.state)
            .add_columns(columns.requested)
            .where(
                columns.state.not_in([state.value for state in ENDED]),
                columns.task_id.not_in(waits),
            )
            .order_by(columns.task_id)
        )
        with self._database.read() as connection:
            return [
                Unended(
                    row.namespace_id,
                    row.task_id,
                    row.kind,
                    row.state == TaskState.PAUSED or row.requested == "pause",
                )
                for row in connection.execute(statement)
            ]

    def done(self, outbox_id: int) -> None:
        with self._database.write() as connection:
            connection.execute(
                sa.update(t.outbox)
                .where(t.outbox.c.outbox_id == outbox_id)
                .values(done_at=now_ms())
            )

    def failed(self, outbox_id: int) -> None:
        with self._database.write() as connection:
            connection.execute(
                sa.update(t.outbox)
                .where(t.outbox.c.outbox_id == outbox_id)
                .values(attempts=t.outbox.c.attempts + 1)
            )
