"""Rows put straight into the tables, for tests of what reads them."""

from __future__ import annotations

from itertools import count
from typing import Any

import sqlalchemy as sa

from workbench.domain import ids
from workbench.store import tables as t
from workbench.store.database import Database

START = 1_760_000_000_000  # UTC ms


class Rows:
    """Each method inserts one row and returns its id; keywords replace the defaults."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._clock = count(START)

    def namespace(self, name: str) -> str:
        key = ids.new_id(ids.NAMESPACE)
        self._insert(t.namespaces, namespace_id=key, name=name)
        return key

    def bucket(self, namespace_id: str, name: str, uri: str = "file:///media", **more: Any) -> str:
        key = ids.new_id(ids.BUCKET)
        self._insert(
            t.buckets,
            bucket_id=key,
            namespace_id=namespace_id,
            name=name,
            source_kind="folder",
            source_uri=uri,
            **more,
        )
        return key

    def object(self, namespace_id: str, bucket_id: str, name: str, **more: Any) -> str:
        key = ids.new_id(ids.OBJECT)
        values: dict[str, Any] = {
            "mime": "text/plain",
            "size": 10,
            "fingerprint": "f",
            "version": 1,
            **more,
        }
        self._insert(
            t.objects,
            object_id=key,
            namespace_id=namespace_id,
            bucket_id=bucket_id,
            name=name,
            **values,
        )
        return key

    def collection(
        self, namespace_id: str, bucket_id: str, name: str, extractor: str = "text@1", **more: Any
    ) -> str:
        key = ids.new_id(ids.COLLECTION)
        values: dict[str, Any] = {
            "parameters": {"size": 3},
            "digest": "d" * 16,
            "revision": 1,
            "space": "text_v1_00000000",
            **more,
        }
        self._insert(
            t.collections,
            collection_id=key,
            namespace_id=namespace_id,
            bucket_id=bucket_id,
            name=name,
            extractor=extractor,
            **values,
        )
        return key

    def task(self, namespace_id: str, **more: Any) -> str:
        key = ids.new_id(ids.TASK)
        values: dict[str, Any] = {"kind": "ingest", "state": "IN_PROGRESS", "request": {}, **more}
        self._insert(t.tasks, task_id=key, namespace_id=namespace_id, **values)
        return key

    def progress(self, namespace_id: str, task_id: str, collection_id: str, **counts: int) -> None:
        values = {"task_id": task_id, "collection_id": collection_id, **counts}
        self._insert(t.progress, namespace_id=namespace_id, **values)

    def failure(self, namespace_id: str, task_id: str, object_name: str, **more: Any) -> str:
        key = ids.new_id(ids.FAILURE)
        values: dict[str, Any] = {
            "object_id": ids.new_id(ids.OBJECT),
            "collection_id": "col_1",
            "collection": "b.text",
            "category": "format",
            "message": "it is cut off",
            "stage": "decode",
            "retryable": False,
            **more,
        }
        self._insert(
            t.failures,
            failure_id=key,
            namespace_id=namespace_id,
            task_id=task_id,
            object_name=object_name,
            **values,
        )
        return key

    def indexed(
        self, namespace_id: str, object_id: str, collection_id: str, documents: int
    ) -> None:
        self._insert(
            t.indexed,
            object_id=object_id,
            collection_id=collection_id,
            namespace_id=namespace_id,
            fingerprint="f",
            sha256="0" * 64,
            digest="d" * 16,
            segment_id="chk_1",
            task_id="tsk_1",
            chunk_id="chk_1",
            space="text_v1_00000000",
            documents=documents,
        )

    def _insert(self, table: sa.Table, **values: Any) -> None:
        time = "at" if "at" in table.c else "created_at"
        if time in table.c:
            values.setdefault(time, next(self._clock))
        with self.database.write() as connection:
            connection.execute(sa.insert(table), values)
