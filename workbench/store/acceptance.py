"""Accepting a request: the task, what it needs, and the word to Temporal, in one transaction.

When ``accept`` returns, the request is on disk and will be carried out, whatever dies next. A
second request under the same idempotency key gives the first one's task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workbench.domain import ids
from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.states import ENDED, ItemState, TaskKind, TaskState
from workbench.store import tables as t
from workbench.store.database import Database, now_ms
from workbench.store.records import BucketRecord, CollectionRecord


@dataclass(frozen=True)
class Recipe:
    """A collection as it is asked for. ``parameters`` None keeps those of the present revision."""

    extractor: str  # name@version
    name: str  # the extractor's name, the second half of the collection's
    parameters: Mapping[str, Any]
    digest: str
    space: str
    keep: bool = False


@dataclass(frozen=True)
class IngestOrder:
    """``recipes`` None: the bucket's collections, or the defaults as files are met."""

    bucket: str
    source_kind: str
    source_uri: str
    request: Mapping[str, Any]
    recipes: Sequence[Recipe] | None = None
    changed: Sequence[Recipe] = field(default_factory=list[Recipe])


class Acceptance:
    def __init__(self, database: Database) -> None:
        self._database = database

    def ingest(self, namespace_id: str, order: IngestOrder, key: str | None) -> str:
        """Accept an ingest; returns the task's id. Raises ``bucket_source_conflict`` when the
        bucket has another source."""
        with self._database.write() as connection:
            known = _known(connection, namespace_id, key)
            if known:
                return known
            bucket = ensure_bucket(connection, namespace_id, order)
            for recipe in [*(order.recipes or ()), *order.changed]:
                ensure_collection(connection, bucket, recipe)
            return _task(
                connection,
                namespace_id,
                TaskKind.INGEST,
                order.request,
                bucket=bucket,
                key=key,
            )

    def retry(self, namespace_id: str, task_id: str) -> str:
        """A new task of the failed items of an ended one."""
        with self._database.write() as connection:
            task = connection.execute(
                sa.select(t.tasks).where(
                    t.tasks.c.namespace_id == namespace_id, t.tasks.c.task_id == task_id
                )
            ).one()
            if TaskState(task.state) not in ENDED:
                raise WorkbenchError(
                    Code.CONFLICT,
                    f"task {task_id} has not ended",
                    "wait for it, then retry what failed",
                )
            failed = sa.and_(
                t.items.c.namespace_id == namespace_id,
                t.items.c.task_id == task_id,
                t.items.c.state == ItemState.FAILED,
            )
            counts = connection.execute(
                sa.select(t.items.c.collection_id, sa.func.count())
                .where(failed)
                .group_by(t.items.c.collection_id)
            ).all()
            if not counts:
                raise WorkbenchError(
                    Code.CONFLICT,
                    f"task {task_id} has no failed items",
                    "there is nothing to retry",
                )
            bucket = bucket_by_id(connection, namespace_id, task.bucket_id)
            new = _task(
                connection,
                namespace_id,
                TaskKind.INGEST,
                task.request,
                bucket=bucket,
                retry_of=task_id,
            )
            connection.execute(
                sa.insert(t.items).from_select(
                    ["namespace_id", "task_id", "collection_id", "object_id", "state"],
                    sa.select(
                        t.items.c.namespace_id,
                        sa.literal(new),
                        t.items.c.collection_id,
                        t.items.c.object_id,
                        sa.literal(ItemState.PENDING.value),
                    ).where(failed),
                )
            )
            connection.execute(
                sa.insert(t.progress),
                [
                    {
                        "task_id": new,
                        "collection_id": collection_id,
                        "namespace_id": namespace_id,
                        "total": count,
                    }
                    for collection_id, count in counts
                ],
            )
            connection.execute(
                sa.update(t.tasks)
                .where(t.tasks.c.task_id == new)
                .values(
                    listing_ended=True,
                    listed=sa.select(sa.func.count(sa.distinct(t.items.c.object_id)))
                    .where(t.items.c.task_id == new)
                    .scalar_subquery(),
                )
            )
            return new

    def delete(self, namespace_id: str, kind: str, target_id: str, bucket_id: str) -> str:
        """A task that deletes a bucket, a collection or an object of ``bucket_id``. Refused while
        an ingest works on the bucket."""
        with self._database.write() as connection:
            bucket = bucket_by_id(connection, namespace_id, bucket_id)
            running = connection.execute(
                sa.select(t.tasks.c.task_id).where(
                    t.tasks.c.namespace_id == namespace_id,
                    t.tasks.c.bucket_id == bucket_id,
                    t.tasks.c.state.not_in([str(state) for state in ENDED]),
                )
            ).scalar()
            if running:
                raise WorkbenchError(
                    Code.CONFLICT,
                    f"task {running} works on bucket {bucket.name!r}",
                    f"wait for it, or cancel it: mixpeek cancel {running}",
                )
            request = {"kind": kind, "id": target_id}
            return _task(connection, namespace_id, TaskKind.DELETE, request, bucket=bucket)

    def ask(self, namespace_id: str, task_id: str, action: str) -> None:
        """Note that a person wants the task canceled; the relay tells the workflow."""
        with self._database.write() as connection:
            changed = connection.execute(
                sa.update(t.tasks)
                .where(
                    t.tasks.c.namespace_id == namespace_id,
                    t.tasks.c.task_id == task_id,
                    t.tasks.c.state.not_in([str(state) for state in ENDED]),
                )
                .values(requested=action, sequence=t.tasks.c.sequence + 1)
            )
            if not changed.rowcount:
                raise WorkbenchError(
                    Code.TASK_ENDED, f"task {task_id} has ended", "an ended task never changes"
                )
            _say(connection, namespace_id, task_id, action)


