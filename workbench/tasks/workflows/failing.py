"""Why an activity failed, as the end of a task says it.

Activities put the code (or the category) into the type of their error and the hint into its
details; an error that is none of theirs is ``internal``. The workflows let this through their
sandbox: it holds no state.
"""

from __future__ import annotations

from temporalio.exceptions import ActivityError, ApplicationError, FailureError

from workbench.tasks.messages import FailTask, GiveUp, TaskRef

TRACEBACK_LINES = 12


def failure(task: TaskRef, error: ActivityError, hint: str | None = None) -> FailTask:
    """``hint`` is for an error that is none of an activity's own."""
    cause = error.cause
    if isinstance(cause, ApplicationError):
        said = cause.details[0] if cause.details else None
        return FailTask(task, cause.type or "internal", cause.message, said)
    return FailTask(task, "internal", str(cause) if cause else str(error), hint)


def giving_up(task: TaskRef, chunk_id: str, error: ActivityError, hint: str) -> GiveUp:
    """The chunk's items fail: in which stage, which is the activity's name, and where."""
    why = failure(task, error, hint)
    return GiveUp(
        task,
        chunk_id,
        why.code,
        why.message,
        why.hint,
        stage=error.activity_type or "extract",
        worker=error.identity or None,
        traceback=_tail(error),
    )


def _tail(error: ActivityError) -> str | None:
    told = error.cause.failure if isinstance(error.cause, FailureError) else None
    lines = told.stack_trace.splitlines() if told is not None else []
    return "\n".join(lines[-TRACEBACK_LINES:]) or None
