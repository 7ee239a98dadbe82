"""Uploaded objects: a bucket whose source is ``uploads`` is listed from these rows.

An object's fingerprint is its content (``sha256:…``), so its bytes are found by it, and the same
content sent again changes nothing. A round is one run over a sender's files, and several may run at
once: what an object's mark says is told by ``rounds``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workbench.domain import ids
from workbench.domain.errors import Code, WorkbenchError, not_found
from workbench.domain.wire import ObjectOut
from workbench.store import tables as t
from workbench.store.database import Database, now_ms
from workbench.store.dialect import slices
from workbench.store.moments import moment, moment_or_none
from workbench.store.records import BucketRecord
from workbench.store.rounds import heard, offered_since
from workbench.store.statements import bucket_record
from workbench.store.unended import works_on

UPLOADS = "uploads"
_HASH = "sha256:"


def fingerprint(sha256: str) -> str:
    return _HASH + sha256


def hash_of(fingerprint: str) -> str:
    """The SHA-256 that an uploaded object's fingerprint says."""
    return fingerprint.removeprefix(_HASH)


@dataclass(frozen=True)
class Content:
    """Bytes that are in the store, as an object is to have them. ``modified_at`` in UTC ms."""

    name: str
    mime: str
    size: int
    sha256: str
    modified_at: int
    round: str | None = None


@dataclass(frozen=True)
class Recorded:
    """``same``: the object had this content before."""

    object: ObjectOut
    created: bool
    same: bool


@dataclass(frozen=True)
class Present:
    """An object as listing it needs it."""

    object_id: str
    name: str
    mime: str
    size: int
    fingerprint: str
    modified_at: int


