"""One task of the service, watched until it has ended: by its events, or by asking for it.

``events`` gives each state that the task takes once; ``wait`` is content with the newest and comes
back with the ended task. Where the service gives no events of it (an older one, or a proxy that
does not let them through) the task is asked for instead; one that is not there is an error either
way. Nothing here changes the task, and who stops watching leaves it as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from workbench.client.following import (
    OUTAGE_SECONDS,
    SILENCE_SECONDS,
    ProgressEvent,
    TaskEvent,
    follow,
)
from workbench.client.session import RefusedError, Session, path_of
from workbench.client.transport import READ_SECONDS, Body
from workbench.client.waiting import POLL_SECONDS, Watch, wait_for
from workbench.domain.errors import Code
from workbench.domain.wire import TaskOut


class _NoStream(Exception):
    """The service gives no events of the task."""


def changes(
    session: Session, task_id: str, after: int | None, wait: float
) -> tuple[TaskOut, int | None]:
    """The task, once its sequence is past ``after`` or after ``wait`` seconds; and the sequence,
    for the next call. Does not try again."""
    query = {"wait": f"{wait:g}", "after": after} if after is not None else None
    task, headers = session.ask(
        TaskOut,
        "GET",
        path_of("tasks", task_id),
        query,
        read=wait + READ_SECONDS / 4,
        patience=0,
    )
    sequence = headers.get("X-Sequence", "")
    return task, int(sequence) if sequence.isdecimal() else None


def events(
    session: Session,
    task_id: str,
    last_event_id: int | None = None,
    outage: float = OUTAGE_SECONDS,
) -> Iterator[TaskEvent]:
    """What the task does after the state of the sequence ``last_event_id``, until it has ended."""

    def opened(seen: int | None) -> Body:
        headers = {"Accept": "text/event-stream"}
        if seen is not None:
            headers["Last-Event-ID"] = str(seen)
        return session.stream(
            path_of("tasks", task_id, "events"),
            headers=headers,
            read=SILENCE_SECONDS,
            patience=0,
        )

    return follow(opened, last_event_id, session.notify, outage)


def wait(
    session: Session,
    task_id: str,
    watch: Watch | None = None,
    poll: float = POLL_SECONDS,
    outage: float = OUTAGE_SECONDS,
) -> TaskOut:
    """The task when it has ended. ``watch`` is called with every state seen."""
    try:
        for task in _progress(session, task_id, outage):
            if watch is not None:
                watch(task)
            if task.state.ended:
                return task
    except _NoStream:
        pass
    return wait_for(partial(changes, session), task_id, watch, session.notify, poll, outage)


def _progress(session: Session, task_id: str, outage: float) -> Iterator[TaskOut]:
    heard = False
    try:
        for event in events(session, task_id, outage=outage):
            heard = True
            if isinstance(event, ProgressEvent):
                yield event.task
    except RefusedError as error:
        if heard or error.code not in (Code.NOT_FOUND, Code.INVALID):
            raise
        raise _NoStream from None
