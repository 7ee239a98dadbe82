"""What ``mixpeek up``, ``down`` and ``status`` do and print.

Results go to stdout, progress to stderr; with ``--json`` stdout holds one JSON document. ``up``
waits in the foreground, or returns with ``--detach`` when the service answers; where the stack runs
already it says where, and that is no error.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from workbench import __version__
from workbench.domain.errors import Code, WorkbenchError
from workbench.stack import processes
from workbench.stack.home import check_room, lock_home, prepare_home, read_json
from workbench.stack.parts import health
from workbench.stack.settings import Settings, default_home, load_settings
from workbench.stack.state import StackState, describe, read_state
from workbench.stack.supervisor import StartFailed, log_tail, set_aside
from workbench.stack.temporal import ensure_temporal
from workbench.stack.watch import Cleared, Listener, clear_leftovers, explain, watch_stack

DONE, FAILED, UNREACHABLE, INTERRUPTED = 0, 1, 3, 130
_START_SECONDS, _STOP_SECONDS = 120.0, 25.0


def up(*, detach: bool, as_json: bool) -> int:
    settings = load_settings()
    if detach:
        try:
            state, already = start_detached(settings, say)
        except WorkbenchError as error:
            if error.code is not Code.UNAVAILABLE:
                raise
            say(f"error: {error.message}\nhint: {error.hint}")
            return FAILED
        _print_started(settings, state, already, as_json)
        return DONE

    def ready(state: StackState) -> None:
        _print_started(settings, state, False, as_json)
        if not as_json:
            print("Ctrl-C stops it.", flush=True)

    try:
        if watch_stack(settings, Listener(say, ready)):
            say("stopped")
            return DONE
    except StartFailed as failure:
        say(explain(failure, settings.logs_folder))
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    _print_started(settings, _await_ready(settings, None, say), True, as_json)
    return DONE


def start_detached(settings: Settings, say: Callable[[str], None]) -> tuple[StackState, bool]:
    """Make the stack run behind this process; returns its state when it answers, and whether it ran
    before. Where it does not start, ``say`` is told what its log says; raises ``UNAVAILABLE``."""
    prepare_home(settings)
    if _is_locked(settings):
        return _await_ready(settings, None, say), True
    check_room(settings)
    if settings.temporal_address is None:
        ensure_temporal(settings, say)  # here, where somebody sees the progress
    set_aside(settings.logs_folder / "up.log")
    with open(settings.logs_folder / "up.log", "ab") as log:
        child = subprocess.Popen(
            (sys.executable, "-P", "-m", "workbench", "up"),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=settings.home,
            env={**os.environ, **settings.environment()},
            start_new_session=True,
        )
    return _await_ready(settings, child, say), False


def down(*, as_json: bool) -> int:
    settings = load_settings()
    state = read_state(settings)
    ran = state is not None and state.running()
    if state is not None and ran:
        say("stopping")
        _stop_watcher(state)
    cleared = _clear(settings) if settings.run_folder.is_dir() else Cleared(0, ())
    stopped = ran or cleared.found > 0
    if as_json:
        shown = {"stopped": stopped, "home": str(settings.home), "left": cleared.left}
        print(json.dumps(shown))
    elif cleared.left:
        say(f"these processes would not end: {', '.join(map(str, cleared.left))}")
    else:
        print("stopped" if stopped else f"nothing was running in {settings.home}")
    return FAILED if cleared.left else DONE


def status(*, as_json: bool) -> int:
    settings = load_settings()
    state = read_state(settings)
    running = state is not None and state.running()
    answer = health(state.url) if state is not None and running and state.url else None
    shown = {
        "running": running,
        "health": answer,
        "home": str(settings.home),
        "url": state.url if state is not None and running else None,
        "version": state.version if state is not None and running else __version__,
        "watcher": state.watcher.pid if state is not None and running else None,
        "since": _moment(state.began) if state is not None and running else None,
        "parts": describe(state) if state is not None and running else [],
        "found": _found(settings, state) if state is not None and running else [],
    }
    if as_json:
        print(json.dumps(shown, default=str))
    else:
        _print_status(shown)
    return DONE if answer is not None else UNREACHABLE


def _found(settings: Settings, state: StackState) -> list[str]:
    """What the watcher and the service found at their start."""
    told: list[str] = (read_json(settings.found_file) or {}).get("found", [])
    return [*state.found, *told]


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _clear(settings: Settings) -> Cleared:
    """End what is left, with the home's lock: nobody starts in between."""
    deadline = time.monotonic() + 3
    while (lock := lock_home(settings)) is None:
        if time.monotonic() > deadline:
            raise WorkbenchError(
                Code.CONFLICT, "another `mixpeek up` is starting just now", "try again"
            )
        time.sleep(0.05)
    try:
        return clear_leftovers(settings)
    finally:
        os.close(lock)


