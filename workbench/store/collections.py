"""Collections, with how many documents of theirs are searchable now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from workbench.store.conditions import Field
from workbench.store.database import Database
from workbench.store.listing import Listing, PageRequest, Slice, fetch
from workbench.store.tables import buckets, collections, indexed

_LISTING = Listing(
    key=collections.c.collection_id,
    fields={
        "name": Field(collections.c.name),
        "bucket": Field(buckets.c.name),
        "extractor": Field(collections.c.extractor),
        "digest": Field(collections.c.digest),
        "revision": Field(collections.c.revision, "integer"),
        "created_at": Field(collections.c.created_at, "time"),
    },
    sort="name",
)


@dataclass(frozen=True)
class CollectionRow:
    """``extractor`` is ``name@version``, ``space`` the vector space of the documents, ``documents``
    their number (0 from ``reach``, which does not count), ``retry`` what was set of the retry
    policy, ``created_at`` UTC ms."""

    collection_id: str
    name: str
    bucket_id: str
    bucket: str
    extractor: str
    parameters: Mapping[str, Any]
    digest: str
    revision: int
    space: str
    retry: Mapping[str, Any]
    documents: int
    created_at: int


class Collections:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, namespace_id: str, name_or_id: str) -> CollectionRow | None:
        """By id first, then by name."""
        key, name = collections.c.collection_id, collections.c.name
        query = (
            _of(namespace_id, _DOCUMENTS)
            .where(sa.or_(key == name_or_id, name == name_or_id))
            .order_by((key == name_or_id).desc())
            .limit(1)
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _from_row(row)

    def list(self, namespace_id: str, request: PageRequest) -> Slice[CollectionRow]:
        with self._database.read() as connection:
            rows, cursor = fetch(connection, _of(namespace_id, _DOCUMENTS), _LISTING, request)
        return Slice([_from_row(row) for row in rows], cursor)

    def reach(self, namespace_id: str) -> Sequence[CollectionRow]:
        """Every collection of the namespace by name, without counting documents: what a search
        needs to know, at the price of a few rows. One in which documents of an earlier revision
        lie in another space comes once more for each such space."""
        query = _of(namespace_id, sa.literal(0)).order_by(collections.c.name)
        found: list[CollectionRow] = []
        with self._database.read() as connection:
            for row in connection.execute(query):
                now = _from_row(row)
                found += [now, *(replace(now, **each) for each in row.earlier)]
        return found


_DOCUMENTS = (
    sa.select(sa.func.coalesce(sa.func.sum(indexed.c.documents), 0))
    .where(indexed.c.collection_id == collections.c.collection_id)
    .scalar_subquery()
)


def _of(namespace_id: str, documents: sa.ColumnElement[int]) -> sa.Select[Any]:
    return (
        sa.select(collections, buckets.c.name.label("bucket"), documents.label("documents"))
        .join(buckets, buckets.c.bucket_id == collections.c.bucket_id)
        .where(collections.c.namespace_id == namespace_id)
    )


def _from_row(row: Row[Any]) -> CollectionRow:
    return CollectionRow(
        collection_id=row.collection_id,
        name=row.name,
        bucket_id=row.bucket_id,
        bucket=row.bucket,
        extractor=row.extractor,
        parameters=row.parameters,
        digest=row.digest,
        revision=row.revision,
        space=row.space,
        retry=row.retry,
        documents=int(row.documents),
        created_at=row.created_at,
    )
