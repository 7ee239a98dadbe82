"""Uploads: buckets that files are sent to, and the files.

A body is read in pieces of a MiB that are hashed and written in a thread, so memory does not grow
with the file. Whatever breaks it off leaves nothing behind. A sender that is refused in the middle
is heard out for a few seconds, since it reads the answer only when it has sent its bytes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from workbench.api.requests import Caller, NamespaceId, ServicesOf, answer, present
from workbench.domain.wire import (
    BucketCreate,
    BucketOut,
    OfferOut,
    OfferRequest,
    SourceOut,
    SourceRequest,
    UploadOut,
)
from workbench.tasks.uploads import Incoming, Told, Uploads

router = APIRouter(tags=["uploads"])

_PIECE = 1024 * 1024
HEAR_OUT_SECONDS = 5.0
#: The client closed the connection: nobody reads the answer.
_GONE = 499
_BODY = {
    "requestBody": {"required": True, "content": {"application/octet-stream": {}}},
}


@router.post("/sources", response_model=SourceOut)
def probe_source(
    body: SourceRequest,
    services: ServicesOf,
    namespace_id: NamespaceId,
    caller: Caller,
    local: bool = False,
) -> Response:
    """Whether the service sees the caller's files itself, and where they go if it does not."""
    return answer(services.accept.probe(namespace_id, body, local, caller))


@router.post("/buckets", response_model=BucketOut, status_code=201)
def create_bucket(body: BucketCreate, services: ServicesOf, namespace_id: NamespaceId) -> Response:
    """A bucket that objects are uploaded to. Asking again for the same one is no error (200)."""
    made = services.uploads.ensure_bucket(namespace_id, body.name, body.origin)
    found = present(services.buckets.get(namespace_id, body.name), "bucket", body.name)
    return answer(found, 201 if made else 200)


@router.post("/buckets/{name_or_id}/offers", response_model=OfferOut)
def offer_files(
    name_or_id: str, body: OfferRequest, services: ServicesOf, namespace_id: NamespaceId
) -> Response:
    """Which of these files must be sent; the others are there, or are made from equal content."""
    uploads = services.uploads
    states = uploads.offer(namespace_id, name_or_id, body.round, body.files)
    return answer(OfferOut(results=states, max_bytes=uploads.limit))


@router.post(
    "/buckets/{name_or_id}/objects",
    response_model=UploadOut,
    status_code=201,
    openapi_extra=_BODY,
)
async def upload_object(
    name_or_id: str,
    request: Request,
    services: ServicesOf,
    namespace_id: NamespaceId,
    name: Annotated[str, Query(description="a relative path, e.g. trip/cat.jpg")],
    modified_at: Annotated[
        int | None, Query(description="UTC milliseconds; the present where it is not said")
    ] = None,
    sha256: Annotated[
        str | None, Query(pattern=r"^[0-9a-f]{64}$", description="checked against what comes")
    ] = None,
    round: Annotated[str | None, Query(pattern=r"^[A-Za-z0-9_-]{8,64}$")] = None,
) -> Response:
    """The body is the object's bytes. 201 for a new object, 200 for one that was there."""
    modified = time.time_ns() // 1_000_000 if modified_at is None else modified_at
    told = Told(name, modified, sha256, round)
    pieces = _pieces(request)
    try:
        kept = await _take(services.uploads, namespace_id, name_or_id, told, pieces)
    except ClientDisconnect:
        return Response(status_code=_GONE)
    except Exception:
        await _hear_out(pieces)
        raise
    return answer(kept, 201 if kept.created else 200)


async def _take(
    uploads: Uploads, namespace_id: str, bucket: str, told: Told, pieces: AsyncIterator[bytes]
) -> UploadOut:
    """A body of one piece costs one turn in a thread."""
    incoming: Incoming | None = None

    def whole(last: bytes) -> UploadOut:
        nonlocal incoming
        incoming = incoming or uploads.begin(namespace_id, bucket)
        incoming.write(last)
        return incoming.finish(told)

    try:
        held = b""
        async for piece in pieces:
            if held:
                incoming = incoming or await run_in_threadpool(uploads.begin, namespace_id, bucket)
                await run_in_threadpool(incoming.write, held)
            held = piece
        return await run_in_threadpool(whole, held)
    except BaseException:
        if incoming is not None:
            incoming.abort()
        raise


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """The body in pieces of about a MiB, the last one shorter."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size >= _PIECE:
            yield b"".join(parts)
            parts, size = [], 0
    if parts:
        yield b"".join(parts)


async def _hear_out(pieces: AsyncIterator[bytes]) -> None:
    try:
        async with asyncio.timeout(HEAR_OUT_SECONDS):
            async for _ in pieces:
                pass
    except (TimeoutError, ClientDisconnect):
        pass
