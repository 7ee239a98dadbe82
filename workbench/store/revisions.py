"""Revisions of a collection: what it is now, and where documents of earlier ones still lie."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workbench.store import tables as t
from workbench.store.unended import works_on


def superseded(connection: Connection, collection_id: str, digest: str) -> bool:
    """Whether the collection has another digest than this one."""
    columns = t.collections.c
    query = sa.select(columns.digest).where(columns.collection_id == collection_id)
    return connection.execute(query).scalar() not in (None, digest)


def earlier_with(row: Any, space: str) -> list[dict[str, Any]]:
    """The earlier spaces of a collection (its row) that goes on in ``space``: its documents stay
    where they are until each is extracted again."""
    mine = {"space": row.space, "extractor": row.extractor, "parameters": row.parameters}
    others = [each for each in row.earlier if each["space"] != row.space]
    return [each for each in (mine, *others) if each["space"] != space]


def forget_earlier(connection: Connection, namespace_id: str, bucket_id: str) -> None:
    """Earlier spaces in which no document of the collection lies any more are forgotten, unless a
    task works on the bucket: it may still write there."""
    columns, indexed = t.collections.c, t.indexed.c
    if works_on(connection, namespace_id, bucket_id):
        return
    rows = connection.execute(
        sa.select(columns.collection_id, columns.earlier).where(
            columns.namespace_id == namespace_id, columns.bucket_id == bucket_id
        )
    ).all()
    for collection_id, earlier in rows:
        left = [
            each
            for each in earlier
            if connection.execute(
                sa.select(indexed.object_id)
                .where(
                    indexed.collection_id == collection_id,
                    indexed.space == each["space"],
                    indexed.documents > 0,
                )
                .limit(1)
            ).scalar()
        ]
        if left != earlier:
            connection.execute(
                sa.update(t.collections)
                .where(columns.collection_id == collection_id)
                .values(earlier=left)
            )
