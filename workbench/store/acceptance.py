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
from workbench.domain.states import REQUESTS, Request, TaskKind
from workbench.store import tables as t
from workbench.store.database import Database, now_ms
from workbench.store.records import BucketRecord, CollectionRecord, TaskRecord
from workbench.store.retrying import Selection, retry
from workbench.store.revisions import earlier_with
from workbench.store.statements import (
    bucket_by_id,
    bucket_record,
    happen,
    load_task,
    new_task,
    note_state,
    say,
)
from workbench.store.unended import refuse_beside_delete, unended
from workbench.store.uploads import remove_others


@dataclass(frozen=True)
class Recipe:
    """A collection as it is asked for. With ``keep`` one that is there stays as it is. ``retry``
    are the settings of the retry policy of one that is made. ``over``: the digest of the revision
    whose parameters these go on top of, empty where there was none; None replaces any."""

    extractor: str  # name@version
    name: str  # the extractor's name, the second half of the collection's
    parameters: Mapping[str, Any]
    digest: str
    space: str
    keep: bool = False
    retry: Mapping[str, Any] = field(default_factory=dict[str, Any])
    over: str | None = None


class CollectionChanged(Exception):
    """Somebody has changed a collection since one looked at its parameters."""


@dataclass(frozen=True)
class IngestOrder:
    """``recipes`` None: the bucket's collections, or the defaults as files are met. ``retry``
    changes the retry policy of the collections: of those of ``recipes``, or of all. ``round``:
    uploaded objects that were not offered since it began are removed."""

    bucket: str
    source_kind: str
    source_uri: str
    request: Mapping[str, Any]
    recipes: Sequence[Recipe] | None = None
    changed: Sequence[Recipe] = field(default_factory=list[Recipe])
    retry: Mapping[str, Any] = field(default_factory=dict[str, Any])
    round: str | None = None


@dataclass(frozen=True)
class Scope:
    """A bucket, a collection, or everything."""

    bucket_id: str | None = None
    collection_id: str | None = None


class Acceptance:
    def __init__(self, database: Database) -> None:
        self._database = database

    def ingest(self, namespace_id: str, order: IngestOrder, key: str | None) -> str:
        """Accept an ingest; returns the task's id. Raises ``bucket_source_conflict`` when the
        bucket has another source, and ``CollectionChanged``."""
        with self._database.write() as connection:
            known = _known(connection, namespace_id, key)
            if known:
                return known
            bucket = ensure_bucket(connection, namespace_id, order)
            refuse_beside_delete(connection, namespace_id, [bucket.bucket_id])
            for recipe in [*(order.recipes or ()), *order.changed]:
                ensure_collection(connection, bucket, recipe)
            if order.retry:
                _set_retry(connection, bucket, order)
            task_id = new_task(
                connection,
                namespace_id,
                TaskKind.INGEST,
                order.request,
                bucket=bucket,
                key=key,
            )
            if order.round is not None:
                scope = order.request.get("scope", "")
                remove_others(
                    connection, namespace_id, bucket.bucket_id, task_id, scope, order.round
                )
            return task_id

    def retry(self, namespace_id: str, task_id: str, selection: Selection) -> str:
        """A new task of the failed items of an ended one that are in the selection."""
        with self._database.write() as connection:
            return retry(connection, namespace_id, task_id, selection)

    def delete(self, namespace_id: str, kind: str, target_id: str, bucket_id: str) -> str:
        """A task that deletes a bucket, a collection or an object of ``bucket_id``. Refused while
        an ingest works on the bucket. An object that is uploaded anew meanwhile stays."""
        with self._database.write() as connection:
            bucket = bucket_by_id(connection, namespace_id, bucket_id)
            several = sa.and_(t.tasks.c.kind == TaskKind.REINDEX, t.tasks.c.bucket_id.is_(None))
            here = sa.or_(t.tasks.c.bucket_id == bucket_id, several)
            running = connection.execute(unended(namespace_id, here)).scalar()
            if running:
                raise WorkbenchError(
                    Code.CONFLICT,
                    f"task {running} works on bucket {bucket.name!r}",
                    f"wait for it, or cancel it: mixpeek cancel {running}",
                )
            request = {"kind": kind, "id": target_id}
            task_id = new_task(connection, namespace_id, TaskKind.DELETE, request, bucket=bucket)
            if kind == "object":
                row = {"task_id": task_id, "object_id": target_id, "namespace_id": namespace_id}
                connection.execute(sa.insert(t.removals).values(row))
            return task_id

    def reindex(self, namespace_id: str, scope: Scope, compact: bool) -> str:
        """A task that rebuilds the index of the collections in scope. Raises ``not_found`` where
        there is none."""
        columns = t.collections.c
        where = [columns.namespace_id == namespace_id]
        if scope.bucket_id is not None:
            where.append(columns.bucket_id == scope.bucket_id)
        if scope.collection_id is not None:
            where.append(columns.collection_id == scope.collection_id)
        with self._database.write() as connection:
            rows = connection.execute(
                sa.select(columns.collection_id, columns.bucket_id).where(*where)
            ).all()
            if not rows:
                raise WorkbenchError(
                    Code.NOT_FOUND, "there is no collection to rebuild", "mixpeek collections"
                )
            buckets = sorted({row.bucket_id for row in rows})
            refuse_beside_delete(connection, namespace_id, buckets)
            bucket = bucket_by_id(connection, namespace_id, buckets[0])
            request = {
                "collections": sorted(row.collection_id for row in rows),
                "buckets": buckets,
                "compact": compact,
            }
            one = bucket if len(buckets) == 1 else None
            return new_task(connection, namespace_id, TaskKind.REINDEX, request, bucket=one)

    def ask(self, namespace_id: str, task_id: str, request: Request) -> None:
        """Note what a person wants of the task; the relay tells the workflow. Raises
        ``task_ended``, and ``conflict`` for what cannot be asked of the task as it is."""
        with self._database.write() as connection:
            task = load_task(connection, namespace_id, task_id)
            before = Request(task.requested) if task.requested else None
            asked = REQUESTS.get((request, task.state, before))
            only_ingests = request is not Request.CANCEL
            if asked is None or (only_ingests and task.kind is not TaskKind.INGEST):
                raise _refused(task, request)
            values = {"requested": asked.requested}
            if asked.event is not None:
                happen(connection, namespace_id, task_id, asked.event, **values)
            elif asked.requested != before:
                connection.execute(
                    sa.update(t.tasks)
                    .where(t.tasks.c.namespace_id == namespace_id, t.tasks.c.task_id == task_id)
                    .values(**values, sequence=t.tasks.c.sequence + 1)
                )
                note_state(connection, namespace_id, task_id)
            if asked.tell:
                say(connection, namespace_id, task_id, request)


