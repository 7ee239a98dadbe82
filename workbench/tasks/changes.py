"""Waking those who wait for a change of a task, within one process.

A waiter takes a mark, looks at the store, and waits with the mark: each change gives another one,
so that a change between the look and the wait is not slept through.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict

#: Tasks whose last change is remembered; a waiter for an older one wakes once more than needed.
REMEMBERED = 1000
#: Stands for every task.
ANY = ""


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
    """``changed`` may be called from any thread; the rest is for the loop that made this."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._events: dict[str, asyncio.Event] = {}
        self._marks: OrderedDict[str, int] = OrderedDict()
        self._count = 0

    def changed(self, task_id: str) -> None:
        self._loop.call_soon_threadsafe(self._wake, task_id)

    def _wake(self, task_id: str) -> None:
        self._count += 1
        self._marks[task_id] = self._count
        self._marks.move_to_end(task_id)
        while len(self._marks) > REMEMBERED:
            self._marks.popitem(last=False)
        for key in (task_id, ANY):
            event = self._events.pop(key, None)
            if event is not None:
                event.set()

    def mark(self, task_id: str = ANY) -> int:
        """Take it before looking at the store; another number each time the task has changed."""
        return self._count if task_id == ANY else self._marks.get(task_id, 0)

    async def wait(self, mark: int, seconds: float, task_id: str = ANY) -> None:
        """Returns when the task has changed since ``mark``, or after ``seconds``."""
        if self.mark(task_id) != mark:
            return
        event = self._events.setdefault(task_id, asyncio.Event())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)
