"""A clock that jumps, for the processes of one stack: with this folder on PYTHONPATH the time is
wrong by as many seconds as the file at CLOCK_OFFSET says, from the moment in which it says so. The
moment in which the machine started moves along, as the kernel's own account of it does. Temporal
and the workers, with Ray, keep the true time."""

from __future__ import annotations

import os
import sys
import time


def _jump(place: str) -> None:
    import psutil

    real_time, real_time_ns = time.time, time.time_ns
    real_boot_time = psutil._pslinux.boot_time  # pyright: ignore

    def offset() -> int:
        with open(place, encoding="ascii") as file:
            return int(file.read() or 0)

    time.time = lambda: real_time() + offset()
    time.time_ns = lambda: real_time_ns() + 1_000_000_000 * offset()
    psutil._pslinux.boot_time = lambda: real_boot_time() + offset()  # pyright: ignore


if "workbench" in sys.orig_argv and "work" not in sys.orig_argv:
    _jump(os.environ["CLOCK_OFFSET"])
