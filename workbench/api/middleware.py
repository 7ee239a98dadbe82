"""What every request passes, from outside in: ``Envelope``, ``Guard``, ``BodyLimit``.

Plain ASGI, each a few microseconds. ``Envelope`` gives the request an id, puts it and the version
on the answer and turns whatever escapes into an error envelope. ``Guard`` refuses hosts that this
service is not named by (a page of another site can point its own name at loopback; its requests
still carry that name) and requests without a key, before any route is looked at. ``BodyLimit``
counts the body's bytes as they come, whatever its length was said to be; uploaded objects have a
limit of their own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workbench import __version__
from workbench.access.authenticate import Access
from workbench.api.errors import envelope, unforeseen
from workbench.api.requests import RequestFacts, facts_of, set_facts
from workbench.domain import ids
from workbench.domain.errors import Code, WorkbenchError

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
MAX_BODY = 64 * 1024 * 1024
_UPLOAD = re.compile(r"/v1/buckets/[^/]+/objects")
#: Answered without a key: they hold no data. ``/v1/health`` says more to those who have one.
OPEN = frozenset({"/v1/health", "/openapi.json", "/docs"})


class Envelope:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        facts = RequestFacts(ids.new_id(ids.REQUEST))
        set_facts(scope, facts)
        marks = _raw(
            {
                "x-request-id": facts.request_id,
                "x-mixpeek-version": __version__,
                "x-content-type-options": "nosniff",
            }
        )
        started = False

        async def marked(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", ()), *marks]
            await send(message)

        try:
            await self._app(scope, receive, marked)
        except Exception as problem:
            response = unforeseen(problem, facts.request_id)
            if started:  # the client must see that the answer is not whole
                raise
            await response(scope, receive, marked)


class Guard:
    """``hosts`` are the names that this service answers to, without ports."""

    def __init__(self, app: ASGIApp, access: Access, hosts: Collection[str] = LOOPBACK) -> None:
        self._app = app
        self._access = access
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._admit(scope)
            except WorkbenchError as error:
                response = envelope(error, facts_of(scope).request_id)
                await response(scope, receive, send)
                return
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        await self._app(scope, receive, send)

    def _admit(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if name not in self._hosts:
            raise WorkbenchError(
                Code.FORBIDDEN,
                "this service is not called by that host name",
                f"call it by one of: {', '.join(sorted(self._hosts))}; MIXPEEK_HOSTS names more",
            )
        credential = headers.get("authorization")
        if credential is not None or scope["path"] not in OPEN:
            facts_of(scope).principal = self._access.authenticate(credential)


class BodyLimit:
    """``limit`` for every request but uploads of objects, which have ``upload``."""

    def __init__(self, app: ASGIApp, upload: int, limit: int = MAX_BODY) -> None:
        self._app = app
        self._upload = upload
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        uploads = scope["method"] == "POST" and _UPLOAD.fullmatch(scope["path"]) is not None
        limit = self._upload if uploads else self._limit
        message = _too_large(limit)
        said = Headers(scope=scope).get("content-length", "")
        if said.isdecimal() and (len(said) > 15 or int(said) > limit):
            error = WorkbenchError(Code.TOO_LARGE, message)
            response = envelope(error, facts_of(scope).request_id, headers={"Connection": "close"})
            await response(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            received = await receive()
            if received["type"] == "http.request":
                seen += len(received.get("body", b""))
                if seen > limit:
                    raise HTTPException(413, message, {"Connection": "close"})
            return received

        await self._app(scope, counted, send)


def _too_large(limit: int) -> str:
    return f"a request's body is at most {limit // (1024 * 1024)} MiB"


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]
