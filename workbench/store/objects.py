"""Objects: the files that are in their source now. Removed ones are not listed and not found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from workbench.domain.wire import ObjectOut, Page
from workbench.store.conditions import Field
from workbench.store.database import Database
from workbench.store.listing import Listing, PageRequest, fetch
from workbench.store.moments import moment, moment_or_none
from workbench.store.tables import buckets, objects

_LISTING = Listing(
    key=objects.c.object_id,
    fields={
        "object_id": Field(objects.c.object_id),
        "bucket": Field(buckets.c.name),
        "name": Field(objects.c.name),
        "mime": Field(objects.c.mime),
        "size": Field(objects.c.size, "integer"),
        "sha256": Field(objects.c.sha256, nullable=True),
        "version": Field(objects.c.version, "integer"),
        "modified_at": Field(objects.c.modified_at, "time", nullable=True),
        "created_at": Field(objects.c.created_at, "time"),
    },
    sort="name",
)


@dataclass(frozen=True)
class ObjectRow:
    """An object and the source it comes from. ``fingerprint``, ``size`` and ``modified_at`` are of
    the last listing, ``sha256`` and ``version`` of what was last read. Times in UTC ms."""

    object_id: str
    namespace_id: str
    bucket_id: str
    bucket: str
    source_kind: str
    source_uri: str
    name: str
    mime: str
    size: int
    fingerprint: str
    sha256: str | None
    version: int
    modified_at: int | None
    created_at: int

    def wire(self) -> ObjectOut:
        return ObjectOut(
            object_id=self.object_id,
            bucket=self.bucket,
            name=self.name,
            mime=self.mime,
            size=self.size,
            sha256=self.sha256,
            version=self.version,
            modified_at=moment_or_none(self.modified_at),
            created_at=moment(self.created_at),
        )


class Objects:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, namespace_id: str, object_id: str) -> ObjectRow | None:
        query = _present(namespace_id).where(objects.c.object_id == object_id)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _from_row(row)

    def list(
        self, namespace_id: str, request: PageRequest, bucket_id: str | None = None
    ) -> Page[ObjectOut]:
        """By name within one bucket, in the order they came over all of them."""
        query, sort = _present(namespace_id), "object_id"
        if bucket_id is not None:
            query, sort = query.where(objects.c.bucket_id == bucket_id), "name"
        with self._database.read() as connection:
            rows, cursor = fetch(connection, query, _LISTING, request, sort)
        found = [_from_row(row).wire() for row in rows]
        return Page[ObjectOut](results=found, next_cursor=cursor)


def _present(namespace_id: str) -> sa.Select[Any]:
    return (
        sa.select(objects, buckets.c.name.label("bucket"), *_SOURCE)
        .join(buckets, buckets.c.bucket_id == objects.c.bucket_id)
        .where(objects.c.namespace_id == namespace_id)
        .where(objects.c.removed_at.is_(None))
    )


_SOURCE = (buckets.c.source_kind, buckets.c.source_uri)


def _from_row(row: Row[Any]) -> ObjectRow:
    return ObjectRow(
        object_id=row.object_id,
        namespace_id=row.namespace_id,
        bucket_id=row.bucket_id,
        bucket=row.bucket,
        source_kind=row.source_kind,
        source_uri=row.source_uri,
        name=row.name,
        mime=row.mime,
        size=row.size,
        fingerprint=row.fingerprint,
        sha256=row.sha256,
        version=row.version,
        modified_at=row.modified_at,
        created_at=row.created_at,
    )
