"""Every error as the one envelope, with the status that its code has.

What was not foreseen becomes ``internal``: the answer names the request, the log has the traceback.
Messages about a wrong request name the field and the rule, and never repeat what was sent.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from workbench.api.requests import facts_of
from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.room import HINT, MESSAGE, disk_is_full
from workbench.domain.wire import ErrorBody, ErrorEnvelope
from workbench.store.database import out_of_reach, refused
from workbench.vectors.port import BadVectors, SpaceNotFound, VectorsUnavailable

log = logging.getLogger(__name__)


def envelope(
    error: WorkbenchError,
    request_id: str,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer for ``error``; ``status`` replaces the one that its code has."""
    status = status or error.status
    body = ErrorEnvelope(
        error=ErrorBody(
            code=error.code,
            message=error.message,
            hint=error.hint,
            details=error.details,
            request_id=request_id,
        )
    )
    sent = dict(headers or {})
    if status == 401:
        sent["WWW-Authenticate"] = "Bearer"
    return Response(body.model_dump_json(), status, sent, media_type="application/json")


def unforeseen(problem: BaseException, request_id: str) -> Response:
    """The answer for a full disk, for a metadata store that does not answer or refuses a value, and
    for a defect. Call it while ``problem`` is being handled."""
    if disk_is_full(problem):
        log.error("request %s: %s: %s", request_id, MESSAGE, problem)
        return envelope(WorkbenchError(Code.UNAVAILABLE, MESSAGE, HINT), request_id)
    if out_of_reach(problem):
        log.error("request %s: the metadata store did not answer: %s", request_id, problem)
        message = "the metadata store does not answer now"
        hint = "try again; 'mixpeek doctor' says whether it can be reached"
        error = WorkbenchError(Code.UNAVAILABLE, message, hint)
        return envelope(error, request_id, headers={"Retry-After": "1"})
    if refused(problem):
        log.warning("request %s holds what the metadata store refuses: %s", request_id, problem)
        message = "the request holds a value that the metadata store cannot keep"
        return envelope(WorkbenchError(Code.INVALID, message), request_id)
    log.error("request %s failed", request_id, exc_info=problem)
    message = "the service failed at something that it should have foreseen"
    hint = f"its log has the reason under {request_id}"
    return envelope(WorkbenchError(Code.INTERNAL, message, hint), request_id)


def install(app: FastAPI) -> None:
    """Answer every exception that a route may raise."""
    app.add_exception_handler(WorkbenchError, _known)
    app.add_exception_handler(RequestValidationError, _wrong_request)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(VectorsUnavailable, _no_vectors)
    app.add_exception_handler(SpaceNotFound, _no_vectors)
    app.add_exception_handler(BadVectors, _bad_vectors)
    app.add_exception_handler(UnicodeEncodeError, _half_character)


async def _known(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, WorkbenchError)
    return envelope(problem, facts_of(request.scope).request_id)


async def _wrong_request(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, RequestValidationError)
    found = [_fault(fault) for fault in problem.errors()]
    first = found[0]
    error = WorkbenchError(
        Code.INVALID,
        f"{first['field']}: {first['problem']}",
        "the fields of every request are described at /docs",
        {"field": first["field"], "problems": found},
    )
    return envelope(error, facts_of(request.scope).request_id)


async def _http(request: Request, problem: Exception) -> Response:
    """What the framework refuses: unknown paths, methods, bodies that are too large or no JSON."""
    assert isinstance(problem, HTTPException)
    path, status = request.url.path, problem.status_code
    match status:
        case 404:
            error = WorkbenchError(Code.NOT_FOUND, f"there is no {path}", "see /docs")
        case 405:
            message = f"{path} does not take {request.method}"
            error = WorkbenchError(Code.INVALID, message, "see /docs")
        case 413:
            error = WorkbenchError(Code.TOO_LARGE, str(problem.detail))
        case _:
            error = WorkbenchError(Code.INVALID, str(problem.detail))
    return envelope(error, facts_of(request.scope).request_id, status, problem.headers)


async def _no_vectors(request: Request, problem: Exception) -> Response:
    request_id = facts_of(request.scope).request_id
    log.warning("request %s: the vector engine failed it: %s", request_id, problem)
    message = "the vector engine cannot be reached now"
    error = WorkbenchError(Code.UNAVAILABLE, message, "try again; 'mixpeek status' shows the parts")
    return envelope(error, request_id, headers={"Retry-After": "1"})


async def _bad_vectors(request: Request, problem: Exception) -> Response:
    error = WorkbenchError(Code.INVALID_QUERY, str(problem))
    return envelope(error, facts_of(request.scope).request_id)


async def _half_character(request: Request, problem: Exception) -> Response:
    """JSON can hold half a character (a lone surrogate); no path, database or model takes one."""
    request_id = facts_of(request.scope).request_id
    log.warning("request %s holds half a character", request_id, exc_info=problem)
    message = "the request holds half a character (a lone surrogate), which is no text"
    return envelope(WorkbenchError(Code.INVALID, message), request_id)


def _fault(fault: Mapping[str, Any]) -> dict[str, str]:
    """Where a request is wrong, as a person would write the field, and which rule it breaks."""
    if fault["type"] == "json_invalid":
        return {"field": "body", "problem": f"this is no JSON: {fault['ctx']['error']}"}
    place: Sequence[Any] = fault["loc"]
    parts = [str(part) for part in place if part not in ("query", "header", "path", "body")]
    return {"field": ".".join(parts) or str(place[0]), "problem": str(fault["msg"])}
