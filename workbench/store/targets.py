"""Small look-ups for accepting requests: which bucket something belongs to."""

from __future__ import annotations

import sqlalchemy as sa

from workbench.store import tables as t
from workbench.store.database import Database
from workbench.store.records import BucketRecord


class Targets:
    def __init__(self, database: Database) -> None:
        self._database = database

    def folder_buckets(self, namespace_id: str) -> list[BucketRecord]:
        """The namespace's buckets whose source is a folder."""
        columns = t.buckets.c
        with self._database.read() as connection:
            rows = connection.execute(
                sa.select(t.buckets).where(
                    columns.namespace_id == namespace_id, columns.source_kind == "folder"
                )
            )
            return [
                BucketRecord(
                    row.bucket_id,
                    row.namespace_id,
                    row.name,
                    row.source_kind,
                    row.source_uri,
                    row.chosen,
                )
                for row in rows
            ]

    def bucket_of(self, namespace_id: str, kind: str, target_id: str) -> str | None:
        """The bucket's id of a bucket, collection or object; None when there is no such thing."""
        table, key = {
            "bucket": (t.buckets, t.buckets.c.bucket_id),
            "collection": (t.collections, t.collections.c.collection_id),
            "object": (t.objects, t.objects.c.object_id),
        }[kind]
        with self._database.read() as connection:
            return connection.execute(
                sa.select(table.c.bucket_id).where(
                    table.c.namespace_id == namespace_id, key == target_id
                )
            ).scalar()
