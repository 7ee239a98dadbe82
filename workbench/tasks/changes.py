"""Waking those who wait for a change of a task, within one process.

A waiter names the sequence number it has seen. Between its look at the store and its call a change
may happen that nobody would wake it for; so each change is numbered, and a waiter that has not been
answered since the last one is answered at once. That costs at most one needless look a change.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

#: Tasks whose last change is remembered; older ones are looked at without a wake.
REMEMBERED = 1000


class Bell:
    """Wakes one waiting loop, from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def ring(self) -> None:
        self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self, seconds: float) -> None:
        """Until it rings (also if it rang before), or for ``seconds``."""
        try:
            await asyncio.wait_for(self._event.wait(), seconds)
        except TimeoutError:
            return
        finally:
            self._event.clear()


class Changes:
    """``changed`` may be called from any thread; ``wait`` is for the loop that made this."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._events: dict[str, asyncio.Event] = {}
        self._changes: OrderedDict[str, int] = OrderedDict()
        self._answered: OrderedDict[tuple[str, int], int] = OrderedDict()

    def changed(self, task_id: str) -> None:
        self._loop.call_soon_threadsafe(self._wake, task_id)

    def _wake(self, task_id: str) -> None:
        self._changes[task_id] = self._changes.pop(task_id, 0) + 1
        _shorten(self._changes)
        event = self._events.pop(task_id, None)
        if event is not None:
            event.set()

    async def wait(self, task_id: str, after: int, seconds: float) -> None:
        """Returns when the task has changed since it was answered for ``after``, or after
        ``seconds``."""
        key = (task_id, after)
        change = self._changes.get(task_id, 0)
        if self._answered.get(key, 0) == change:
            event = self._events.setdefault(task_id, asyncio.Event())
            try:
                await asyncio.wait_for(event.wait(), seconds)
            except TimeoutError:
                return
        self._answered[key] = self._changes.get(task_id, 0)
        self._answered.move_to_end(key)
        _shorten(self._answered)


def _shorten(kept: OrderedDict[str, int] | OrderedDict[tuple[str, int], int]) -> None:
    while len(kept) > REMEMBERED:
        kept.popitem(last=False)
