"""Giving back the room of deleted points while searches go on.

The engine's vacuum holds Python's lock for its whole run, so it works on a copy, in a child:

1. writes stand still; flush; copy the generation's folder (searches go on);
2. a niced child vacuums the copy, writes go to the live shard and their ids are remembered;
3. the copy is loaded and the remembered points are brought to it as they now are, in slices, the
   last of them with writes standing still; flush; ``CURRENT`` is replaced; the old one goes away.

Before that replacement the old generation holds every acknowledged write, after it the new one
does: a crash at any point loses nothing. Only ids are remembered, so memory stays small however
long the child takes. The child dies with the owner: it must not write into what the next owner
removes.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import qdrant_edge as qe

from workbench.vectors import edge, generations, vacuum, wire
from workbench.vectors.writer import breathe

if TYPE_CHECKING:
    from workbench.vectors.space import Space


async def compact(space: Space) -> None:
    """Replace the space's shard by a vacuumed copy, if there is anything to vacuum."""
    source = space.folder / space.generation
    target = space.folder / generations.following(space.generation)
    try:
        async with space.writer.still:
            space.flush()
            shutil.rmtree(target, ignore_errors=True)
            await asyncio.to_thread(shutil.copytree, source, target)
            space.touched = set()
        if not await _vacuum(target):
            space.collect(0)
            return
        fresh = edge.load(target)
        try:
            old = await _take_over(space, fresh, target.name)
        except BaseException:
            fresh.close()
            raise
    finally:
        space.touched = None
        if space.generation != target.name:
            shutil.rmtree(target, ignore_errors=True)
    old.close()
    await asyncio.to_thread(shutil.rmtree, source)


async def _vacuum(folder: Path) -> bool:
    """Whether the child changed anything."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "workbench.vectors.vacuum", str(folder), str(os.getpid())),
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the owner, which ends the child itself
    )
    try:
        status = await child.wait()
    except asyncio.CancelledError:
        child.kill()
        await child.wait()
        raise
    if status not in (vacuum.CHANGED, vacuum.CLEAN):
        raise RuntimeError(f"the vacuum ended with status {status}")
    return status == vacuum.CHANGED


async def _take_over(space: Space, fresh: qe.EdgeShard, generation: str) -> qe.EdgeShard:
    """Bring ``fresh`` up to date and make it the space's shard; returns the old one."""
    removed = 0
    touched = space.touched
    assert touched is not None
    while len(touched) > wire.SLICE:
        removed += _replay(space.shard, fresh, [touched.pop() for _ in range(wire.SLICE)])
        await breathe()
    async with space.writer.still:
        removed += _replay(space.shard, fresh, list(touched))
        edge.index(fresh, space.settings.indexes)
        fresh.flush()
        generations.point(space.folder, generation)
        old, space.shard, space.generation = space.shard, fresh, generation
        space.touched = None
        space.collect(removed)
    return old


def _replay(live: qe.EdgeShard, copy: qe.EdgeShard, ids: Sequence[str]) -> int:
    """Make these points of ``copy`` what they are in ``live``; returns how many are gone."""
    if not ids:
        return 0
    records = live.retrieve(list(ids), True, True)
    there = {str(r.id) for r in records}
    gone = [i for i in ids if i not in there]
    if records:
        points = [qe.Point(r.id, r.vector or {}, r.payload) for r in records]
        copy.update(edge.upsert(points))
    if gone:
        copy.update(edge.delete(gone))
    return len(gone)
