"""Objects: list, look at, show, read, delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from workbench.api.content import content
from workbench.api.requests import NamespaceId, PageOf, ServicesOf, answer, present
from workbench.api.showing import PICTURE, Size, shown
from workbench.api.sources import open_object
from workbench.api.tasks import accepted
from workbench.api.thumbnails import snap
from workbench.domain.wire import ExplainOut, ObjectOut, Page, TaskOut
from workbench.extraction.contract import Part

router = APIRouter(prefix="/objects", tags=["objects"])


@router.get("", response_model=Page[ObjectOut])
def list_objects(
    services: ServicesOf,
    namespace_id: NamespaceId,
    page: PageOf,
    bucket: Annotated[str | None, Query(description="name or id of a bucket")] = None,
) -> Response:
    """By name in one bucket; over all of them in the order in which they came."""
    bucket_id = None
    if bucket is not None:
        bucket_id = present(services.buckets.find(namespace_id, bucket), "bucket", bucket)
    return answer(services.objects.list(namespace_id, page, bucket_id))


@router.get("/{object_id}", response_model=ObjectOut)
def get_object(object_id: str, services: ServicesOf, namespace_id: NamespaceId) -> Response:
    row = present(services.objects.get(namespace_id, object_id), "object", object_id)
    return answer(row.wire())


@router.get("/{object_id}/explain", response_model=ExplainOut)
def explain_object(object_id: str, services: ServicesOf, namespace_id: NamespaceId) -> Response:
    """What is searchable of the object, and why it was, or was not, extracted."""
    return answer(present(services.explanations.of(namespace_id, object_id), "object", object_id))


@router.delete("/{object_id}", response_model=TaskOut, status_code=202)
def delete_object(object_id: str, services: ServicesOf, namespace_id: NamespaceId) -> Response:
    """Removes the object and its documents. The file in the source stays as it is."""
    present(services.objects.get(namespace_id, object_id), "object", object_id)
    task_id = services.accept.delete(namespace_id, "object", object_id)
    return accepted(services, namespace_id, task_id)


@router.get("/{object_id}/thumbnail", response_class=Response, responses=PICTURE)
async def get_thumbnail(
    object_id: str,
    request: Request,
    services: ServicesOf,
    namespace_id: NamespaceId,
    size: Size = 320,
) -> Response:
    """A small upright picture of a picture; a film's poster, a recording's loudness."""
    found = await run_in_threadpool(services.objects.get, namespace_id, object_id)
    row = present(found, "object", object_id)
    return await shown(services, row, Part(), snap(size), request.headers)


@router.get(
    "/{object_id}/content",
    response_class=Response,
    responses={
        200: {"content": {"application/octet-stream": {}}},
        206: {"description": "the range that was asked for"},
        304: {"description": "not changed"},
        416: {"description": "the range lies outside"},
    },
)
async def get_content(
    object_id: str, request: Request, services: ServicesOf, namespace_id: NamespaceId
) -> Response:
    """The object's bytes as they are in the source now."""
    found = await run_in_threadpool(services.objects.get, namespace_id, object_id)
    row = present(found, "object", object_id)
    opened = await run_in_threadpool(open_object, services.open_source, row)
    return content(row, opened, request.headers)
