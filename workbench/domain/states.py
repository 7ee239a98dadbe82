"""States of tasks and items, and the transitions that are allowed.

An ended task never changes. The table below is the only place that says which state may follow
which; the store compares against it inside the UPDATE, so a late writer cannot reopen a task.
"""

from __future__ import annotations

from collections.abc import Mapping
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

#: The states from which a task may enter the key.
ENTERED_FROM: Mapping[TaskState, frozenset[TaskState]] = {
    TaskState.PENDING: frozenset(),
    TaskState.IN_PROGRESS: frozenset({TaskState.PENDING, TaskState.PAUSED}),
    TaskState.PAUSED: frozenset({TaskState.PENDING, TaskState.IN_PROGRESS}),
    TaskState.COMPLETED: frozenset({TaskState.IN_PROGRESS}),
    TaskState.COMPLETED_WITH_ERRORS: frozenset({TaskState.IN_PROGRESS}),
    TaskState.FAILED: frozenset({TaskState.PENDING, TaskState.IN_PROGRESS, TaskState.PAUSED}),
    TaskState.CANCELED: frozenset({TaskState.PENDING, TaskState.IN_PROGRESS, TaskState.PAUSED}),
}


class TaskKind(StrEnum):
    INGEST = "ingest"
    DELETE = "delete"


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
