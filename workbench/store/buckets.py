"""Buckets, with how many objects they hold now and how many bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from workbench.domain.wire import BucketOut, BucketSource, Page
from workbench.store.conditions import Field
from workbench.store.database import Database
from workbench.store.listing import Listing, PageRequest, fetch
from workbench.store.moments import moment
from workbench.store.tables import buckets, objects

_LISTING = Listing(
    key=buckets.c.bucket_id,
    fields={
        "name": Field(buckets.c.name),
        "created_at": Field(buckets.c.created_at, "time"),
    },
    sort="name",
)


class Buckets:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, namespace_id: str, name_or_id: str) -> BucketOut | None:
        """By id first, then by name."""
        with self._database.read() as connection:
            row = connection.execute(_named(namespace_id, name_or_id)).one_or_none()
            return None if row is None else _with_contents(connection, namespace_id, [row])[0]

    def find(self, namespace_id: str, name_or_id: str) -> str | None:
        """The bucket's id, without counting what it holds."""
        with self._database.read() as connection:
            row = connection.execute(_named(namespace_id, name_or_id)).one_or_none()
        return None if row is None else row.bucket_id

    def list(self, namespace_id: str, request: PageRequest) -> Page[BucketOut]:
        query = sa.select(buckets).where(buckets.c.namespace_id == namespace_id)
        with self._database.read() as connection:
            rows, cursor = fetch(connection, query, _LISTING, request)
            found = _with_contents(connection, namespace_id, rows)
        return Page[BucketOut](results=found, next_cursor=cursor)


def _named(namespace_id: str, name_or_id: str) -> sa.Select[Any]:
    key, name = buckets.c.bucket_id, buckets.c.name
    return (
        sa.select(buckets)
        .where(buckets.c.namespace_id == namespace_id)
        .where(sa.or_(key == name_or_id, name == name_or_id))
        .order_by((key == name_or_id).desc())
        .limit(1)
    )


def _with_contents(
    connection: Connection, namespace_id: str, rows: Sequence[Row[Any]]
) -> list[BucketOut]:
    query = (
        sa.select(
            objects.c.bucket_id,
            sa.func.count().label("objects"),
            sa.func.sum(objects.c.size).label("bytes"),
        )
        .where(objects.c.namespace_id == namespace_id)
        .where(objects.c.bucket_id.in_([row.bucket_id for row in rows]))
        .where(objects.c.removed_at.is_(None))
        .group_by(objects.c.bucket_id)
    )
    contents = {row.bucket_id: (row.objects, int(row.bytes)) for row in connection.execute(query)}
    return [_out(row, *contents.get(row.bucket_id, (0, 0))) for row in rows]


def _out(row: Row[Any], count: int, size: int) -> BucketOut:
    return BucketOut(
        bucket_id=row.bucket_id,
        name=row.name,
        source=BucketSource(kind=row.source_kind, uri=row.source_uri),
        objects=count,
        bytes=size,
        created_at=moment(row.created_at),
    )
