"""Errors as a notebook shows them: two lines, what happened and what to do, and the run stops.

IPython asks an exception for ``_render_traceback_``. Name and text of the exception stay whole, so
papermill, nbclient and a scheduler report the same two lines. ``__cause__`` keeps the origin.
"""

from __future__ import annotations

from typing import Final

from jupyter_ext.words import sentence
from workbench.commands.words import clean
from workbench.domain.errors import Code, WorkbenchError

_RED: Final = "\x1b[31m"
_PLAIN: Final = "\x1b[0m"


class _TwoLines:
    """What and what to do. ``str()`` of the exception is both in one line."""

    message: str
    hint: str | None

    def _render_traceback_(self) -> list[str]:
        first = f"{_RED}{type(self).__name__}{_PLAIN}: {clean(self.message)}"
        return [first, clean(self.hint)] if self.hint else [first]

    def __str__(self) -> str:
        parts = [self.message] if not self.hint else [sentence(self.message), self.hint]
        return clean(" ".join(parts))


class MixpeekError(_TwoLines, Exception):
    """Base of what the magics raise. ``code`` is stable, see ``workbench.domain.errors``."""

    def __init__(self, message: str, hint: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code


class MixpeekUsageError(MixpeekError):
    """A verb, an option or a value that the command does not take."""


class TaskFailed(MixpeekError):
    """A task ended as FAILED, or with failures where ``--strict`` allows none."""


class TaskCanceled(MixpeekError):
    """A task ended as CANCELED."""


class WaitInterrupted(_TwoLines, KeyboardInterrupt):
    """The cell was interrupted while it waited. The task goes on."""

    def __init__(self, task_id: str) -> None:
        super().__init__()
        self.task_id = task_id
        self.message = "stopped waiting, the task goes on"
        self.hint = (
            f"%mixpeek wait {task_id} waits again, %mixpeek cancel {task_id} cancels the task"
        )


_WRONG_USE: Final = frozenset(
    {Code.INVALID, Code.INVALID_FILTER, Code.INVALID_PARAMETER, Code.INVALID_QUERY}
)


def from_workbench(error: WorkbenchError) -> MixpeekError:
    """The same error for a notebook. The request's id helps to find it in the service's log."""
    hint = in_a_cell(error.hint) if error.hint else None
    request_id = getattr(error, "request_id", None)
    if request_id and error.code is Code.INTERNAL:
        hint = " ".join(filter(None, (hint, f"(request {request_id})")))
    kind = MixpeekUsageError if error.code in _WRONG_USE else MixpeekError
    return kind(in_a_cell(error.message), hint, str(error.code))


def in_a_cell(text: str) -> str:
    """Commands as a cell takes them: `mixpeek up` is `%mixpeek up`."""
    return text.replace("`mixpeek ", "`%mixpeek ")
