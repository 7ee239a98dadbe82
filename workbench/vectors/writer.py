"""Writes of one space, one after another, acknowledged when they are on disk.

On disk means: in the engine's log, synced by us (``sync_log``). The engine itself syncs nothing
when it updates, and its own ``flush`` makes about a hundred syncs (25 ms on an idle disk, a second
on a busy one) with Python's lock held, so every search would wait for it. Syncing the log takes 1
to 10 ms in a thread, and searches go on. The flush, which bounds how much log must be read again
after a crash, comes when writes have paused, or when too many points wait for it.

What is queued is applied first, up to ``GROUP`` points, and then one sync acknowledges all of it.
Jobs yield to searches between slices.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.vectors.port import VectorsUnavailable

#: Points that one sync acknowledges, when that many are queued.
GROUP = 1_000
#: Seconds without a write until the engine is flushed.
PAUSE = 2.0

log = logging.getLogger(__name__)


def sync_log(generation: Path) -> None:
    """Bring the log of an engine's folder to disk. Blocks, without Python's lock."""
    folder = generation / "wal"
    for path in [p for p in folder.iterdir() if p.is_file()] + [folder]:
        try:
            handle = os.open(path, os.O_RDONLY)
        except FileNotFoundError:  # a segment that a flush made superfluous
            continue
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


async def breathe() -> None:
    """Let the requests that have arrived be answered. A request takes three turns of the loop (its
    bytes, its length, its rest and the answer); with one turn between two slices it would wait for
    three slices."""
    for _ in range(3):
        await asyncio.sleep(0)


@dataclass(frozen=True)
class _Job:
    apply: Callable[[], Awaitable[Any]]
    done: asyncio.Future[Any]


class Writer:
    """``sync`` makes what was applied durable (called in a thread), ``flush`` tidies up, and
    ``backlog`` counts the points that were applied since the last flush."""

    def __init__(
        self, sync: Callable[[], None], flush: Callable[[], None], backlog: Callable[[], int]
    ) -> None:
        self._sync = sync
        self._flush = flush
        self._backlog = backlog
        self._queue: asyncio.Queue[_Job | None] = asyncio.Queue()
        self._closed = False
        #: Held while jobs are applied; whoever holds it has a space that stands still.
        self.still = asyncio.Lock()
        self._task = asyncio.create_task(self._run())

    async def submit(self, apply: Callable[[], Awaitable[Any]]) -> Any:
        """The job's result, once it is on disk. A caller that is cancelled leaves the job in the
        queue: it is applied, and nobody is told."""
        if self._closed:
            raise VectorsUnavailable("the vectors are closing")
        job = _Job(apply, asyncio.get_running_loop().create_future())
        self._queue.put_nowait(job)
        return await job.done

    async def close(self) -> None:
        """Finish what is being applied; what waits behind it is refused."""
        if not self._closed:
            self._closed = True
            self._queue.put_nowait(None)
        await self._task

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(PAUSE if self._backlog() else None):
                    job = await self._queue.get()
            except TimeoutError:
                await self._tidy()
                continue
            if job is None:
                break
            async with self.still:
                await self._group(job)
            if self._closed:
                break
        while not self._queue.empty():
            left = self._queue.get_nowait()
            if left is not None:
                _fail(left.done, VectorsUnavailable("the vectors are closing"))

    async def _tidy(self) -> None:
        async with self.still:
            try:
                self._flush()
            except Exception:
                log.exception("a flush failed; it is tried again after the next write")
                await asyncio.sleep(PAUSE)

    async def _group(self, job: _Job) -> None:
        applied: list[tuple[asyncio.Future[Any], Any]] = []
        begun = self._backlog()
        while True:
            try:
                applied.append((job.done, await job.apply()))
            except Exception as error:  # noqa: BLE001 - the job's caller is told, the others go on
                _fail(job.done, error)
            if self._closed or self._queue.empty() or abs(self._backlog() - begun) >= GROUP:
                break
            following = self._queue.get_nowait()
            assert following is not None  # only ``close`` puts None, and it was asked above
            job = following
        try:
            await asyncio.to_thread(self._sync)
        except Exception as error:  # noqa: BLE001 - nothing of this group may be acknowledged
            for done, _ in applied:
                _fail(done, error)
            return
        for done, result in applied:
            if not done.done():
                done.set_result(result)


def _fail(done: asyncio.Future[Any], error: Exception) -> None:
    if not done.done():
        done.set_exception(error)
