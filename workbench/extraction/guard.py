"""Limits on an extraction that hold whatever a decoder does.

Extractors look at their limits between pages, packets and passages; a library that never comes back
or takes all memory does not. So a worker process stands under two that need nothing from it. A
thread without Python's lock (faulthandler's) ends the process when one object has taken its
``max_seconds`` and a grace, and the kernel refuses memory beyond what the process had when its
models were open and ``max_memory``. What dies is the worker: its object becomes a failure and its
neighbours go on elsewhere.
"""

from __future__ import annotations

import faulthandler
import os
import resource
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from workbench.extraction.contract import Bounded, Parameters

#: Seconds in which an extractor may notice by itself that its time is over.
GRACE = 10.0


#: Answers within so many seconds, or a tenth of the time, share a beginning: each starts a thread,
#: about 0.3 ms, which is much beside a small picture.
TICK = 1.0


class Watch:
    """Ends this process when ``seconds``, and at most a tick more, pass between two answers of an
    extractor."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._tick = min(TICK, (seconds or 0.0) / 10)
        self._begun: float | None = None
        self._nowhere = open(os.devnull, "w") if seconds is not None else None  # noqa: SIM115

    @classmethod
    def of(cls, parameters: Parameters) -> Watch:
        return cls(time_of(parameters.model_dump()))

    def answered(self) -> None:
        """The time for the next object begins."""
        if self._seconds is None or self._nowhere is None:
            return
        now = time.monotonic()
        if self._begun is None or now - self._begun >= self._tick:
            self._begun = now
            most = self._seconds + self._tick
            faulthandler.dump_traceback_later(most, exit=True, file=self._nowhere)

    @contextmanager
    def __call__(self) -> Generator[None]:
        self.answered()
        try:
            yield
        finally:
            if self._seconds is not None:
                faulthandler.cancel_dump_traceback_later()
                self._begun = None


def time_of(parameters: Mapping[str, Any]) -> float | None:
    """Seconds after which the worker of an object is ended; None where nothing bounds it."""
    most = parameters.get("max_seconds")
    return None if most is None else float(most) + GRACE


def bound_memory(parameters: Parameters) -> None:
    """From now on this process gets ``max_memory`` more than it has, and no more."""
    if not isinstance(parameters, Bounded):
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = _held() + parameters.max_memory
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def _held() -> int:
    """Private writable memory, as the kernel counts it for the limit."""
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmData:"):
                return 1024 * int(line.split()[1])
    return 0
