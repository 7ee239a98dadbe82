"""Why an object is, or is not, searchable: what its rows say, put into words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from workbench.domain.states import ItemState
from workbench.domain.wire import (
    ExplainedCollection,
    ExplainedTask,
    ExplainOut,
    ObjectOut,
    SearchableOut,
)
from workbench.store import tables as t
from workbench.store.database import Database
from workbench.store.moments import moment, moment_or_none

#: Tasks that are explained for each collection.
LAST = 5
#: Whether an extractor (``name@version``) takes a MIME type.
Takes = Callable[[str, str], bool]


class Explanations:
    def __init__(self, database: Database, takes: Takes) -> None:
        self._database = database
        self._takes = takes

    def of(self, namespace_id: str, object_id: str) -> ExplainOut | None:
        """Everything about the object, also when it was removed; None when there is none."""
        with self._database.read() as connection:
            row = connection.execute(
                sa.select(t.objects, t.buckets.c.name.label("bucket"))
                .outerjoin(t.buckets, t.buckets.c.bucket_id == t.objects.c.bucket_id)
                .where(t.objects.c.namespace_id == namespace_id, t.objects.c.object_id == object_id)
            ).one_or_none()
            if row is None:
                return None
            collections = connection.execute(
                sa.select(t.collections)
                .where(
                    t.collections.c.namespace_id == namespace_id,
                    t.collections.c.bucket_id == row.bucket_id,
                )
                .order_by(t.collections.c.name)
            ).all()
            explained = [self._collection(connection, row, each) for each in collections]
        return ExplainOut(
            object=_object(row),
            removed_at=moment_or_none(row.removed_at),
            listed=_listed(row, any(one.takes for one in explained)),
            collections=explained,
        )

    def _collection(
        self, connection: Connection, row: Row[Any], collection: Row[Any]
    ) -> ExplainedCollection:
        indexed = connection.execute(
            sa.select(t.indexed).where(
                t.indexed.c.object_id == row.object_id,
                t.indexed.c.collection_id == collection.collection_id,
            )
        ).one_or_none()
        takes = self._takes(collection.extractor, row.mime)
        tasks = _last(connection, row.object_id, collection.collection_id)
        origin = _origin(connection, indexed)
        return ExplainedCollection(
            collection=collection.name,
            extractor=collection.extractor,
            digest=collection.digest,
            takes=takes,
            searchable=_searchable(row, indexed),
            next=_next(row, collection, indexed, takes, tasks),
            tasks=[
                ExplainedTask(
                    task_id=item.task_id,
                    at=moment(item.created_at),
                    state=item.state,
                    why=_why(item, indexed, origin),
                )
                for item in tasks
            ],
        )


def _object(row: Row[Any]) -> ObjectOut:
    return ObjectOut(
        object_id=row.object_id,
        bucket=row.bucket or "",
        name=row.name,
        mime=row.mime,
        size=row.size,
        sha256=row.sha256,
        version=row.version,
        modified_at=moment_or_none(row.modified_at),
        created_at=moment(row.created_at),
    )


def _searchable(row: Row[Any], indexed: Row[Any] | None) -> SearchableOut | None:
    if indexed is None:
        return None
    return SearchableOut(
        sha256=indexed.sha256,
        version=row.version if indexed.sha256 == row.sha256 else None,
        digest=indexed.digest,
        segment_id=indexed.segment_id,
        documents=indexed.documents,
        at=moment(indexed.at),
        task_id=indexed.task_id,
        reused=indexed.reused,
    )


def _last(connection: Connection, object_id: str, collection_id: str) -> Sequence[Any]:
    """Items of the last tasks, the newest first, with their tasks and failures."""
    items, failures = t.items.c, t.failures.c
    query = (
        sa.select(
            items.task_id,
            items.state,
            items.chunk_id,
            t.tasks.c.created_at,
            t.tasks.c.retry_of,
            failures.message,
            failures.hint,
        )
        .join(t.tasks, t.tasks.c.task_id == items.task_id)
        .outerjoin(
            t.failures,
            sa.and_(
                failures.task_id == items.task_id,
                failures.collection_id == items.collection_id,
                failures.object_id == items.object_id,
            ),
        )
        .where(items.object_id == object_id, items.collection_id == collection_id)
        .order_by(items.item_id.desc())
        .limit(LAST)
    )
    return connection.execute(query).all()


def _origin(connection: Connection, indexed: Row[Any] | None) -> str | None:
    """BUCKET/NAME of the object whose documents were taken over, its id where it is forgotten."""
    if indexed is None or not indexed.reused:
        return None
    row = connection.execute(
        sa.select(t.buckets.c.name.label("bucket"), t.objects.c.name)
        .join(t.buckets, t.buckets.c.bucket_id == t.objects.c.bucket_id)
        .where(t.objects.c.object_id == indexed.reused)
    ).one_or_none()
    return indexed.reused if row is None else f"{row.bucket}/{row.name}"


# ---- words ---------------------------------------------------------------------------------------


def _listed(row: Row[Any], taken: bool) -> str:
    if row.removed_at is not None:
        return f"gone since {_time(row.removed_at)}: the source no longer had it, or it was deleted"
    changed = f", changed {_time(row.modified_at)}" if row.modified_at is not None else ""
    seen = f"{row.mime}, {row.size:,} bytes{changed}"
    return seen if taken else f"{seen}; no collection of the bucket takes {row.mime}"


def _next(
    row: Row[Any],
    collection: Row[Any],
    indexed: Row[Any] | None,
    takes: bool,
    tasks: Sequence[Any],
) -> str:
    """What an ingest would do with the object as the last listing saw it."""
    if row.removed_at is not None:
        return "nothing: the object is gone"
    if not takes:
        return f"nothing: {collection.extractor} does not take {row.mime}"
    if indexed is None:
        failed = bool(tasks) and tasks[0].state == ItemState.FAILED
        return "it would try again what failed" if failed else "it would be extracted"
    if not indexed.digest:
        return "it would be extracted: its documents or their segment may be lost"
    if indexed.digest != collection.digest:
        change = f"{indexed.digest} → {collection.digest}"
        return f"it would be extracted: parameters changed, digest {change}"
    if indexed.fingerprint != row.fingerprint:
        return "it would be read: size or time of the file changed since it was extracted"
    return f"nothing: unchanged since {_time(indexed.at)}"


def _why(item: Row[Any], indexed: Row[Any] | None, origin: str | None) -> str:
    match item.state:
        case ItemState.SKIPPED if item.chunk_id is None:
            return "not extracted: size and time of the file unchanged, same parameters"
        case ItemState.SKIPPED:
            return "not extracted: read, and its content is the same as before"
        case ItemState.FAILED:
            hint = f" ({item.hint})" if item.hint else ""
            return f"failed: {item.message or 'no reason was kept'}{hint}"
        case ItemState.CANCELED:
            return "not extracted: the task was canceled, or the object removed, before"
        case ItemState.INDEXED if indexed is not None and indexed.chunk_id == item.chunk_id:
            return _made(item, indexed, origin)
        case ItemState.INDEXED:
            return "extracted; replaced or removed since"
        case ItemState.EXTRACTED:
            return "extracted, about to be indexed"
        case _:
            return "waits for its extraction"


def _made(item: Row[Any], indexed: Row[Any], origin: str | None) -> str:
    """How the documents that are searchable now came to be, and what for."""
    if indexed.before_digest and indexed.before_digest != indexed.digest:
        reason = f"parameters changed, digest {indexed.before_digest} → {indexed.digest}"
    elif indexed.before_digest == "":
        reason = "its documents or their segment may have been lost"
    elif indexed.before_sha256 and indexed.before_sha256 != indexed.sha256:
        reason = f"content changed, {indexed.before_sha256[:8]} → {indexed.sha256[:8]}"
    elif item.retry_of:
        reason = f"again, after it failed in {item.retry_of}"
    else:
        reason = "new"
    if indexed.reused is None:
        return f"extracted: {reason}"
    equal = f"content equal to {origin}" if origin else "content known to give no documents"
    return f"not extracted, documents taken over: {equal} ({reason})"


def _time(millis: int) -> str:
    return moment(millis).strftime("%Y-%m-%d %H:%M:%S UTC")
