"""Why an activity failed, as the end of a task says it.

Activities put the code (or the category) into the type of their error and the hint into its
details; an error that is none of theirs is ``internal``. The workflows let this through their
sandbox: it holds no state.
"""

from __future__ import annotations

from temporalio.exceptions import ActivityError, ApplicationError

from workbench.tasks.messages import FailTask, TaskRef


def failure(task: TaskRef, error: ActivityError, hint: str | None = None) -> FailTask:
    """``hint`` is for an error that is none of an activity's own."""
    cause = error.cause
    if isinstance(cause, ApplicationError):
        said = cause.details[0] if cause.details else None
        return FailTask(task, cause.type or "internal", cause.message, said)
    return FailTask(task, "internal", str(cause) if cause else str(error), hint)
