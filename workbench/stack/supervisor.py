"""Starting parts, watching them, restarting what dies, stopping all of them together.

Each part is a child process and one coroutine that owns it from start to end: wait for the parts it
comes after, sweep what an earlier run of it left, start it, wait for its end, start it again. The
first restart comes after a tenth of a second; each one that fails soon doubles the delay, up to ten
seconds. A part that ends ``attempts`` times before it was ever ready ends the whole start.

Promises: children die when this process does (``exec_child``); ``run`` returns only when every
child has ended, in waves (those that use others first); each run begins new logs, and one that has
grown past ``log_bytes`` is copied to ``NAME.log.1`` and emptied, which is safe because children
append.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from workbench.stack import exec_child
from workbench.stack.processes import identity

#: ``running`` is ``ready`` for a part that cannot be asked.
State = Literal["waiting", "starting", "running", "ready", "restarting", "stopped"]


@dataclass(frozen=True)
class Part:
    """One child. ``environment`` is the whole of it. ``ready`` is asked in a thread until it is
    true (None: ready when started); ``sweep`` runs before each start; ``wave`` orders stopping, 0
    first; ``patience`` is the time (s) between SIGTERM and SIGKILL."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    address: str | None = None
    ready: Callable[[], bool] | None = None
    sweep: Callable[[], object] | None = None
    after: tuple[str, ...] = ()
    wave: int = 0
    patience: float = 6.0


@dataclass
class PartStatus:
    """What ``status`` shows of a part; times are seconds since 1970."""

    name: str
    state: State = "waiting"
    pid: int | None = None
    started: float | None = None
    since: float = field(default_factory=time.time)
    restarts: int = 0
    last_exit: str | None = None
    address: str | None = None


@dataclass(frozen=True)
class Limits:
    first_delay: float = 0.1
    most_delay: float = 10.0
    #: A part that ran this long has recovered: the next delay is the first again.
    recovered: float = 10.0
    attempts: int = 3
    start_seconds: float = 90.0
    poll: float = 0.05
    log_bytes: int = 8 << 20
    log_check: float = 1.0


class StartFailed(Exception):
    """A part did not start. ``part`` is its name; the message says how it ended."""

    def __init__(self, part: str, message: str) -> None:
        super().__init__(message)
        self.part = part


