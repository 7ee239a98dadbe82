"""Documents, straight from the vector store: the only place with a row per document.

A list walks the spaces of the collections in reach in the order of their names; its cursor is the
space and the engine's own cursor in it. The namespace is part of every filter that is sent.
"""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from workbench.api.requests import NamespaceId, PageOf, ServicesOf, answer, present
from workbench.api.services import Services
from workbench.api.showing import PICTURE, Size, shown
from workbench.api.thumbnails import snap
from workbench.domain import filters
from workbench.domain.errors import Code, WorkbenchError, not_found
from workbench.domain.filters import Filter
from workbench.domain.wire import DocumentOut, Page
from workbench.extraction.contract import Part
from workbench.search.hits import document
from workbench.store.collections import CollectionRow
from workbench.store.listing import PageRequest
from workbench.vectors.port import Point, SpaceNotFound, VectorStore

router = APIRouter(prefix="/documents", tags=["documents"])


@router.get("", response_model=Page[DocumentOut])
async def list_documents(
    services: ServicesOf,
    namespace_id: NamespaceId,
    page: PageOf,
    collection: Annotated[str | None, Query(description="name or id of a collection")] = None,
) -> Response:
    """Documents in the order of their ids; ``filter`` takes the fields of the payload."""
    if page.sort is not None:
        message = "documents come in the order of their ids and cannot be sorted"
        raise WorkbenchError(Code.INVALID_PARAMETER, message, None, {"field": "sort"})
    reach = await run_in_threadpool(services.collections.reach, namespace_id)
    where = filters.all_of(filters.eq("namespace", namespace_id), page.filter)
    if collection is not None:
        reach = [row for row in reach if collection in (row.collection_id, row.name)]
        present(next(iter(reach), None), "collection", collection)
        where = filters.all_of(filters.eq("collection_id", reach[0].collection_id), where)
    points, cursor = await _scroll(services.vectors, _spaces(reach), where, page)
    found = [document(point.id, point.payload) for point in points]
    return answer(Page[DocumentOut](results=found, next_cursor=cursor))


@router.get("/{document_id}", response_model=DocumentOut)
async def get_document(
    document_id: str, services: ServicesOf, namespace_id: NamespaceId
) -> Response:
    point = await _find(services, namespace_id, document_id)
    return answer(document(point.id, point.payload))


@router.get("/{document_id}/preview", response_class=Response, responses=PICTURE)
async def get_preview(
    document_id: str,
    request: Request,
    services: ServicesOf,
    namespace_id: NamespaceId,
    size: Size = 320,
) -> Response:
    """A picture of where the document is: the frame of the film, the part of the recording, the
    page, the picture."""
    point = await _find(services, namespace_id, document_id)
    object_id = str(point.payload.get("object_id"))
    found = await run_in_threadpool(services.objects.get, namespace_id, object_id)
    row = present(found, "object", object_id)
    here = document(point.id, point.payload)
    part = Part(here.page, here.start_ms, here.end_ms)
    return await shown(services, row, part, snap(size), request.headers, here.extractor)


async def _find(services: Services, namespace_id: str, document_id: str) -> Point:
    """Raises ``not_found``."""
    try:
        key = str(uuid.UUID(document_id))
    except ValueError:
        raise not_found("document", document_id) from None
    reach = await run_in_threadpool(services.collections.reach, namespace_id)
    for space in _spaces(reach):
        try:
            point = (await services.vectors.retrieve(space, [key])).get(key)
        except SpaceNotFound:
            continue
        if point is not None and point.payload.get("namespace") == namespace_id:
            return point
    raise not_found("document", document_id)


def _spaces(reach: Sequence[CollectionRow]) -> list[str]:
    return sorted({row.space for row in reach})


async def _scroll(
    vectors: VectorStore, spaces: Sequence[str], where: Filter | None, page: PageRequest
) -> tuple[list[Point], str | None]:
    """A full page where there are so many, though it spans spaces."""
    space, inner = _decode(page.cursor) if page.cursor is not None else ("", None)
    found: list[Point] = []
    for name in spaces:
        if name < space:
            continue
        cursor = inner if name == space else None
        while len(found) < page.limit:
            left = page.limit - len(found)
            try:
                points, cursor = await vectors.scroll(name, where, limit=left, cursor=cursor)
            except SpaceNotFound:
                break
            found += points
            if cursor is None:
                break
        else:
            return found, _encode(name, cursor)
    return found, None


def _encode(space: str, inner: str | None) -> str:
    return base64.urlsafe_b64encode(json.dumps([space, inner]).encode()).decode().rstrip("=")


def _decode(cursor: str) -> tuple[str, str | None]:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        parts: Any = json.loads(raw)
    except (binascii.Error, ValueError, RecursionError):
        parts = None
    match parts:
        case [str() as space, (str() | None) as inner]:
            return space, inner
        case _:
            message = "this is no cursor of this list"
            raise WorkbenchError(Code.INVALID_PARAMETER, message, None, {"field": "cursor"})