def _is_locked(settings: Settings) -> bool:
    lock = lock_home(settings)
    if lock is None:
        return True
    os.close(lock)
    return False


def _await_ready(
    settings: Settings, child: subprocess.Popen[bytes] | None, say: Callable[[str], None]
) -> StackState:
    """The state of the stack once the service answers."""
    deadline, told = time.monotonic() + _START_SECONDS, 0
    while time.monotonic() < deadline:
        state = read_state(settings)
        if state is not None and state.running() and state.ready:
            return state
        if child is not None and child.poll() is not None:
            if child.returncode != 0:
                break
            child = None  # another process was quicker: wait for that one
        if child is None and not _is_locked(settings):
            break
        if time.monotonic() - (deadline - _START_SECONDS) > 10 * (told + 1):
            told += 1
            say("still starting")
        time.sleep(0.05)
    state = read_state(settings)
    say(log_tail(settings.logs_folder / "up.log"))
    reason = state.failure if state is not None and state.failure else "it does not say why"
    raise WorkbenchError(
        Code.UNAVAILABLE,
        f"the stack did not start: {reason}",
        f"the logs are in {settings.logs_folder}; `mixpeek doctor` looks at each part",
    )


def _stop_watcher(state: StackState) -> None:
    """Ask the watcher to stop everything; end it where it does not listen."""
    watcher = processes.find(state.watcher)
    if watcher is not None:
        watcher.send_signal(signal.SIGTERM)
        processes.wait([watcher], _STOP_SECONDS)
        if processes.alive(state.watcher):
            watcher.kill()


def _print_started(settings: Settings, state: StackState, already: bool, as_json: bool) -> None:
    if as_json:
        shown = {
            "url": state.url,
            "home": str(settings.home),
            "home_id": settings.home_id,
            "pid": state.watcher.pid,
            "version": state.version,
            "already": already,
            "parts": describe(state),
            "found": _found(settings, state),
        }
        print(json.dumps(shown, default=str), flush=True)
        return
    print(f"Mixpeek {'runs already' if already else 'runs'} at {state.url}")
    print(f"  home      {settings.home}")
    if settings.home != default_home():
        print(f"  notebooks and shells find it with MIXPEEK_HOME={settings.home}")
    for line in _found(settings, state) if not already else []:
        print(f"  found     {line}")
    print("  next      mixpeek ingest FOLDER, mixpeek lab; mixpeek status, mixpeek down")
    if state.version != __version__:
        print(
            f"  note      it is version {state.version}, this is {__version__}: "
            "`mixpeek down` and `mixpeek up` change over"
        )
    sys.stdout.flush()


def _print_status(shown: dict[str, Any]) -> None:
    if not shown["running"]:
        print(f"not running in {shown['home']}: `mixpeek up` starts it")
        return
    answer = shown["health"]
    print(f"{shown['url']}  {answer['state'] if answer else 'does not answer'}")
    print(f"home {shown['home']}, since {shown['since']}")
    print(f"{'part':10}{'state':12}{'pid':>8}{'uptime':>14}{'restarts':>10}  address")
    for row in shown["parts"]:
        uptime = "" if row["uptime_s"] is None else _duration(row["uptime_s"])
        pid = row["pid"] if row["pid"] is not None else ""
        print(
            f"{row['part']:10}{row['state']:12}{pid:>8}{uptime:>14}{row['restarts']:>10}"
            f"  {row['address'] or ''}"
        )
        if row["last_exit"]:
            print(f"{'':10}last time it {row['last_exit']}")
    for line in shown["found"]:
        print(f"found at its start: {line}")


def _duration(seconds: float) -> str:
    whole = int(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {whole % 60:02} s"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
