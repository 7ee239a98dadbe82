"""What an error means to a script: its exit status, and its JSON form."""

from __future__ import annotations

from typing import Any

from workbench.client import RefusedError
from workbench.commands.base import REFUSED, UNREACHABLE, WRONG_USE
from workbench.domain.errors import Code, WorkbenchError

#: Found on this side, before or without the service: what was typed does not do.
_TYPED = frozenset(
    {
        Code.INVALID,
        Code.INVALID_FILTER,
        Code.INVALID_PARAMETER,
        Code.INVALID_QUERY,
        Code.SOURCE_UNREADABLE,
        Code.TOO_LARGE,
    }
)


def exit_status(error: WorkbenchError) -> int:
    """2 for what was typed wrongly, 3 for a service that cannot be reached, else 4."""
    if isinstance(error, RefusedError):
        return REFUSED
    if error.code is Code.SERVICE_UNREACHABLE:
        return UNREACHABLE
    return WRONG_USE if error.code in _TYPED else REFUSED


def envelope(error: WorkbenchError) -> dict[str, Any]:
    """The error as the HTTP API writes it."""
    refused = error if isinstance(error, RefusedError) else None
    return {
        "error": {
            "code": refused.service_code if refused else error.code.value,
            "message": error.message,
            "hint": error.hint,
            "details": error.details,
            "request_id": refused.request_id if refused else None,
        }
    }
