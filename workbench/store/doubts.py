"""Objects that go, that came back, and of which it is not sure what is searchable."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workbench.domain.states import ItemState
from workbench.store import tables as t
from workbench.store.database import now_ms
from workbench.store.dialect import slices


def still_missing(connection: Connection, task_id: str, object_ids: Collection[str]) -> list[str]:
    """Those of the objects that the task is still to remove: none that came back."""
    columns = t.removals.c
    return [
        object_id
        for piece in slices(list(object_ids))
        for object_id in connection.execute(
            sa.select(columns.object_id).where(
                columns.task_id == task_id, columns.object_id.in_(piece)
            )
        ).scalars()
    ]


def doubt_objects(connection: Connection, namespace_id: str, object_ids: Collection[str]) -> None:
    """The objects leave their bucket, before their documents do. The rows of ``indexed`` stay until
    then, and say in which spaces documents are."""
    objects = t.objects.c
    for piece in slices(list(object_ids)):
        connection.execute(
            sa.update(t.objects)
            .where(
                objects.namespace_id == namespace_id,
                objects.object_id.in_(piece),
                objects.removed_at.is_(None),
            )
            .values(removed_at=now_ms())
        )
        here = t.indexed.c.namespace_id == namespace_id
        connection.execute(_in_doubt().where(here, t.indexed.c.object_id.in_(piece)))


def unfound(connection: Connection, namespace_id: str, object_ids: Collection[str]) -> None:
    """Documents of these objects were deleted, and perhaps some that were written meanwhile: the
    next ingest extracts the objects again."""
    columns = t.indexed.c
    for piece in slices(list(object_ids)):
        here = sa.and_(columns.namespace_id == namespace_id, columns.object_id.in_(piece))
        connection.execute(sa.delete(t.indexed).where(here, columns.digest == ""))
        connection.execute(_in_doubt().where(here))


def doubt(connection: Connection, collection_id: str, object_ids: Collection[str]) -> None:
    """What is searchable of these objects in the collection may not be what ``indexed`` says."""
    columns = t.indexed.c
    for piece in slices(list(object_ids)):
        here = sa.and_(columns.collection_id == collection_id, columns.object_id.in_(piece))
        connection.execute(_in_doubt().where(here))


def doubt_replaced(
    connection: Connection, chunk_id: str, digest: str | None, read: Mapping[str, str]
) -> None:
    """The chunk comes to no end. Where its indexing had begun, documents of other content may be
    gone that it was to replace; ``read`` is the SHA-256 of each object that the chunk extracted, by
    its ``digest``. Without a digest nothing is known, and all of them are in doubt."""
    items, chunks, indexed = t.items.c, t.chunks.c, t.indexed.c
    collection_id = connection.execute(
        sa.select(chunks.collection_id).where(chunks.chunk_id == chunk_id)
    ).scalar_one()
    begun = connection.execute(
        sa.select(items.object_id, indexed.sha256, indexed.digest)
        .join(t.indexed, indexed.object_id == items.object_id)
        .where(
            items.chunk_id == chunk_id,
            items.state == ItemState.EXTRACTED,
            indexed.collection_id == collection_id,
        )
    ).all()
    doubt(
        connection,
        collection_id,
        [
            o
            for o, *content in begun
            if digest is None or (o in read and content != [read[o], digest])
        ],
    )


def _in_doubt() -> sa.Update:
    """Rows without a digest are up to date for no revision: their objects are extracted again."""
    return sa.update(t.indexed).values(digest="")


def searchable(
    connection: Connection, namespace_id: str, collection_id: str, object_ids: Collection[str]
) -> Iterator[Any]:
    """The rows of ``indexed`` of these objects in the collection."""
    columns = t.indexed.c
    for piece in slices(list(object_ids)):
        yield from connection.execute(
            sa.select(columns.object_id, columns.sha256, columns.digest, columns.space).where(
                columns.namespace_id == namespace_id,
                columns.collection_id == collection_id,
                columns.object_id.in_(piece),
            )
        )


def removed_of(connection: Connection, namespace_id: str, object_ids: Sequence[str]) -> list[str]:
    """Those of the objects that are removed."""
    columns = t.objects.c
    return [
        object_id
        for piece in slices(object_ids)
        for object_id in connection.execute(
            sa.select(columns.object_id).where(
                columns.namespace_id == namespace_id,
                columns.object_id.in_(piece),
                columns.removed_at.is_not(None),
            )
        ).scalars()
    ]
