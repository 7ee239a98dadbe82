"""The HTTP application: routes, errors and what every request passes, around one ``Services``."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from fastapi import APIRouter, FastAPI

from workbench import __version__
from workbench.api import (
    buckets,
    collections,
    documents,
    errors,
    extractors,
    health,
    namespaces,
    objects,
    reference,
    search,
    tasks,
    uploads,
)
from workbench.api.middleware import LOOPBACK, BodyLimit, Envelope, Guard
from workbench.api.requests import NamespaceNames
from workbench.api.services import Services
from workbench.domain.wire import ErrorEnvelope

_NOUNS = (
    namespaces,
    buckets,
    uploads,
    objects,
    collections,
    documents,
    extractors,
    search,
    tasks,
    health,
)


def create_app(
    services: Services,
    routers: Sequence[APIRouter] = (),
    hosts: Collection[str] = LOOPBACK,
) -> FastAPI:
    """``routers`` are added under /v1 beside the built-in ones. ``hosts`` are the names, without
    ports, that the service answers to; others are refused."""
    app = FastAPI(
        title="Mixpeek workbench",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.services = services
    app.state.namespace_names = NamespaceNames(services.namespaces)
    for router in (*(noun.router for noun in _NOUNS), *routers):
        app.include_router(router, prefix="/v1", responses={"default": {"model": ErrorEnvelope}})
    reference.install(app)
    errors.install(app)
    # The last one added is the outermost.
    app.add_middleware(BodyLimit, upload=services.uploads.limit)
    app.add_middleware(Guard, access=services.access, hosts=hosts)
    app.add_middleware(Envelope)
    return app
