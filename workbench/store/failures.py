"""Failures of a task: a row per item that failed, with why and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from workbench.domain.states import Category
from workbench.domain.wire import FailureOut, Page
from workbench.store.conditions import Field
from workbench.store.database import Database
from workbench.store.listing import Listing, PageRequest, fetch
from workbench.store.moments import moment
from workbench.store.tables import failures

#: What failures can be filtered and sorted by.
FIELDS: Mapping[str, Field] = {
    "object_id": Field(failures.c.object_id),
    "object_name": Field(failures.c.object_name),
    "collection": Field(failures.c.collection),
    "category": Field(failures.c.category),
    "message": Field(failures.c.message),
    "stage": Field(failures.c.stage),
    "retryable": Field(failures.c.retryable, "bool"),
    "at": Field(failures.c.at, "time"),
    "attempts": Field(failures.c.attempts, "integer"),
    "worker": Field(failures.c.worker, nullable=True),
    "digest": Field(failures.c.digest, nullable=True),
}
_LISTING = Listing(key=failures.c.failure_id, fields=FIELDS, sort="object_name")


class Failures:
    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, namespace_id: str, task_id: str, request: PageRequest) -> Page[FailureOut]:
        query = (
            sa.select(failures)
            .where(failures.c.namespace_id == namespace_id)
            .where(failures.c.task_id == task_id)
        )
        with self._database.read() as connection:
            rows, cursor = fetch(connection, query, _LISTING, request)
        return Page[FailureOut](results=[_out(row) for row in rows], next_cursor=cursor)


def _out(row: Row[Any]) -> FailureOut:
    return FailureOut(
        failure_id=row.failure_id,
        task_id=row.task_id,
        object_id=row.object_id,
        object_name=row.object_name,
        collection=row.collection,
        category=Category(row.category),
        message=row.message,
        hint=row.hint,
        stage=row.stage,
        traceback=row.traceback,
        retryable=row.retryable,
        attempts=row.attempts,
        worker=row.worker,
        digest=row.digest,
        at=moment(row.at),
    )
