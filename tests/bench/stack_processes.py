"""What the processes of a running stack take: memory and CPU time, by kind of process."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

sys.path[:0] = [str(Path(__file__).parents[1] / "journeys")]

from stack_journey import Stack  # noqa: E402

#: Seconds between two looks.
EVERY = 0.5


class Processes:
    """Peak resident memory, and CPU time, by process of the stack; looked at twice a second. A
    process is called after its part and, below that, after its command."""

    def __init__(self, stack: Stack) -> None:
        self.peaks: dict[str, int] = {}
        #: By process, the moments at which it was looked at and its CPU seconds until then.
        self._spent: dict[tuple[str, int], list[tuple[float, float]]] = {}
        self._resident: Mapping[str, int] = {}
        self._roots = stack.parts()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Processes:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def spent(self, begun: float, ended: float) -> dict[str, float]:
        """CPU seconds of each kind of process between two moments (Unix seconds)."""
        spent: dict[str, float] = {}
        for (label, _), looks in self._spent.items():
            inside = [cpu for at, cpu in looks if begun - EVERY <= at <= ended]
            if len(inside) > 1:
                spent[label] = spent.get(label, 0) + inside[-1] - inside[0]
        return spent

    def resident(self) -> Mapping[str, int]:
        """Bytes by kind of process at the last look; the largest of those called the same."""
        return self._resident

    def _run(self) -> None:
        while not self._stop.wait(EVERY):
            resident: dict[str, int] = {}
            for name, pid in self._roots.items():
                for process in _family(pid):
                    self._look(name, pid, process, resident)
            self._resident = resident

    def _look(self, name: str, pid: int, process: psutil.Process, resident: dict[str, int]) -> None:
        try:
            size = process.memory_info().rss
            times = process.cpu_times()
            label = name if process.pid == pid else f"{name}: {process.cmdline()[0][-40:]}"
        except (psutil.Error, IndexError):
            return
        resident[label] = max(resident.get(label, 0), size)
        self.peaks[label] = max(self.peaks.get(label, 0), size)
        looks = self._spent.setdefault((label, process.pid), [])
        looks.append((time.time(), times.user + times.system))


def _family(pid: int) -> Iterator[psutil.Process]:
    try:
        root = psutil.Process(pid)
        yield root
        yield from root.children(recursive=True)
    except psutil.Error:
        return
