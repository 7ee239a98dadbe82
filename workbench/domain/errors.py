"""Errors that reach a person: what happened, why, what to do next, under a stable code.

Inside the product anything may be raised; at an edge (API, command, magic) only these pass. The
code is part of the interface: scripts test it, so a code never changes its meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Code(StrEnum):
    """Stable error codes and, in ``STATUS``, the HTTP status each is answered with."""

    INVALID = "invalid_request"
    INVALID_FILTER = "invalid_filter"
    INVALID_PARAMETER = "invalid_parameter"
    INVALID_QUERY = "invalid_query"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    BUCKET_SOURCE_CONFLICT = "bucket_source_conflict"
    SOURCE_UNREADABLE = "source_unreadable"
    TASK_ENDED = "task_ended"
    TOO_LARGE = "too_large"
    NO_THUMBNAIL = "no_thumbnail"
    UNSUPPORTED_MEDIA = "unsupported_media"
    UNAVAILABLE = "unavailable"
    SERVICE_UNREACHABLE = "service_unreachable"
    VERSION_MISMATCH = "version_mismatch"
    INTERNAL = "internal"


STATUS: Mapping[Code, int] = {
    Code.INVALID: 422,
    Code.INVALID_FILTER: 422,
    Code.INVALID_PARAMETER: 422,
    Code.INVALID_QUERY: 422,
    Code.UNAUTHORIZED: 401,
    Code.FORBIDDEN: 403,
    Code.NOT_FOUND: 404,
    Code.CONFLICT: 409,
    Code.BUCKET_SOURCE_CONFLICT: 409,
    Code.SOURCE_UNREADABLE: 422,
    Code.TASK_ENDED: 409,
    Code.TOO_LARGE: 413,
    Code.NO_THUMBNAIL: 404,
    Code.UNSUPPORTED_MEDIA: 415,
    Code.UNAVAILABLE: 503,
    Code.SERVICE_UNREACHABLE: 503,
    Code.VERSION_MISMATCH: 409,
    Code.INTERNAL: 500,
}


class WorkbenchError(Exception):
    """One error for every edge. ``message`` says what and why, ``hint`` what to do next."""

    def __init__(
        self,
        code: Code,
        message: str,
        hint: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.details = dict(details or {})

    @property
    def status(self) -> int:
        return STATUS[self.code]


def not_found(noun: str, name: str, hint: str | None = None) -> WorkbenchError:
    """The answer for what is not there, and for what the caller may not see."""
    return WorkbenchError(Code.NOT_FOUND, f"there is no {noun} {name!r}", hint)
