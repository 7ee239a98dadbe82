"""What a route asks of its request: the services, the caller, the namespace, the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Header, Query, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Scope

from workbench.access.principal import Principal, out_of_reach
from workbench.api.services import Services
from workbench.domain import filters
from workbench.domain.errors import not_found
from workbench.domain.wire import NamespaceOut
from workbench.store.listing import MAX_LIMIT, PageRequest
from workbench.store.namespaces import DEFAULT, Namespaces

T = TypeVar("T")
_SCOPE_KEY = "mixpeek"


@dataclass
class RequestFacts:
    """What the middleware knows of a request. ``principal`` is None on open routes."""

    request_id: str
    principal: Principal | None = None


def set_facts(scope: Scope, facts: RequestFacts) -> None:
    scope[_SCOPE_KEY] = facts


def facts_of(scope: Scope) -> RequestFacts:
    return scope[_SCOPE_KEY]


class NamespaceNames:
    """Namespaces by name or id. What was found is kept: a namespace never changes either."""

    def __init__(self, namespaces: Namespaces) -> None:
        self._namespaces = namespaces
        self._known: dict[str, NamespaceOut] = {}

    async def find(self, name_or_id: str) -> NamespaceOut | None:
        known = self._known.get(name_or_id)
        if known is None:
            known = await run_in_threadpool(self._namespaces.get, name_or_id)
            if known is not None:
                self._known[name_or_id] = known
        return known


async def services_of(request: Request) -> Services:
    return request.app.state.services


async def principal_of(request: Request) -> Principal:
    principal = facts_of(request.scope).principal
    assert principal is not None, "an open route asks for its caller"
    return principal


async def namespace_of(
    request: Request,
    x_namespace: Annotated[
        str, Header(description="name or id of the namespace", max_length=64)
    ] = DEFAULT,
) -> str:
    """The id of the request's namespace, which its caller reaches."""
    names = cast(NamespaceNames, request.app.state.namespace_names)
    principal = await principal_of(request)
    found = await names.find(x_namespace)
    if not principal.reaches(found.namespace_id if found else ""):
        raise out_of_reach(x_namespace)
    if found is None:
        raise not_found("namespace", x_namespace, "GET /v1/namespaces lists those that there are")
    return found.namespace_id


async def page_of(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 100,
    cursor: Annotated[
        str | None, Query(description="next_cursor of the page before", max_length=8192)
    ] = None,
    sort: Annotated[
        str | None, Query(description="a field; with a minus the highest first", max_length=64)
    ] = None,
    filter: Annotated[
        str | None,
        Query(description='a filter as JSON or as text: size > 1000 and mime = "image/png"'),
    ] = None,
) -> PageRequest:
    parsed = filters.parse(filter) if filter is not None and filter.strip() else None
    return PageRequest(limit, cursor, sort, parsed)


ServicesOf = Annotated[Services, Depends(services_of)]
Caller = Annotated[Principal, Depends(principal_of)]
NamespaceId = Annotated[str, Depends(namespace_of)]
PageOf = Annotated[PageRequest, Depends(page_of)]


def answer(model: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """``model`` as JSON. The model is ours and valid, so it is written once and checked no more."""
    return Response(model.model_dump_json(), status, headers, media_type="application/json")


def present(value: T | None, noun: str, name: str) -> T:
    """``value``, or ``not_found``."""
    if value is None:
        raise not_found(noun, name)
    return value
