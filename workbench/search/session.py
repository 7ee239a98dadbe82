"""A model with a thread of its own, so that the event loop never waits for it and it is never
entered twice at once. It is opened by the first call that needs it; one that did not open is tried
again by the first call after ``AGAIN`` seconds, and those before are told what it said: a hub that
does not answer would hold up every search."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from workbench.domain.errors import WorkbenchError

T = TypeVar("T")

#: Seconds.
AGAIN = 10.0


class ModelSession:
    """``load`` opens the model; ``refused`` is what is raised when it does not open. ``open`` is
    for calls in the thread."""

    def __init__(
        self, thread: str, load: Callable[[], None], refused: Callable[[Exception], WorkbenchError]
    ) -> None:
        self._load = load
        self._refused = refused
        self._opened = False
        self._last: tuple[float, WorkbenchError] | None = None  # when it did not open, and why
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=thread)

    async def run(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    def open(self) -> None:
        if self._opened:
            return
        if self._last is not None and time.monotonic() < self._last[0] + AGAIN:
            raise self._last[1].with_traceback(None)
        try:
            self._load()
        except Exception as error:
            refusal = self._refused(error)
            self._last = (time.monotonic(), refusal)
            raise refusal from error
        self._opened = True

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
