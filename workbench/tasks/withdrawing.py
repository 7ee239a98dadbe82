"""Taking points back that a chunk wrote and that nothing will account for.

They are told by the chunk that they name, so what another chunk wrote stays; and what a row of
``indexed`` accounts for stays too, whoever wrote it last, since equal content gets equal ids.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from workbench.domain.filters import And, Filter, Not, any_of, eq
from workbench.tasks.context import ControlContext
from workbench.tasks.points import content_key
from workbench.vectors.port import delete_if_any

DELETED_AT_ONCE = 500


async def withdraw(
    context: ControlContext,
    namespace_id: str,
    collection_id: str,
    chunk_id: str,
    object_ids: Sequence[str],
) -> None:
    """Delete the chunk's points of these objects. May be repeated."""
    if not object_ids:
        return
    current = await asyncio.to_thread(
        context.segments.current, namespace_id, collection_id, object_ids
    )
    for space in await context.vectors.spaces():
        for start in range(0, len(object_ids), DELETED_AT_ONCE):
            piece = object_ids[start : start + DELETED_AT_ONCE]
            kept = tuple(
                content_key(o, *current[o]) for o in piece if o in current and current[o][1]
            )
            where: list[Filter] = [
                eq("namespace", namespace_id),
                eq("collection_id", collection_id),
                eq("segment", chunk_id),
                any_of("object_id", tuple(piece)),
            ]
            if kept:
                where.append(Not((any_of("content", kept),)))
            await delete_if_any(context.vectors, space, And(tuple(where)))
