"""Finding and ending the processes of one stack, also those that outlived their parent.

A process is named by its pid and its start, since pids are used again. Every process of a
stack inherits ``MIXPEEK_RUNTIME``, so what belongs to a stack is found without a list that might
be incomplete. Ray's agents write their title over their environment; they are known by that title
together with their working folder, the home. The caller and its ancestors are never in the result.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from workbench.stack.settings import PREFIX, Settings

#: Set for every child; its value is the stack's runtime folder.
MARKER = PREFIX + "RUNTIME"
#: Clocks are slewed; start times are compared within this many seconds.
_TOLERANCE = 2.0
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Identity:
    """``started`` is by the clock. ``born`` is the kernel's own count, the same whatever the clock
    does; empty where there is none."""

    pid: int
    started: float
    born: str = ""


def identity(pid: int) -> Identity | None:
    """Who has this pid now; None if nobody."""
    try:
        return Identity(pid, psutil.Process(pid).create_time(), _born(pid))
    except psutil.Error:
        return None


def alive(who: Identity) -> bool:
    """Whether that very process still runs (a zombie does not)."""
    return find(who) is not None


def find(who: Identity) -> psutil.Process | None:
    try:
        process = psutil.Process(who.pid)
        if who.born:
            same = _born(who.pid) == who.born
        else:
            same = abs(process.create_time() - who.started) <= _TOLERANCE
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def _born(pid: int) -> str:
    """Which start of the machine, and how many ticks after it this process started."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return f"{_BOOT_ID.read_text().strip()}+{fields[19]}"
    except (OSError, IndexError):
        return ""


def of_stack(settings: Settings, recorded: Iterable[Identity] = ()) -> list[psutil.Process]:
    """Every living process of the stack of this home: marked, recorded, or descended from one."""
    myself = psutil.Process()
    mine = {myself.pid, *(parent.pid for parent in myself.parents())}
    found = {process.pid: process for process in map(find, recorded) if process is not None}
    for process in psutil.process_iter():
        if process.pid not in found and _belongs(process, settings):
            found[process.pid] = process
    for process in [process for pid, process in found.items() if pid not in mine]:
        with contextlib.suppress(psutil.Error):
            found.update((child.pid, child) for child in process.children(recursive=True))
    return [process for pid, process in found.items() if pid not in mine]


def ray_of_stack(settings: Settings) -> list[psutil.Process]:
    """The processes of this home's own Ray: what a worker that was killed leaves behind."""
    return [process for process in of_stack(settings) if _is_ray(process)]


def end(processes: Sequence[psutil.Process], patience: float = 1.5) -> list[psutil.Process]:
    """SIGTERM, ``patience`` seconds, SIGKILL; returns those that are still there after it."""
    return _send(_send(processes, "terminate", patience), "kill", 3.0)


def wait(processes: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that still run after so many seconds. A zombie has ended: who has to collect it, often
    the first process of a container, may never do so."""
    deadline = time.monotonic() + seconds
    left = [process for process in processes if _runs(process)]
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = [process for process in left if _runs(process)]
    return left


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _send(processes: Sequence[psutil.Process], how: str, patience: float) -> list[psutil.Process]:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            getattr(process, how)()
    return wait(processes, patience)


def _belongs(process: psutil.Process, settings: Settings) -> bool:
    try:
        if process.uids().real != os.getuid() or process.status() == psutil.STATUS_ZOMBIE:
            return False
        if process.environ().get(MARKER) == str(settings.runtime):
            return True
        return _has_ray_title(process) and Path(process.cwd()) == settings.home
    except (psutil.Error, OSError):
        return False


def _is_ray(process: psutil.Process) -> bool:
    try:
        arguments = process.cmdline()
    except psutil.Error:
        return False
    return _has_ray_title(process) or any("/ray/" in argument for argument in arguments[:4])


def _has_ray_title(process: psutil.Process) -> bool:
    return (process.cmdline() or [""])[0].startswith("ray::")
