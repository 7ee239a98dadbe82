"""Waiting for the end of a task by asking for it, where its events cannot be followed.

The service holds each answer until something changed, so a change is seen at once and a quiet task
costs a request every few seconds. A service that goes away is waited for: its supervisor restarts
it, and the task goes on by itself. Stopping to wait changes nothing about the task.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from workbench.client.following import OUTAGE_SECONDS
from workbench.client.session import Notify
from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.wire import TaskOut

#: Seconds that the service holds an answer while nothing changes.
POLL_SECONDS = 5.0
_LOOK_SECONDS = 0.5
#: A task may change many times a second; nobody reads faster than this.
_BREATH_SECONDS = 0.1
_AWAY = frozenset({Code.SERVICE_UNREACHABLE, Code.UNAVAILABLE})

Watch = Callable[[TaskOut], object]


class Changes(Protocol):
    """The task as soon as it is past ``after``, or after ``wait`` seconds; and its sequence."""

    def __call__(
        self, task_id: str, after: int | None, wait: float, /
    ) -> tuple[TaskOut, int | None]: ...


def wait_for(
    changes: Changes,
    task_id: str,
    watch: Watch | None,
    notify: Notify,
    poll: float = POLL_SECONDS,
    outage: float = OUTAGE_SECONDS,
) -> TaskOut:
    """The ended task. ``watch`` is called with every state seen, at least once per ``poll``
    seconds. Raises ``SERVICE_UNREACHABLE`` after ``outage`` seconds without a service."""
    after: int | None = None
    away: float | None = None
    while True:
        try:
            task, after = changes(task_id, after, 0.0 if after is None else poll)
        except WorkbenchError as error:
            now = time.monotonic()
            if error.code not in _AWAY or (away is not None and now - away > outage):
                raise
            if away is None:
                away = now
                notify(f"{error.message}; waiting up to {outage:.0f} s for it, the task goes on")
            time.sleep(_LOOK_SECONDS)
            continue
        away = None
        if watch is not None:
            watch(task)
        if task.state.ended:
            return task
        time.sleep(_BREATH_SECONDS if after is not None else _LOOK_SECONDS)
