"""What was tried in vain a short while ago, so that it is not tried again at once."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

SECONDS = 300.0
MOST = 10_000


class Hopeless:
    """Reasons by key, each kept for ``seconds``, the newest ``most`` of them. Thread-safe; lost
    with the process, so that a new one tries again."""

    def __init__(
        self,
        seconds: float = SECONDS,
        most: int = MOST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def put(self, key: str, reason: str) -> None:
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = (self._clock() + self._seconds, reason)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def get(self, key: str) -> str | None:
        """Why it failed, while that is remembered."""
        with self._lock:
            until, reason = self._kept.get(key, (0.0, ""))
            if until > self._clock():
                return reason
            self._kept.pop(key, None)
            return None
