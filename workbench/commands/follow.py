"""Following a task to its end: what ``ingest``, ``wait``, ``retry`` and ``delete`` share."""

from __future__ import annotations

import argparse

from workbench.commands.base import DONE, INTERRUPTED, NOT_CLEAN, Context, Outcome
from workbench.domain.states import TaskState
from workbench.domain.wire import TaskOut


def add_strict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--strict",
        action="store_true",
        help="in a notebook: raise when items failed, too (a shell always exits 1 then)",
    )


def task_outcome(task: TaskOut, status: int = DONE, note: str | None = None) -> Outcome:
    return Outcome("task", task, task.model_dump(mode="json"), status, note=note)


def accepted(task: TaskOut) -> Outcome:
    """The task goes on by itself."""
    return task_outcome(task, note=f"`mixpeek wait {task.task_id}` waits for its end")


def follow(context: Context, task_id: str, first: TaskOut | None = None) -> Outcome:
    """Wait until the task has ended. An interrupt stops the waiting; the task goes on."""
    last = first

    def watch(now: TaskOut) -> None:
        nonlocal last
        last = now
        context.watch(now)

    try:
        return ended(context.client.wait(task_id, watch))
    except KeyboardInterrupt:
        if last is None:
            raise
        return task_outcome(last, INTERRUPTED, interrupted(task_id))


def ended(task: TaskOut) -> Outcome:
    if task.state is TaskState.COMPLETED:
        return task_outcome(task)
    return task_outcome(task, NOT_CLEAN, _what_next(task))


def interrupted(task_id: str) -> str:
    return (
        f"stopped waiting, the task goes on: `mixpeek wait {task_id}` waits again, "
        f"`mixpeek cancel {task_id}` cancels it"
    )


def _what_next(task: TaskOut) -> str | None:
    if not task.progress.failed:
        return None
    return (
        f"`mixpeek failures {task.task_id}` lists what failed and why, "
        f"`mixpeek retry {task.task_id}` tries it again"
    )
