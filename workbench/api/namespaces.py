"""Namespaces: list, create."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from workbench.api.requests import Caller, PageOf, ServicesOf, answer
from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.wire import NamespaceCreate, NamespaceOut, Page

router = APIRouter(prefix="/namespaces", tags=["namespaces"])


@router.get("", response_model=Page[NamespaceOut])
def list_namespaces(services: ServicesOf, caller: Caller, page: PageOf) -> Response:
    """The namespaces that the key reaches."""
    return answer(services.namespaces.list(page, caller.namespaces))


@router.post("", response_model=NamespaceOut, status_code=201)
def create_namespace(body: NamespaceCreate, services: ServicesOf, caller: Caller) -> Response:
    if caller.namespaces is not None:
        message = "a key of single namespaces cannot make new ones"
        raise WorkbenchError(Code.FORBIDDEN, message)
    return answer(services.namespaces.create(body.name), 201)
