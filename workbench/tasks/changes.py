"""Waking those who wait for a change of a task, within one process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Changes:
    """``changed`` may be called from any thread; ``wait`` is for the loop that made this."""

    def __init__(self, sequence: Callable[[str], int | None]) -> None:
        """``sequence`` reads the present number of a task; it blocks."""
        self._loop = asyncio.get_running_loop()
        self._sequence = sequence
        self._events: dict[str, asyncio.Event] = {}

    def changed(self, task_id: str) -> None:
        self._loop.call_soon_threadsafe(self._wake, task_id)

    def _wake(self, task_id: str) -> None:
        event = self._events.pop(task_id, None)
        if event is not None:
            event.set()

    async def wait(self, task_id: str, after: int, seconds: float) -> None:
        """Returns when the task's sequence has passed ``after``, or after ``seconds``."""
        deadline = self._loop.time() + seconds
        while True:
            event = self._events.setdefault(task_id, asyncio.Event())
            now = await asyncio.to_thread(self._sequence, task_id)
            left = deadline - self._loop.time()
            if now is None or now > after or left <= 0:
                return
            try:
                await asyncio.wait_for(event.wait(), left)
            except TimeoutError:
                return