class UploadedObjects:
    def __init__(self, database: Database) -> None:
        self._database = database

    def ensure_bucket(self, namespace_id: str, name: str, uri: str) -> tuple[BucketRecord, bool]:
        """The bucket, and whether it was made now. Raises ``bucket_source_conflict`` when it has
        another source."""
        with self._database.write() as connection:
            columns = t.buckets.c
            row = connection.execute(
                sa.select(t.buckets).where(
                    columns.namespace_id == namespace_id, columns.name == name
                )
            ).one_or_none()
            if row is not None:
                if (row.source_kind, row.source_uri) != (UPLOADS, uri):
                    raise WorkbenchError(
                        Code.BUCKET_SOURCE_CONFLICT,
                        f"bucket {name!r} holds {row.source_uri}, not {uri}",
                        "give the new source a bucket of its own: --bucket NAME",
                    )
                return bucket_record(row), False
            bucket = BucketRecord(
                ids.new_id(ids.BUCKET), namespace_id, name, UPLOADS, uri, chosen=False
            )
            values = {**bucket.__dict__, "created_at": now_ms()}
            connection.execute(sa.insert(t.buckets).values(values))
            return bucket, True

    def bucket(self, namespace_id: str, name_or_id: str) -> BucketRecord:
        """Raises ``not_found``, and ``conflict`` where the bucket follows another source."""
        with self._database.read() as connection:
            return _bucket(connection, namespace_id, name_or_id)

    def buckets(self, namespace_id: str) -> list[BucketRecord]:
        columns = t.buckets.c
        query = sa.select(t.buckets).where(
            columns.namespace_id == namespace_id, columns.source_kind == UPLOADS
        )
        with self._database.read() as connection:
            return [bucket_record(row) for row in connection.execute(query)]

    def any(self, bucket_id: str) -> bool:
        """Whether the bucket holds anything."""
        query = sa.select(t.objects.c.object_id).where(
            t.objects.c.bucket_id == bucket_id, t.objects.c.removed_at.is_(None)
        )
        with self._database.read() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def record(self, bucket: BucketRecord, contents: Sequence[Content]) -> list[Recorded]:
        """The objects get these contents; another content is another version."""
        with self._database.write() as connection:
            _bucket(connection, bucket.namespace_id, bucket.bucket_id)  # may be deleted by now
            return [_record(connection, bucket, content) for content in contents]

    def equal(self, bucket_id: str, sha256: str, name: str) -> str | None:
        """The name of another object of the bucket with this content."""
        query = (
            sa.select(t.objects.c.name)
            .where(
                t.objects.c.bucket_id == bucket_id,
                t.objects.c.fingerprint == fingerprint(sha256),
                t.objects.c.name != name,
                t.objects.c.removed_at.is_(None),
            )
            .order_by(t.objects.c.name)
            .limit(1)
        )
        with self._database.read() as connection:
            return connection.execute(query).scalar()

    def named(self, bucket_id: str, names: Collection[str]) -> dict[str, Present]:
        """The objects of these names, by name."""
        found: dict[str, Present] = {}
        with self._database.read() as connection:
            for piece in slices(list(names)):
                query = _present(bucket_id).where(t.objects.c.name.in_(piece))
                found |= {row.name: Present(*row) for row in connection.execute(query)}
        return found

    def mark(self, bucket: BucketRecord, object_ids: Collection[str], round: str) -> set[str]:
        """The round has begun, and these objects are among the sender's files: a task that was to
        remove them leaves them. Returns those of them that are there; what is removed by now stays
        so, whatever was read of it before, and is to be sent."""
        columns = t.objects.c
        marked: set[str] = set()
        with self._database.write() as connection:
            _bucket(connection, bucket.namespace_id, bucket.bucket_id)  # may be deleted by now
            mark = heard(connection, bucket.namespace_id, bucket.bucket_id, round)
            for piece in slices(list(object_ids)):
                query = sa.select(columns.object_id).where(
                    columns.bucket_id == bucket.bucket_id,
                    columns.object_id.in_(piece),
                    columns.removed_at.is_(None),
                )
                found = list(connection.execute(query).scalars())
                connection.execute(
                    sa.update(t.objects).where(columns.object_id.in_(found)).values(offered=mark)
                )
                connection.execute(sa.delete(t.removals).where(t.removals.c.object_id.in_(found)))
                marked.update(found)
        return marked

    def after(
        self, bucket_id: str, scope: str, task_id: str | None, after: str
    ) -> Iterator[Present]:
        """Objects in order of their names, without those that the task is to remove."""
        columns = t.objects.c
        while True:
            query = _present(bucket_id).where(columns.name > after, inside(scope))
            if task_id is not None:
                removed = t.removals.c
                query = query.where(
                    ~sa.exists().where(
                        removed.task_id == task_id, removed.object_id == columns.object_id
                    )
                )
            with self._database.read() as connection:
                rows = connection.execute(query.order_by(columns.name).limit(1000)).all()
            for row in rows:
                yield Present(*row)
            if len(rows) < 1000:
                return
            after = rows[-1].name

    def in_use(self, namespace_id: str, bucket_id: str) -> bool:
        """Whether a task of the bucket has not ended: it may still read what was replaced."""
        with self._database.read() as connection:
            return works_on(connection, namespace_id, bucket_id)

    def unused(self, namespace_id: str, bucket_id: str, hashes: Collection[str]) -> set[str]:
        """Those contents that no object of the bucket has."""
        used: set[str] = set()
        with self._database.read() as connection:
            for piece in slices(list(hashes)):
                query = sa.select(t.objects.c.fingerprint).where(
                    t.objects.c.namespace_id == namespace_id,
                    t.objects.c.bucket_id == bucket_id,
                    t.objects.c.fingerprint.in_([fingerprint(one) for one in piece]),
                    t.objects.c.removed_at.is_(None),
                )
                used |= {hash_of(found) for found in connection.execute(query).scalars()}
        return set(hashes) - used


def inside(scope: str) -> sa.ColumnElement[bool]:
    """Objects in ``scope``: the name of one, or of a folder; "" for all."""
    if not scope:
        return sa.true()
    name = t.objects.c.name
    below = sa.and_(name > f"{scope}/", name < f"{scope}0")  # "0" follows "/"
    return sa.or_(name == scope, below)