def ensure_bucket(connection: Connection, namespace_id: str, order: IngestOrder) -> BucketRecord:
    row = connection.execute(
        sa.select(t.buckets).where(
            t.buckets.c.namespace_id == namespace_id, t.buckets.c.name == order.bucket
        )
    ).one_or_none()
    if row is None:
        bucket = BucketRecord(
            ids.new_id(ids.BUCKET),
            namespace_id,
            order.bucket,
            order.source_kind,
            order.source_uri,
            order.recipes is not None,
        )
        values = {**bucket.__dict__, "created_at": now_ms()}
        connection.execute(sa.insert(t.buckets).values(values))
        return bucket
    bucket = _bucket(row)
    if (bucket.source_kind, bucket.source_uri) != (order.source_kind, order.source_uri):
        raise WorkbenchError(
            Code.BUCKET_SOURCE_CONFLICT,
            f"bucket {bucket.name!r} holds {bucket.source_uri}, not {order.source_uri}",
            "give the new source a bucket of its own: --bucket NAME",
        )
    if order.recipes is not None and not bucket.chosen:
        connection.execute(
            sa.update(t.buckets)
            .where(t.buckets.c.bucket_id == bucket.bucket_id)
            .values(chosen=True)
        )
    return bucket


def ensure_collection(
    connection: Connection, bucket: BucketRecord, recipe: Recipe
) -> CollectionRecord:
    """The bucket's collection of this extractor, as the recipe wants it: made, or in a new revision
    when the digest differs, or as it was."""
    name = f"{bucket.name}.{recipe.name}"
    row = connection.execute(
        sa.select(t.collections).where(
            t.collections.c.namespace_id == bucket.namespace_id, t.collections.c.name == name
        )
    ).one_or_none()
    if row is not None:
        present = _collection(row)
        if recipe.keep or present.digest == recipe.digest:
            return present
    record = CollectionRecord(
        collection_id=row.collection_id if row is not None else ids.new_id(ids.COLLECTION),
        namespace_id=bucket.namespace_id,
        bucket_id=bucket.bucket_id,
        name=name,
        extractor=recipe.extractor,
        parameters=dict(recipe.parameters),
        digest=recipe.digest,
        revision=row.revision + 1 if row is not None else 1,
        space=recipe.space,
    )
    if row is None:
        values = {**record.__dict__, "created_at": now_ms()}
        connection.execute(sa.insert(t.collections).values(values))
    else:
        connection.execute(
            sa.update(t.collections)
            .where(t.collections.c.collection_id == record.collection_id)
            .values(record.__dict__)
        )
    return record


def bucket_by_id(connection: Connection, namespace_id: str, bucket_id: str) -> BucketRecord:
    row = connection.execute(
        sa.select(t.buckets).where(
            t.buckets.c.namespace_id == namespace_id, t.buckets.c.bucket_id == bucket_id
        )
    ).one_or_none()
    if row is None:
        raise WorkbenchError(
            Code.NOT_FOUND, "the task's bucket has been deleted", "ingest its source again"
        )
    return _bucket(row)


def bucket_collections(
    connection: Connection, namespace_id: str, bucket_id: str
) -> list[CollectionRecord]:
    rows = connection.execute(
        sa.select(t.collections)
        .where(
            t.collections.c.namespace_id == namespace_id,
            t.collections.c.bucket_id == bucket_id,
        )
        .order_by(t.collections.c.name)
    )
    return [_collection(row) for row in rows]


def _bucket(row: Any) -> BucketRecord:
    return BucketRecord(
        row.bucket_id, row.namespace_id, row.name, row.source_kind, row.source_uri, row.chosen
    )


def _collection(row: Any) -> CollectionRecord:
    return CollectionRecord(
        row.collection_id,
        row.namespace_id,
        row.bucket_id,
        row.name,
        row.extractor,
        row.parameters,
        row.digest,
        row.revision,
        row.space,
    )


def _known(connection: Connection, namespace_id: str, key: str | None) -> str | None:
    if key is None:
        return None
    return connection.execute(
        sa.select(t.tasks.c.task_id).where(
            t.tasks.c.namespace_id == namespace_id, t.tasks.c.idempotency_key == key
        )
    ).scalar()


def _task(
    connection: Connection,
    namespace_id: str,
    kind: TaskKind,
    request: Mapping[str, Any],
    *,
    bucket: BucketRecord,
    key: str | None = None,
    retry_of: str | None = None,
) -> str:
    task_id = ids.new_id(ids.TASK)
    connection.execute(
        sa.insert(t.tasks).values(
            task_id=task_id,
            namespace_id=namespace_id,
            kind=kind,
            state=TaskState.PENDING,
            bucket_id=bucket.bucket_id,
            bucket=bucket.name,
            retry_of=retry_of,
            request=dict(request),
            idempotency_key=key,
            created_at=now_ms(),
        )
    )
    _say(connection, namespace_id, task_id, "start")
    return task_id


def _say(connection: Connection, namespace_id: str, task_id: str, action: str) -> None:
    connection.execute(
        sa.insert(t.outbox).values(
            namespace_id=namespace_id, task_id=task_id, action=action, created_at=now_ms()
        )
    )
