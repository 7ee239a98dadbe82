"""The processes of a Ray that this process started: waiting for the end of one, ending all.

Ray does not always tell its driver that the raylet (the scheduler) or the gcs_server (its store of
state) has died: calls hang for a minute or more. The kernel tells at once, through a pidfd. And
what a start that failed has started (Ray gives up after 30 s, which a busy machine can need) runs
on, some 400 MB of it, and makes the next try slower still: it must be ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import os

import psutil

ENGINES = frozenset({"raylet", "gcs_server"})


async def one_ended() -> None:
    """Returns when the first of them has ended; at once if one has already."""
    pids = await asyncio.to_thread(_engines)
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    descriptors: list[int] = []
    try:
        for pid in pids:
            try:
                descriptor = os.pidfd_open(pid)
            except ProcessLookupError:
                return
            descriptors.append(descriptor)
            loop.add_reader(descriptor, ended.set)
        await ended.wait()
    finally:
        for descriptor in descriptors:
            loop.remove_reader(descriptor)
            os.close(descriptor)


def end_all() -> None:
    """End every Ray process below this one, and wait for them."""
    found: list[psutil.Process] = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            arguments = child.cmdline()
            if any("/ray/" in each or each.startswith("ray::") for each in arguments[:4]):
                child.kill()
                found.append(child)
    psutil.wait_procs(found, timeout=5)


def _engines() -> list[int]:
    children = psutil.Process().children(recursive=True)
    return [child.pid for child in children if child.name() in ENGINES]
