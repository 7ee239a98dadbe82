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
        by_id_first = (buckets.c.bucket_id == name_or_id).desc()
        query = (
            sa.select(buckets)
            .where(buckets.c.namespace_id == namespace_id)
            .where(sa.or_(buckets.c.bucket_id == name_or_id, buckets.c.name == name_or_id))
            .order_by(by_id_first)
            .limit(1)
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
            return None if row is None else _with_contents(connection, namespace_id, [row])[0]

    def list(self, namespace_id: str, request: PageRequest) -> Page[BucketOut]:
        query = sa.select(buckets).where(buckets.c.namespace_id == namespace_id)
        with self._database.read() as connection:
            rows, cursor = fetch(connection, query, _LISTING, request)
            found = _with_contents(connection, namespace_id, rows)
        return Page[BucketOut](results=found, next_cursor=cursor)


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
