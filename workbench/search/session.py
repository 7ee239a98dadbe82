"""A model with a thread of its own, so that the event loop never waits for it and it is never
entered twice at once. It is opened by the first call that needs it; one that did not open is tried
again by the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from workbench.domain.errors import WorkbenchError

T = TypeVar("T")


class ModelSession:
    """``load`` opens the model; ``refused`` is what is raised when it does not open. ``open`` is
    for calls in the thread."""

    def __init__(
        self, thread: str, load: Callable[[], None], refused: Callable[[Exception], WorkbenchError]
    ) -> None:
        self._load = load
        self._refused = refused
        self._opened = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=thread)

    async def run(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    def open(self) -> None:
        if self._opened:
            return
        try:
            self._load()
        except Exception as error:
            raise self._refused(error) from error
        self._opened = True

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
