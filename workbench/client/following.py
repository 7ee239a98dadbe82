"""Following a task by its events, across cut connections and restarts of the service.

The service numbers the states that a task takes. A stream that ends before the task has is opened
anew after the last number seen, so each state is given exactly once and in order, whatever happens
between; progress is the newest only. A service that is away is waited for, up to ``outage``
seconds: its supervisor restarts it, and the task goes on by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from workbench.client.session import Notify, decode
from workbench.client.transport import Body
from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.wire import TaskOut, TaskStateOut

#: Seconds that a service may be away before following ends with an error.
OUTAGE_SECONDS = 60.0
#: The service says something each 15 s; after this long a connection counts as dead.
SILENCE_SECONDS = 40.0
_LOOK_SECONDS = 0.3
_BREATH_SECONDS = 0.05
_AWAY = frozenset({Code.SERVICE_UNREACHABLE, Code.UNAVAILABLE})


@dataclass(frozen=True)
class StateEvent:
    """The task took this state."""

    state: TaskStateOut


@dataclass(frozen=True)
class ProgressEvent:
    """The task as it is now; the last one of a task is ``ended``."""

    task: TaskOut
    ended: bool


TaskEvent = StateEvent | ProgressEvent
#: Opens the stream of what came after a sequence (None: all).
Open = Callable[[int | None], Body]


def follow(
    open_stream: Open, seen: int | None, notify: Notify, outage: float = OUTAGE_SECONDS
) -> Iterator[TaskEvent]:
    """The events after the sequence ``seen`` until the task has ended."""
    away: float | None = None
    while True:
        heard = False
        try:
            with open_stream(seen) as body:
                for event in read_events(body):
                    heard, away = True, None
                    if isinstance(event, StateEvent):
                        seen = event.state.sequence
                    yield event
                    if isinstance(event, ProgressEvent) and event.ended:
                        return
        except WorkbenchError as error:
            if error.code not in _AWAY or (away is not None and time.monotonic() - away > outage):
                raise
            if not heard and away is None:
                away = time.monotonic()
                notify(f"{error.message}; waiting up to {outage:.0f} s for it, the task goes on")
        time.sleep(_BREATH_SECONDS if heard else _LOOK_SECONDS)


def read_events(body: Body) -> Iterator[TaskEvent]:
    """The events of one stream; one that was cut in the middle is dropped. Kinds that a newer
    service added are passed over."""
    for kind, data in frames(body):
        if kind == "state":
            yield StateEvent(decode(TaskStateOut, data))
        elif kind in ("progress", "end"):
            yield ProgressEvent(decode(TaskOut, data), kind == "end")


def frames(body: Body) -> Iterator[tuple[str, bytes]]:
    """Kind and data of each event of a stream. Comments, which only say that the other side is
    there, come as a kind that is empty."""
    kind, data = "", b""
    for line in body.lines():
        name, _, value = line.rstrip(b"\r").partition(b": ")
        match name:
            case b"event":
                kind = value.decode()
            case b"data":
                data = value
            case b"":
                if value:
                    yield "", value
                    continue
                if kind:
                    yield kind, data
                kind, data = "", b""
            case _:
                continue
