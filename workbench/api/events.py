"""Server-sent events: what tasks do, as text that a browser, a shell or a notebook can follow.

An event with an id is told once: whoever comes back with the last id that it has seen is told what
came after. Events without one are the newest state of something that changes often. A comment
each fifteen seconds keeps what lies between from closing a quiet stream. The headers ask proxies to
pass events on as they come.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.responses import StreamingResponse

from workbench.tasks.feed import Feed

HEARTBEAT_SECONDS = 15.0
#: Milliseconds after which a browser comes back to a stream that was cut.
_RETRY = "retry: 500\n\n"
_ALIVE = ": alive\n\n"
#: What a list of tasks need not say of each.
_LONG = {"collections", "stages"}


class EventStream(StreamingResponse):
    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[str]) -> None:
        headers = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
        super().__init__(events, headers=headers)


async def task_events(feed: Feed, namespace_id: str, task_id: str, seen: int) -> AsyncIterator[str]:
    """States after the sequence ``seen``, progress, and the end."""
    yield _RETRY
    told = ""
    with feed.task(namespace_id, task_id) as follower:
        while not follower.over:
            reading = await follower.next(HEARTBEAT_SECONDS)
            if reading is None:
                if not follower.over:
                    yield _ALIVE
                continue
            for state in reading.states:
                if state.sequence > seen:
                    seen = state.sequence
                    yield _event("state", state.model_dump_json(), seen)
            now = reading.task.model_dump_json()
            if reading.task.state.ended:
                yield _event("end", now)
                return
            if now != told:
                told = now
                yield _event("progress", now)


async def namespace_events(feed: Feed, namespace_id: str) -> AsyncIterator[str]:
    """The newest of each task that changed."""
    yield _RETRY
    told: dict[str, str] = {}
    with feed.all(namespace_id) as follower:
        while not follower.over:
            reading = await follower.next(HEARTBEAT_SECONDS)
            if reading is None:
                if not follower.over:
                    yield _ALIVE
                continue
            now = {task.task_id: task.model_dump_json(exclude=_LONG) for task in reading}
            for task_id, text in now.items():
                if told.get(task_id) != text:
                    yield _event("task", text)
            told = now


def _event(kind: str, data: str, number: int | None = None) -> str:
    """JSON has no line breaks, so one line holds it."""
    head = "" if number is None else f"id: {number}\n"
    return f"{head}event: {kind}\ndata: {data}\n\n"
