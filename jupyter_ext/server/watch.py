"""One stream of events from the service, fanned out to every page of this Jupyter server.

A thread follows ``/v1/tasks/events`` and comes back to it whenever it breaks; so it also knows
whether the service is there. A stream tells of what goes on and of ends of the last minute: tasks
that were going on when an earlier stream ended are asked for one by one. ``Fan`` lives in the
server's loop: it passes on the newest state of a task at most twice a second, its end at once, and
the coming and going of the service. What goes on the bus, which all who may use this server can
read, are ids and numbers; names are asked for by the pages, with their own authority.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from workbench.client.following import SILENCE_SECONDS, frames
from workbench.client.session import RefusedError, Session, decode, path_of
from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.wire import TaskOut

TASK: Final = "https://schema.mixpeek.com/task"
STACK: Final = "https://schema.mixpeek.com/stack"
_COUNTS: Final = (
    *("total", "pending", "extracted", "indexed", "skipped", "failed", "canceled", "documents"),
    *("rate", "seconds_left"),
)
_PACE: Final = 0.5
#: Seconds between two looks at a service that is away. One in a home costs a look at a file.
_NEAR, _FAR = 1.0, 5.0

Emit = Callable[[str, Mapping[str, Any]], None]


def shown(task: TaskOut) -> dict[str, Any]:
    """What the bus tells of a task."""
    counts = {name: getattr(task.progress, name) for name in _COUNTS}
    head = {"task_id": task.task_id, "kind": task.kind.value, "state": task.state.value}
    return {**head, "requested": task.requested, **counts}


class Fan:
    """Call it in the server's loop only."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._newest: dict[str, TaskOut] = {}
        self._resting: dict[str, asyncio.TimerHandle] = {}
        self._state: str | None = None

    def task(self, task: TaskOut) -> None:
        self._newest[task.task_id] = task
        if task.state.ended or task.task_id not in self._resting:
            self._tell(task.task_id)

    def stack(self, state: str, note: str | None = None) -> None:
        """A state that is known already is told again only with something to say."""
        if state != self._state or note is not None:
            self._state = state
            self._emit(STACK, {"state": state, "note": note})

    def _tell(self, task_id: str) -> None:
        handle = self._resting.pop(task_id, None)
        if handle is not None:
            handle.cancel()
        task = self._newest.pop(task_id, None)
        if task is None:
            return  # nothing new since it was told
        if not task.state.ended:
            loop = asyncio.get_running_loop()
            self._resting[task_id] = loop.call_later(_PACE, self._tell, task_id)
        self._emit(TASK, shown(task))


class Watch:
    """``begin`` is for the first page that asks: a server that nobody uses for this stays quiet."""

    def __init__(self, session: Session, fan: Fan, starting: Callable[[], bool]) -> None:
        self._session = session
        self._fan = fan
        self._starting = starting
        self._pause = _NEAR if session.find.local else _FAR
        self._over = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._going: set[str] = set()

    def begin(self) -> None:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            # A daemon: it may sit in a read when the server ends.
            threading.Thread(target=self._run, name="mixpeek events", daemon=True).start()

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self._follow()
            except WorkbenchError:
                if not self._starting():
                    self._tell(self._fan.stack, "down", None)
            self._over.wait(self._pause)

    def _follow(self) -> None:
        """Until the stream ends or breaks, which is a ``WorkbenchError``."""
        with self._session.stream("/tasks/events", read=SILENCE_SECONDS, patience=0) as body:
            self._tell(self._fan.stack, "up", None)
            self._ask_again()
            for kind, data in frames(body):
                if kind == "task":
                    self._told(decode(TaskOut, data))

    def _ask_again(self) -> None:
        """What the pages show as going on may have ended while no stream was open."""
        for task_id in list(self._going):
            try:
                self._told(self._session.ask(TaskOut, "GET", path_of("tasks", task_id))[0])
            except RefusedError as error:
                if error.code is not Code.NOT_FOUND:
                    raise
                self._going.discard(task_id)

    def _told(self, task: TaskOut) -> None:
        if task.state.ended:
            self._going.discard(task.task_id)
        else:
            self._going.add(task.task_id)
        self._tell(self._fan.task, task)

    def _tell(self, call: Callable[..., None], *given: object) -> None:
        if self._loop is not None:
            try:
                self._loop.call_soon_threadsafe(call, *given)
            except RuntimeError:  # the loop has ended, and with it the server
                self._over.set()
