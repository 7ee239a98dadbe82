"""States of tasks and items, and the transitions that are allowed.

Two tables are the whole machine. ``EVENTS``: what happens to a task, from which states it may
happen, and which state the task is in afterwards; the store compares with it inside the UPDATE, so
a late writer cannot reopen a task. ``REQUESTS``: what a person may ask, in which state and beside
which request that is not yet done. An ended task never changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class TaskState(StrEnum):
    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    COMPLETED_WITH_ERRORS = "COMPLETED_WITH_ERRORS"
    FAILED = "FAILED"
    CANCELED = "CANCELED"

    @property
    def ended(self) -> bool:
        return self in ENDED


ENDED = frozenset(
    {
        TaskState.COMPLETED,
        TaskState.COMPLETED_WITH_ERRORS,
        TaskState.FAILED,
        TaskState.CANCELED,
    }
)


class Event(StrEnum):
    """What happens to a task."""

    BEGIN = "begin"  # its workflow is there
    PAUSED = "paused"  # nothing of it runs any more
    RESUMED = "resumed"
    COMPLETED = "completed"
    COMPLETED_WITH_ERRORS = "completed_with_errors"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(frozen=True)
class Transition:
    sources: frozenset[TaskState]
    target: TaskState


def _transition(target: TaskState, *sources: TaskState) -> Transition:
    return Transition(frozenset(sources), target)


_S = TaskState
EVENTS: Mapping[Event, Transition] = {
    Event.BEGIN: _transition(_S.IN_PROGRESS, _S.PENDING),
    Event.PAUSED: _transition(_S.PAUSED, _S.PENDING, _S.IN_PROGRESS),
    Event.RESUMED: _transition(_S.IN_PROGRESS, _S.PAUSED),
    Event.COMPLETED: _transition(_S.COMPLETED, _S.IN_PROGRESS),
    Event.COMPLETED_WITH_ERRORS: _transition(_S.COMPLETED_WITH_ERRORS, _S.IN_PROGRESS),
    Event.FAILED: _transition(_S.FAILED, _S.PENDING, _S.IN_PROGRESS, _S.PAUSED),
    Event.CANCELED: _transition(_S.CANCELED, _S.PENDING, _S.IN_PROGRESS, _S.PAUSED),
}


def ending(state: TaskState) -> Event:
    """The event that ends a task in ``state``."""
    return next(e for e, t in EVENTS.items() if t.target is state and state.ended)


class Request(StrEnum):
    """What a person asks of a task."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


@dataclass(frozen=True)
class Asked:
    """What an accepted request does: ``requested`` is then what is not yet done, ``event`` happens
    at once. With ``tell`` the workflow hears of it."""

    requested: Request | None
    event: Event | None = None
    tell: bool = True


_P, _C = Request.PAUSE, Request.CANCEL
#: (request, state, request not yet done) -> what it does. What is not here is refused.
REQUESTS: Mapping[tuple[Request, TaskState, Request | None], Asked] = {
    (_P, _S.PENDING, None): Asked(_P),
    (_P, _S.IN_PROGRESS, None): Asked(_P),
    (_P, _S.PENDING, _P): Asked(_P, tell=False),
    (_P, _S.IN_PROGRESS, _P): Asked(_P, tell=False),
    (Request.RESUME, _S.PENDING, _P): Asked(None),
    (Request.RESUME, _S.IN_PROGRESS, _P): Asked(None),
    (Request.RESUME, _S.PAUSED, None): Asked(None, Event.RESUMED),
    **{
        (_C, state, before): Asked(_C)
        for state in TaskState
        if state not in ENDED
        for before in (None, _P, _C)
    },
}


class TaskKind(StrEnum):
    INGEST = "ingest"
    DELETE = "delete"
    REINDEX = "reindex"


class ItemState(StrEnum):
    """``pending`` and ``extracted`` are on the way; the others are ends."""

    PENDING = "pending"
    EXTRACTED = "extracted"
    INDEXED = "indexed"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELED = "canceled"


class Category(StrEnum):
    """Why an item failed."""

    SOURCE = "source"
    FORMAT = "format"
    LIMITS = "limits"
    MODEL = "model"
    RESOURCE = "resource"
    NETWORK = "network"
    PERMISSION = "permission"
    INTERNAL = "internal"


RETRYABLE = frozenset({Category.NETWORK, Category.RESOURCE})
