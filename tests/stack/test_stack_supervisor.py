"""Parts are real child processes: they are killed, they fail, they ignore, they talk too much."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from stack_support import gone

from workbench.stack.supervisor import (
    Limits,
    Part,
    PartStatus,
    StartFailed,
    Supervisor,
    bound_log,
    log_tail,
)

QUICK = Limits(first_delay=0.05, start_seconds=10, log_check=0.05, log_bytes=20_000)
SLEEP = "import time; time.sleep(600)"
NOTE_TERM = """
import signal, sys, time
def note(*_):
    time.sleep(0.2); open(sys.argv[1], "a").write(sys.argv[2] + "\\n"); sys.exit(0)
signal.signal(signal.SIGTERM, note); open(sys.argv[3], "w").close(); time.sleep(600)
"""
DEAF = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN); open(sys.argv[1], "w").close(); time.sleep(600)
"""
TALK = """
import itertools, time
for i in itertools.count(): print(f"{i:099}", flush=True); time.sleep(.0005)
"""


def part(name: str, code: str, *arguments: object, **options: object) -> Part:
    command = (sys.executable, "-S", "-c", code, *map(str, arguments))
    return Part(name, command, dict(os.environ), **options)  # type: ignore[arg-type]


def exists(path: Path) -> Callable[[], bool]:
    return path.exists


@asynccontextmanager
async def running(folder: Path, *parts: Part, limits: Limits = QUICK) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(parts, folder=folder, logs=folder, limits=limits)
    stop, ready = asyncio.Event(), asyncio.Event()

    async def started() -> None:
        ready.set()

    task = asyncio.create_task(supervisor.run(stop, started))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    try:
        if not task.done():
            yield supervisor
    finally:
        stop.set()
        await task


async def until(condition: Callable[[], object], seconds: float = 20) -> float:
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, "it did not happen in time"
        await asyncio.sleep(0.01)
    return time.monotonic() - begun


async def test_a_killed_part_comes_back_soon(tmp_path: Path) -> None:
    async with running(tmp_path, part("one", SLEEP), limits=Limits()) as supervisor:
        status = supervisor.statuses["one"]
        first = status.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        took = await until(lambda: status.pid not in (None, first))
        assert took < 6, "the longest delay is ten seconds"
        assert status.restarts == 1
        assert status.last_exit == "was killed by signal 9"
    assert status.state == "stopped"
    assert status.pid is None
    assert gone(first)


async def test_delays_between_restarts_grow(tmp_path: Path) -> None:
    begun: list[float] = []
    flaky = part("flaky", "", sweep=lambda: begun.append(time.monotonic()))
    limits = Limits(first_delay=0.05, most_delay=0.8, attempts=9)
    async with running(tmp_path, flaky, limits=limits):
        await until(lambda: len(begun) >= 8)
    gaps = [after - before for before, after in pairwise(begun)]
    # A gap holds a start too, which may be slow: of two the shorter one tells the delay.
    assert gaps[4] >= 0.8 > min(gaps[1:3])
    assert min(gaps[5:7]) < 1.6, "doubled on, they would be 1.6 and 3.2"


async def test_a_part_that_cannot_start_ends_the_start(tmp_path: Path) -> None:
    others: list[PartStatus] = []
    broken = part("broken", "import sys; sys.exit('no such model')", ready=lambda: False)
    supervisor = Supervisor(
        [part("one", SLEEP), broken], folder=tmp_path, logs=tmp_path, limits=QUICK
    )
    pids: set[int] = set()
    supervisor._changed = lambda seen: pids.update(each.pid for each in seen if each.pid)

    async def started() -> None:
        others.extend(supervisor.statuses.values())

    with pytest.raises(StartFailed, match="broken ended with status 1 while starting"):
        await supervisor.run(asyncio.Event(), started)
    assert others == []
    assert len(pids) == 4
    assert all(map(gone, pids))
    assert "no such model" in log_tail(tmp_path / "broken.log")


async def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    absent = Part("absent", ("/no/such/program",), dict(os.environ), ready=lambda: False)
    with pytest.raises(StartFailed):
        async with running(tmp_path, absent):
            pass
    assert "/no/such/program: No such file" in log_tail(tmp_path / "absent.log")


async def test_a_part_that_is_never_ready_ends_the_start(tmp_path: Path) -> None:
    slow = part("slow", SLEEP, ready=lambda: False)
    with pytest.raises(StartFailed, match=r"slow was not ready within 0\.3 s"):
        async with running(tmp_path, slow, limits=Limits(start_seconds=0.3)):
            pass


async def test_parts_start_after_those_they_need(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    first = part(
        "first",
        "import sys, time; time.sleep(.3); open(sys.argv[1], 'w'); time.sleep(600)",
        mark,
        ready=exists(mark),
    )
    seen: list[bool] = []
    second = part("second", SLEEP, sweep=lambda: seen.append(mark.exists()), after=("first",))
    async with running(tmp_path, second, first):
        assert seen == [True]


async def test_parts_stop_in_waves(tmp_path: Path) -> None:
    notes, a, b = tmp_path / "notes", tmp_path / "a", tmp_path / "b"
    parts = [
        part("store", NOTE_TERM, notes, "store", a, ready=exists(a), wave=1),
        part("user", NOTE_TERM, notes, "user", b, ready=exists(b)),
    ]
    async with running(tmp_path, *parts):
        pass
    assert notes.read_text().split() == ["user", "store"]


async def test_a_part_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    async with running(tmp_path, part("deaf", DEAF, mark, ready=exists(mark), patience=0.3)):
        begun = time.monotonic()
    assert 0.3 <= time.monotonic() - begun < 5


async def test_hurrying_ends_the_patience(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    deaf = part("deaf", DEAF, mark, ready=exists(mark), patience=30)
    async with running(tmp_path, deaf) as supervisor:
        asyncio.get_running_loop().call_later(0.2, supervisor.hurry)
        begun = time.monotonic()
    assert time.monotonic() - begun < 10


async def test_a_talkative_part_fills_no_disk(tmp_path: Path) -> None:
    log, old = tmp_path / "talker.log", tmp_path / "talker.log.1"

    def told() -> int:
        """How many bytes had been written when the log was last emptied."""
        return 100 * int(log_tail(old, 1) or 0)

    async with running(tmp_path, part("talker", TALK)):
        # The log is looked at by the loop that runs this too: when both were held up it has grown
        # beyond any bound, and is emptied the next time.
        await until(lambda: told() > 6 * QUICK.log_bytes)
        await until(lambda: log.stat().st_size < 3 * QUICK.log_bytes, 5)
        assert old.stat().st_size <= QUICK.log_bytes


def test_the_newest_part_of_a_log_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("old\n" * 1000 + "newest\n")
    bound_log(log, 100)
    assert log.read_text() == ""
    assert (tmp_path / "a.log.1").read_text().endswith("newest\n")
    log.write_text("short\n")
    bound_log(log, 100)
    assert log.read_text() == "short\n"