def remove_others(
    connection: Connection, namespace_id: str, bucket_id: str, task_id: str, scope: str, round: str
) -> None:
    """Note for removal by the task what nobody has offered since the round began; also what is
    removed where it still is, or may be, searchable."""
    heard(connection, namespace_id, bucket_id, round)
    columns = t.objects.c
    searchable = sa.exists().where(t.indexed.c.object_id == columns.object_id)
    query = sa.select(sa.literal(task_id), columns.object_id, columns.namespace_id).where(
        columns.namespace_id == namespace_id,
        columns.bucket_id == bucket_id,
        sa.or_(columns.removed_at.is_(None), searchable),
        ~offered_since(bucket_id, round),
        inside(scope),
    )
    names = ["task_id", "object_id", "namespace_id"]
    connection.execute(sa.insert(t.removals).from_select(names, query))


def _present(bucket_id: str) -> sa.Select[*tuple[Any, ...]]:
    columns = t.objects.c
    return sa.select(
        columns.object_id,
        columns.name,
        columns.mime,
        columns.size,
        columns.fingerprint,
        sa.func.coalesce(columns.modified_at, 0),
    ).where(columns.bucket_id == bucket_id, columns.removed_at.is_(None))


def _bucket(connection: Connection, namespace_id: str, name_or_id: str) -> BucketRecord:
    columns = t.buckets.c
    row = connection.execute(
        sa.select(t.buckets)
        .where(columns.namespace_id == namespace_id)
        .where(sa.or_(columns.bucket_id == name_or_id, columns.name == name_or_id))
        .order_by((columns.bucket_id == name_or_id).desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        hint = "POST /v1/buckets makes one for uploads"
        raise not_found("bucket", name_or_id, hint)
    if row.source_kind != UPLOADS:
        raise WorkbenchError(
            Code.CONFLICT,
            f"bucket {row.name!r} follows {row.source_uri} and takes no uploads",
            "put the file into that source, or upload it into another bucket",
        )
    return bucket_record(row)


def _record(connection: Connection, bucket: BucketRecord, content: Content) -> Recorded:
    columns = t.objects.c
    row = connection.execute(
        sa.select(t.objects).where(
            columns.bucket_id == bucket.bucket_id, columns.name == content.name
        )
    ).one_or_none()
    values = _values(connection, bucket, content)
    if row is None:
        values |= {
            "object_id": ids.new_id(ids.OBJECT),
            "namespace_id": bucket.namespace_id,
            "bucket_id": bucket.bucket_id,
            "name": content.name,
            "version": 1,
            "created_at": now_ms(),
        }
        connection.execute(sa.insert(t.objects).values(values))
    else:
        other = row.sha256 is not None and row.sha256 != content.sha256
        values |= {
            "object_id": row.object_id,
            "version": row.version + other,
            "created_at": row.created_at,
        }
        connection.execute(
            sa.update(t.objects).where(columns.object_id == row.object_id).values(values)
        )
        # A task that was to remove it now has it among its files.
        connection.execute(sa.delete(t.removals).where(t.removals.c.object_id == row.object_id))
    before = None if row is None or row.removed_at is not None else row.fingerprint
    return Recorded(
        _object(bucket, content, values),
        created=before is None,
        same=before == values["fingerprint"],
    )


def _values(connection: Connection, bucket: BucketRecord, content: Content) -> dict[str, Any]:
    """What the object has of its content. One that is sent outside of any round keeps its mark: a
    round may have offered it."""
    values: dict[str, Any] = {
        "mime": content.mime,
        "size": content.size,
        "fingerprint": fingerprint(content.sha256),
        "modified_at": content.modified_at,
        "sha256": content.sha256,
        "removed_at": None,
    }
    if content.round is not None:
        mark = heard(connection, bucket.namespace_id, bucket.bucket_id, content.round)
        values["offered"] = mark
    return values


def _object(bucket: BucketRecord, content: Content, values: dict[str, Any]) -> ObjectOut:
    return ObjectOut(
        object_id=values["object_id"],
        bucket=bucket.name,
        name=content.name,
        mime=content.mime,
        size=content.size,
        sha256=content.sha256,
        version=values["version"],
        modified_at=moment_or_none(content.modified_at),
        created_at=moment(values["created_at"]),
    )
