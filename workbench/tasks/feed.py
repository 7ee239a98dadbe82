"""What many clients follow at once: one task, or all tasks of a namespace.

However many follow, the store is read by one loop: at most four times a second, woken by changes,
and every two seconds where nothing woke it (another service may have changed the task, and rates
fall with time). A reading holds every state that the task took, so a follower that knows the last
one it told can tell each once. The loop ends with its last follower, and with the task.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Generator, MutableMapping, Sequence
from typing import Generic, TypeVar

from workbench.domain.wire import TaskOut
from workbench.store.tasks import Reading, Tasks
from workbench.tasks.changes import ANY, Changes

#: Seconds between two readings, and the longest time without one.
PERIOD = 0.25
LOOK = 2.0
#: Seconds that an ended task stays among those that are followed, so that no one misses its end.
RECENT = 60.0

T = TypeVar("T")
K = TypeVar("K")
log = logging.getLogger(__name__)


class Channel(Generic[T]):
    """Passes each new reading to all who wait."""

    def __init__(self) -> None:
        self.version = 0
        self.reading: T | None = None
        self.ended = False
        self.followers = 0
        self.loop: asyncio.Task[None] | None = None
        self._news: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def put(self, reading: T) -> None:
        self.reading = reading
        self.version += 1
        self._ring()

    def end(self) -> None:
        self.ended = True
        self._ring()

    def _ring(self) -> None:
        news, self._news = self._news, asyncio.get_running_loop().create_future()
        news.set_result(None)

    async def news(self, seconds: float) -> None:
        await asyncio.wait({self._news}, timeout=seconds)


class Follower(Generic[T]):
    def __init__(self, channel: Channel[T]) -> None:
        self._channel = channel
        self._seen = 0

    async def next(self, seconds: float) -> T | None:
        """The newest reading, as soon as there is one that this follower has not had; None after
        ``seconds`` without one, or when it is ``over``."""
        channel = self._channel
        if channel.version == self._seen and not channel.ended:
            await channel.news(seconds)
        if channel.version == self._seen:
            return None
        self._seen = channel.version
        return channel.reading

    @property
    def over(self) -> bool:
        """Nothing more will come."""
        return self._channel.ended and self._channel.version == self._seen


class Feed:
    """For the loop that made it; ``close`` ends what is followed."""

    def __init__(self, tasks: Tasks, changes: Changes) -> None:
        self._tasks = tasks
        self._changes = changes
        self._of_task: dict[tuple[str, str], Channel[Reading]] = {}
        self._of_all: dict[str, Channel[Sequence[TaskOut]]] = {}

    @contextlib.contextmanager
    def task(self, namespace_id: str, task_id: str) -> Generator[Follower[Reading]]:
        """Readings of a task until it has ended, the ended one included."""
        key = (namespace_id, task_id)
        channel = self._of_task.get(key)
        if channel is None or channel.ended:
            channel = self._of_task[key] = Channel()
            channel.loop = asyncio.create_task(
                _ending(channel, self._follow_task(channel, namespace_id, task_id))
            )
        with _followed(channel, self._of_task, key) as follower:
            yield follower

    @contextlib.contextmanager
    def all(self, namespace_id: str) -> Generator[Follower[Sequence[TaskOut]]]:
        """The namespace's tasks that go on, and those that did within the last minute, also while
        nobody followed."""
        channel = self._of_all.get(namespace_id)
        if channel is None or channel.ended:
            channel = self._of_all[namespace_id] = Channel()
            channel.loop = asyncio.create_task(
                _ending(channel, self._follow_all(channel, namespace_id))
            )
        with _followed(channel, self._of_all, namespace_id) as follower:
            yield follower

    def close(self) -> None:
        for channel in (*self._of_task.values(), *self._of_all.values()):
            if channel.loop is not None:
                channel.loop.cancel()

    async def _follow_task(
        self, channel: Channel[Reading], namespace_id: str, task_id: str
    ) -> None:
        async def read() -> bool:
            reading = await asyncio.to_thread(self._tasks.reading, namespace_id, task_id)
            if reading is not None:
                channel.put(reading)
            return reading is not None and not reading.task.state.ended

        await self._repeat(read, task_id)

    async def _follow_all(self, channel: Channel[Sequence[TaskOut]], namespace_id: str) -> None:
        seen: dict[str, float] = {}  # when a task was last seen to go on

        async def read() -> bool:
            now = time.time()
            since = int(1000 * (now - RECENT))
            found = await asyncio.to_thread(self._tasks.moving, namespace_id, since, list(seen))
            seen.update({task.task_id: now for task in found if not task.state.ended})
            for task_id in [each for each, at in seen.items() if at < now - RECENT]:
                del seen[task_id]
            channel.put(found)
            return True

        await self._repeat(read, ANY)

    async def _repeat(self, read: Callable[[], Awaitable[bool]], task_id: str) -> None:
        loop = asyncio.get_running_loop()
        while True:
            begun, mark = loop.time(), self._changes.mark(task_id)
            if not await read():
                return
            await self._changes.wait(mark, LOOK, task_id)
            await asyncio.sleep(max(0.0, begun + PERIOD - loop.time()))


async def _ending(channel: Channel[T], work: Awaitable[None]) -> None:
    """Whatever ends the loop, the streams of those who follow end too, and they ask again."""
    try:
        await work
    except Exception:
        log.exception("a task cannot be followed")
    finally:
        channel.end()


@contextlib.contextmanager
def _followed(
    channel: Channel[T], channels: MutableMapping[K, Channel[T]], key: K
) -> Generator[Follower[T]]:
    channel.followers += 1
    try:
        yield Follower(channel)
    finally:
        channel.followers -= 1
        if not channel.followers:
            if channel.loop is not None:
                channel.loop.cancel()
            if channels.get(key) is channel:
                del channels[key]