class Supervisor:
    """Watches ``parts``, which run in ``folder`` and write to ``logs``. ``changed`` is called with
    all statuses whenever one of them changed."""

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        folder: Path,
        logs: Path,
        changed: Callable[[Sequence[PartStatus]], None] = lambda _: None,
        limits: Limits | None = None,
    ) -> None:
        self.parts = tuple(parts)
        self.statuses = {part.name: PartStatus(part.name, address=part.address) for part in parts}
        self._folder = folder
        self._logs = logs
        self._changed = changed
        self._limits = limits or Limits()
        self._ready = {part.name: asyncio.Event() for part in parts}
        self._stop = {part.wave: asyncio.Event() for part in parts}
        self._hurry = asyncio.Event()

    async def run(self, stop: asyncio.Event, started: Callable[[], Awaitable[None]]) -> None:
        """Start everything, call ``started`` when all parts are ready, go on until ``stop`` is set,
        then stop everything. Raises ``StartFailed`` after everything was stopped again."""
        for part in self.parts:
            set_aside(self._log(part.name))
        keepers = {part.name: asyncio.create_task(self._keep(part)) for part in self.parts}
        chores = [asyncio.create_task(self._bound_logs())]
        stopping = asyncio.create_task(stop.wait())
        try:
            await self._until_started(keepers, stopping)
            if not stop.is_set() and not any(keeper.done() for keeper in keepers.values()):
                await started()
                await _first(stopping, *keepers.values())
        finally:
            for task in (*chores, stopping):
                task.cancel()
            await self._stop_all(keepers)
        for task in keepers.values():
            task.result()

    def hurry(self) -> None:
        """Stop without waiting for anybody to end by himself."""
        self._hurry.set()

    async def _until_started(
        self, keepers: Mapping[str, asyncio.Task[None]], stopping: asyncio.Task[bool]
    ) -> None:
        all_ready = asyncio.create_task(self._all_ready())
        try:
            async with asyncio.timeout(self._limits.start_seconds):
                await _first(all_ready, stopping, *keepers.values())
        except TimeoutError:
            late = next(name for name, event in self._ready.items() if not event.is_set())
            seconds = self._limits.start_seconds
            raise StartFailed(late, f"{late} was not ready within {seconds:g} s") from None
        finally:
            all_ready.cancel()

    async def _all_ready(self) -> None:
        for event in self._ready.values():
            await event.wait()

    async def _stop_all(self, keepers: Mapping[str, asyncio.Task[None]]) -> None:
        for wave in sorted(self._stop):
            self._stop[wave].set()
            members = [keepers[part.name] for part in self.parts if part.wave == wave]
            if members:
                await asyncio.wait(members)

    async def _keep(self, part: Part) -> None:
        """The life of one part, until its wave is stopped."""
        stop = asyncio.create_task(self._stop[part.wave].wait())
        try:
            for name in part.after:
                await _first(stop, asyncio.create_task(self._ready[name].wait()))
            await self._restart_until(part, stop)
        finally:
            stop.cancel()
            self._set(part, "stopped", pid=None, started=None)

    async def _restart_until(self, part: Part, stop: asyncio.Task[bool]) -> None:
        limits, delay, failures = self._limits, self._limits.first_delay, 0
        while not stop.done():
            if part.sweep is not None:
                await asyncio.to_thread(part.sweep)
            begun = time.monotonic()
            process = await self._start(part)
            exited = asyncio.create_task(process.wait())
            asking = asyncio.create_task(self._ask_ready(part))
            await _first(exited, stop)
            asking.cancel()
            if not exited.done():
                await self._end(part, process, exited)
                return
            if not self._ready[part.name].is_set():
                failures += 1
                if failures >= limits.attempts:
                    raise StartFailed(part.name, f"{part.name} {_ending(process)} while starting")
            if time.monotonic() - begun > limits.recovered:
                delay = limits.first_delay
            status = self.statuses[part.name]
            status.restarts += 1
            self._set(part, "restarting", pid=None, started=None, last_exit=_ending(process))
            await _first(stop, at_most=delay)
            delay = min(2 * delay, limits.most_delay)

    async def _start(self, part: Part) -> asyncio.subprocess.Process:
        wrapper = (sys.executable, "-I", "-S", exec_child.__file__, str(os.getpid()))
        log = os.open(self._log(part.name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            process = await asyncio.create_subprocess_exec(
                *wrapper,
                *part.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env=part.environment,
                start_new_session=True,
            )
        finally:
            os.close(log)
        who = identity(process.pid)
        self._set(part, "starting", pid=process.pid, started=who.started if who else None)
        return process

    async def _ask_ready(self, part: Part) -> None:
        while part.ready is not None:
            if await asyncio.to_thread(part.ready):
                break
            await asyncio.sleep(self._limits.poll)
        self._set(part, "running" if part.ready is None else "ready")
        self._ready[part.name].set()

    async def _end(
        self, part: Part, process: asyncio.subprocess.Process, exited: asyncio.Task[int]
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        hurry = asyncio.create_task(self._hurry.wait())
        await _first(exited, hurry, at_most=part.patience)
        hurry.cancel()
        if not exited.done():
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await exited

    def _set(self, part: Part, state: State, **changes: int | float | str | None) -> None:
        status = self.statuses[part.name]
        if status.state != state:
            status.since = time.time()
        status.state = state
        for name, value in changes.items():
            setattr(status, name, value)
        self._changed([replace(each) for each in self.statuses.values()])

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    async def _bound_logs(self) -> None:
        while True:
            for path in self._logs.glob("*.log"):
                bound_log(path, self._limits.log_bytes)
            await asyncio.sleep(self._limits.log_check)


def bound_log(path: Path, limit: int) -> None:
    """Empty a log that has grown past ``limit``; its newest ``limit`` bytes go to ``NAME.1``."""
    with contextlib.suppress(OSError):
        if path.stat().st_size > limit:
            old = path.with_name(path.name + ".1")
            with path.open("rb") as source, old.open("wb") as target:
                source.seek(-limit, os.SEEK_END)
                target.write(source.read(limit))
            old.chmod(0o600)
            os.truncate(path, 0)


def set_aside(path: Path) -> None:
    """Begin a new log; the one before stays as ``NAME.1``."""
    with contextlib.suppress(FileNotFoundError):
        os.replace(path, path.with_name(path.name + ".1"))


def log_tail(path: Path, lines: int = 20) -> str:
    """The last lines of a log, for a person who asks why a part did not start."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 16384))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def _ending(process: asyncio.subprocess.Process) -> str:
    code = process.returncode or 0
    return f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"


async def _first(*tasks: asyncio.Task[object], at_most: float | None = None) -> None:
    await asyncio.wait(tasks, timeout=at_most, return_when=asyncio.FIRST_COMPLETED)
