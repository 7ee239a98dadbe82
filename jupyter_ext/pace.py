"""How fast a task's collections go, from the counts seen so far.

A rate is what was done over the last seconds, so it follows changes; the time left is what is still
to do at that rate. Both are None when they are not known, which is said as it is: before two
readings, while nothing moves, and, for the time left, while files are still being counted.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from workbench.domain.wire import Progress, TaskOut

WINDOW: Final = 8.0  # seconds a rate looks back
_LEAST: Final = 0.5  # seconds between the first and the last reading before a rate is given


def done(progress: Progress) -> int:
    """Items at an end, whichever."""
    return progress.indexed + progress.skipped + progress.failed + progress.canceled


def worked(progress: Progress) -> int:
    """Items that cost work: the skipped ones come all at once and say nothing of the rate."""
    return progress.indexed + progress.failed


@dataclass
class Pace:
    """Readings by collection name, (seconds, items worked), of the last ``WINDOW`` seconds."""

    _readings: dict[str, deque[tuple[float, int]]] = field(
        default_factory=dict[str, deque[tuple[float, int]]]
    )

    def read(self, task: TaskOut, now: float) -> None:
        for collection in task.collections:
            seen = self._readings.setdefault(collection.collection, deque())
            seen.append((now, worked(collection)))
            while len(seen) > 2 and now - seen[1][0] > WINDOW:
                seen.popleft()

    def rate(self, collection: str) -> float | None:
        """Items a second."""
        seen = self._readings.get(collection)
        if not seen:
            return None
        (began, before), (at, after) = seen[0], seen[-1]
        if at - began < _LEAST or after <= before:
            return None
        return (after - before) / (at - began)

    def left(self, collection: str, progress: Progress) -> float | None:
        """Seconds."""
        rate = self.rate(collection)
        if rate is None or progress.total is None:
            return None
        return max(0, progress.total - done(progress)) / rate
