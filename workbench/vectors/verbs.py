"""What the owner answers: one method per verb, over all spaces of a home."""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.vectors import checks, edge, generations, reads, wire
from workbench.vectors.conditions import Clause
from workbench.vectors.port import (
    BadVectors,
    DenseVector,
    SpaceNotFound,
    SpaceSpec,
    VectorsUnavailable,
)
from workbench.vectors.space import Space, Upload

log = logging.getLogger(__name__)


class Verbs:
    """The spaces below ``folder``. Must be made inside a running event loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._spaces: dict[str, Space] = {}
        #: Spaces that could not be opened, and why. The others are not held up by them.
        self._broken: dict[str, str] = {}
        self._changing = asyncio.Lock()
        self._closing = False
        self._verbs: Mapping[str, Callable[..., Awaitable[Any]]] = {
            "ensure_space": self.ensure_space,
            "spaces": self.spaces,
            "drop_space": self.drop_space,
            "upsert": self.upsert,
            "delete": self.delete,
            "search": self.search,
            "retrieve": self.retrieve,
            "scroll": self.scroll,
            "count": self.count,
            "facet": self.facet,
            "optimize": self.optimize,
            "health": self.health,
        }
        for space in generations.sweep(folder):
            try:
                self._spaces[space.name] = Space.open(space)
            except Exception as error:
                log.exception("the space %s cannot be opened", space.name)
                self._broken[space.name] = str(error)

    async def close(self) -> None:
        """Finish the write at hand of every space; whatever else is asked is answered ``AWAY``."""
        self._closing = True
        for space in self._spaces.values():
            await space.close()
        self._spaces.clear()

    async def answer(self, request: Sequence[Any]) -> tuple[int, Any]:
        """Status and value for one request; never raises for what a request asks."""
        if self._closing:
            return wire.AWAY, "the owner is stopping"
        try:
            verb, *arguments = request
            return wire.OK, await self._verbs[verb](*arguments)
        except BadVectors as error:
            return wire.BAD, str(error)
        except SpaceNotFound as error:
            return wire.NOT_FOUND, str(error)
        except VectorsUnavailable as error:
            return wire.AWAY, str(error)
        except Exception as error:
            log.exception("%s failed", request[0] if request else "an empty request")
            return wire.FAILED, f"{type(error).__name__}: {error}"

    def _space(self, name: str) -> Space:
        space = self._spaces.get(name)
        if space is None:
            if name in self._broken:
                raise RuntimeError(f"the space {name} cannot be opened: {self._broken[name]}")
            raise SpaceNotFound(name)
        return space

    async def ensure_space(
        self, name: str, dense: Sequence[Sequence[Any]], text: bool, indexes: Mapping[str, Any]
    ) -> None:
        spec = checks.spec(SpaceSpec(name, tuple(DenseVector(*v) for v in dense), text, indexes))
        async with self._changing:
            if name not in self._spaces and name not in self._broken:
                self._spaces[name] = Space.create(self._folder / name, edge.Settings.of(spec))
                return
            space = self._space(name)
            if not space.fits(spec.dense, text):
                raise BadVectors(f"the space {name} exists with other vectors")
            await space.add_indexes(indexes)

    async def spaces(self) -> list[str]:
        return sorted(self._spaces)

    async def drop_space(self, name: str) -> None:
        async with self._changing:
            space = self._spaces.pop(name, None)
            if space is not None:
                await space.close()
            elif self._broken.pop(name, None) is None:
                return
            aside = generations.drop(self._folder / name)
            await asyncio.to_thread(shutil.rmtree, aside)

    async def upsert(
        self,
        name: str,
        count: int,
        blocks: Sequence[tuple[str, int, bytes]],
        rows: Sequence[bytes],
    ) -> None:
        space = self._space(name)
        await space.upsert(Upload(count, wire.unpack_blocks(blocks, count), rows))

    async def delete(self, name: str, where: Clause) -> int:
        return await self._space(name).delete(where)

    async def search(self, arms: Sequence[Sequence[Any]]) -> list[list[reads.Hit]]:
        """Arms of one space are asked in one engine call."""
        found: list[list[reads.Hit]] = [[] for _ in arms]
        places: dict[str, list[int]] = {}
        for place, arm in enumerate(arms):
            if arm[0] in self._spaces or arm[0] in self._broken:
                places.setdefault(arm[0], []).append(place)
        for name, mine in places.items():
            space = self._space(name)
            asked = [arms[place][1:] for place in mine]
            lists = reads.search(space.shard, space.settings, space.encoder, asked)
            for place, hits in zip(mine, lists, strict=True):
                found[place] = hits
        return found

    async def retrieve(self, name: str, ids: Sequence[str], vectors: bool) -> Any:
        space = self._space(name)
        return reads.retrieve(space.shard, space.settings, ids, vectors)

    async def scroll(
        self,
        name: str,
        where: Clause | None,
        limit: int,
        cursor: str | None,
        vectors: bool,
    ) -> Any:
        space = self._space(name)
        return reads.scroll(space.shard, space.settings, where, limit, cursor, vectors)

    async def count(self, name: str, where: Clause | None) -> int:
        space = self._space(name)
        return reads.count(space.shard, space.settings, where)

    async def facet(
        self, name: str, key: str, where: Clause | None, limit: int
    ) -> list[tuple[str | int | bool, int]]:
        space = self._space(name)
        return reads.facet(space.shard, space.settings, key, where, limit)

    async def optimize(self, name: str) -> None:
        await self._space(name).optimize()

    async def health(self) -> dict[str, Any]:
        return {
            "engine": "qdrant-edge",
            "version": importlib.metadata.version("qdrant-edge-py"),
            "spaces": {name: space.points() for name, space in sorted(self._spaces.items())},
            "broken": dict(self._broken),
        }
