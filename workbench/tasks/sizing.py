"""How large a chunk should be.

About five seconds of one worker's work by the measured rate of the extractor, so that the cost of
a chunk disappears and stopping stays quick. The first chunks of a task are small, because the first
hits should be there at once; the last are small too, so that all workers end together.
"""

from __future__ import annotations

import math
import threading

WORK_SECONDS = 5.0
FIRST_SECONDS = 0.25
LAST_SECONDS = 0.25
MOST_ITEMS = 1000
MOST_BYTES = 256 * 1024 * 1024
#: Before anything was measured.
UNKNOWN_ITEMS = 16


class Rates:
    """Objects per second of one worker, by digest: a moving average of what chunks told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rates: dict[str, float] = {}

    def get(self, digest: str) -> float | None:
        with self._lock:
            return self._rates.get(digest)

    def add(self, digest: str, objects: int, seconds: float) -> None:
        if objects < 1 or seconds <= 0:
            return
        rate = objects / seconds
        with self._lock:
            before = self._rates.get(digest)
            self._rates[digest] = rate if before is None else 0.5 * before + 0.5 * rate


def chunk_size(rate: float | None, waiting: int, slots: int, first: bool) -> int:
    """Items of the next chunk. ``waiting`` items are in no chunk yet; ``slots`` workers share them;
    ``first`` while nothing of the task is under way, or was yet."""
    if rate is None:
        return min(waiting, UNKNOWN_ITEMS)
    most = rate * (FIRST_SECONDS if first else WORK_SECONDS)
    share = max(waiting / (1.5 * slots), rate * LAST_SECONDS)
    return max(1, min(waiting, math.ceil(min(most, share)), MOST_ITEMS))