def _refused(task: TaskRecord, request: Request) -> WorkbenchError:
    name = f"task {task.task_id}"
    if task.state.ended:
        message = f"{name} has ended: {task.state}"
        return WorkbenchError(Code.TASK_ENDED, message, "an ended task never changes")
    if task.kind is not TaskKind.INGEST:
        hint = "mixpeek wait shows its end"
        message = f"{name} is no ingest but a {task.kind}: that is not paused"
        return WorkbenchError(Code.CONFLICT, message, hint)
    if task.requested == Request.CANCEL:
        hint = "what is indexed stays; ingest again for the rest"
        return WorkbenchError(Code.CONFLICT, f"{name} is being canceled", hint)
    if request is Request.PAUSE:
        hint = f"mixpeek resume {task.task_id} lets it go on"
        return WorkbenchError(Code.CONFLICT, f"{name} is paused already", hint)
    hint = f"only a paused task can go on: mixpeek pause {task.task_id}"
    return WorkbenchError(Code.CONFLICT, f"{name} is not paused", hint)


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
    bucket = bucket_record(row)
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
    when the digest differs, or as it was. Raises ``CollectionChanged`` where the recipe builds on
    another revision."""
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
    if recipe.over is not None and recipe.over != (row.digest if row is not None else ""):
        raise CollectionChanged(name)
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
        values = {**record.__dict__, "retry": dict(recipe.retry), "created_at": now_ms()}
        connection.execute(sa.insert(t.collections).values(values))
    else:
        connection.execute(
            sa.update(t.collections)
            .where(t.collections.c.collection_id == record.collection_id)
            .values({**record.__dict__, "earlier": earlier_with(row, record.space)})
        )
    return record


def _set_retry(connection: Connection, bucket: BucketRecord, order: IngestOrder) -> None:
    """The settings that are given, on top of those that each collection has."""
    columns = t.collections.c
    here = sa.and_(
        columns.namespace_id == bucket.namespace_id, columns.bucket_id == bucket.bucket_id
    )
    if order.recipes is not None:
        here &= columns.name.in_([f"{bucket.name}.{recipe.name}" for recipe in order.recipes])
    rows = connection.execute(sa.select(columns.collection_id, columns.retry).where(here)).all()
    for collection_id, present in rows:
        connection.execute(
            sa.update(t.collections)
            .where(columns.collection_id == collection_id)
            .values(retry={**present, **order.retry})
        )


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
