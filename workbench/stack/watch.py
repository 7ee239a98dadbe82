"""One stack from start to end: the body of ``mixpeek up``.

Take the lock of the home; end what an earlier session left (also Ray's processes) and remove its
sockets; have the Temporal program; start the parts and watch them until SIGINT, SIGTERM or SIGHUP;
end every process of this home and say so. ``run/state.json`` tells others where it stands, and
``run/service.json`` names the service from its first good answer until the stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from workbench import __version__
from workbench.stack import processes
from workbench.stack.home import check_room, lock_home, prepare_home, write_json
from workbench.stack.parts import Plan, plan_stack
from workbench.stack.settings import Settings, secure_runtime
from workbench.stack.state import StackState, read_state, write_state
from workbench.stack.supervisor import Limits, PartStatus, StartFailed, Supervisor, log_tail
from workbench.stack.temporal import ensure_temporal

Say = Callable[[str], None]
MakePlan = Callable[[Settings, Say], Plan]
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_CATCH_UP_SECONDS = 1.0


@dataclass(frozen=True)
class Listener:
    """Who is told: ``say`` of progress, ``ready`` once, when everything runs."""

    say: Say
    ready: Callable[[StackState], None]


def watch_stack(
    settings: Settings,
    listener: Listener,
    *,
    make_plan: MakePlan | None = None,
    limits: Limits | None = None,
) -> bool:
    """Run the stack until it is told to stop. False, at once, where another process runs it.

    Raises ``WorkbenchError`` where it cannot be set up, ``StartFailed`` where a part does not
    start; nothing runs then.
    """
    prepare_home(settings)
    lock = lock_home(settings)
    if lock is None:
        return False
    try:
        check_room(settings)
        before = read_state(settings)
        found = before.traces(time.time()) if before else []
        cleared = clear_leftovers(settings)
        if cleared.found:
            listener.say(f"ended {cleared.found} processes that an earlier session left")
        for line in found:
            listener.say(line)
        secure_runtime(settings)
        settings.found_file.unlink(missing_ok=True)  # the service before this one wrote it
        keeper = _Keeper(settings, listener, found)
        try:
            plan = (make_plan or default_plan)(settings, listener.say)
            asyncio.run(keeper.run(plan, limits))
        except BaseException as error:
            keeper.note_failure(str(error) or type(error).__name__)
            raise
        finally:
            processes.end(processes.of_stack(settings))
            _remove_files(settings)
    finally:
        os.close(lock)
    return True


def default_plan(settings: Settings, say: Say) -> Plan:
    """The real parts, with the Temporal program fetched or built if need be."""
    embedded = settings.temporal_address is None
    return plan_stack(settings, ensure_temporal(settings, say) if embedded else None)


@dataclass(frozen=True)
class Cleared:
    """Processes of an earlier session: how many there were, and the pids of those that would not
    end."""

    found: int
    left: tuple[int, ...]


def clear_leftovers(settings: Settings) -> Cleared:
    """End what an earlier session of this home left, and remove its files. Only for who holds the
    lock, or knows that nobody does."""
    before = read_state(settings)
    found = processes.of_stack(settings, before.identities() if before else [])
    left = processes.end(found)
    _remove_files(settings)
    return Cleared(len(found), tuple(process.pid for process in left))


def _remove_files(settings: Settings) -> None:
    """What has a meaning only while the stack runs."""
    settings.service_file.unlink(missing_ok=True)
    shutil.rmtree(settings.runtime, ignore_errors=True)


class _Keeper:
    """Keeps the files of ``run/`` true while the supervisor works."""

    def __init__(self, settings: Settings, listener: Listener, found: Sequence[str]) -> None:
        myself = processes.identity(os.getpid()) or processes.Identity(os.getpid(), time.time())
        self._settings = settings
        self._listener = listener
        self._state = StackState(myself, time.time(), __version__, found=tuple(found))
        self._told: dict[str, str] = {}
        self._begun: dict[str, float] = {}
        self._service_pid: int | None = None
        self._behind = False
        write_state(settings, self._state)

    async def run(self, plan: Plan, limits: Limits | None) -> None:
        self._state = replace(self._state, url=plan.url)
        supervisor = Supervisor(
            plan.parts,
            folder=self._settings.home,
            logs=self._settings.logs_folder,
            changed=self._changed,
            limits=limits,
        )
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def asked() -> None:
            if stop.is_set():
                supervisor.hurry()
            stop.set()

        for number in _SIGNALS:
            loop.add_signal_handler(number, asked)
        catching_up = asyncio.create_task(self._catch_up())
        try:
            await supervisor.run(stop, self._started)
        finally:
            catching_up.cancel()

    def note_failure(self, message: str) -> None:
        self._state = replace(self._state, failure=message)
        self._write()

    async def _started(self) -> None:
        self._state = replace(self._state, ready=True)
        self._write()
        with contextlib.suppress(OSError):
            self._listener.ready(self._state)

    def _write(self) -> None:
        """Both files. On a full disk they wait, and the stack goes on without them."""
        try:
            write_state(self._settings, self._state)
            if self._service_pid is not None:
                self._write_service(self._service_pid)
        except OSError as error:
            if not self._behind:
                self._say(f"what `status` shows cannot be written: {error.strerror}")
            self._behind = True
        else:
            self._behind = False

    async def _catch_up(self) -> None:
        while True:
            await asyncio.sleep(_CATCH_UP_SECONDS)
            if self._behind:
                self._write()

    def _say(self, line: str) -> None:
        """It goes to a log, which may lie on a full disk."""
        with contextlib.suppress(OSError):
            self._listener.say(line)

    def _changed(self, statuses: Sequence[PartStatus]) -> None:
        self._state = replace(self._state, parts=tuple(statuses))
        for status in statuses:
            if self._told.get(status.name) != status.state:
                self._told[status.name] = status.state
                self._tell(status)
        self._write()

    def _tell(self, status: PartStatus) -> None:
        if status.state == "restarting":
            self._say(f"{status.name} {status.last_exit}: starting it again")
        elif status.state == "starting":
            self._begun[status.name] = time.monotonic()
        elif status.state in ("ready", "running"):
            seconds = time.monotonic() - self._begun[status.name]
            self._say(f"{status.name} is {status.state} ({seconds:.1f} s)")
        if status.name == "service" and status.state == "ready":
            self._service_pid = status.pid

    def _write_service(self, pid: int) -> None:
        answer = {
            "url": self._state.url,
            "pid": pid,
            "version": __version__,
            "home_id": self._settings.home_id,
        }
        write_json(self._settings.service_file, answer)


def explain(failure: StartFailed, logs: Path) -> str:
    """The failure with the end of the log of its part."""
    log = logs / f"{failure.part}.log"
    tail = log_tail(log)
    return f"{failure}\n--- end of {log} ---\n{tail}" if tail else f"{failure} (see {log})"
