"""The routes of the Jupyter server below ``/mixpeek``: parse, call, answer.

Every verb asks who is there and whether they may (``@authenticated``, ``@authorized`` for the
resource ``mixpeek``). Errors are the service's envelopes, whoever found them. Media passes in
pieces with its range, its tag and its manners.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, cast

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tornado import web
from tornado.iostream import StreamClosedError

import workbench
from jupyter_ext.server import routes
from jupyter_ext.server.folders import locate, root_of
from jupyter_ext.server.parts import Parts
from workbench.client.transport import Request
from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.wire import HealthOut

SETTING: Final = "mixpeek"
_ROUTES: Final = "/mixpeek/v1/"
#: How many files and folders one form may name.
MOST_PATHS: Final = 50
#: Seconds within which the service says how it is.
_QUICK: Final = 5.0
#: What a browser may do with foreign bytes that come from this server's own address: show them.
_HARMLESS: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"


class IngestForm(BaseModel):
    """What the form of the file browser says. ``paths`` are the browser's."""

    model_config = ConfigDict(extra="forbid")

    paths: list[str] = Field(min_length=1, max_length=MOST_PATHS)
    bucket: str | None = None
    extractors: list[str] | None = None
    parameters: dict[str, dict[str, Any]] = Field(default_factory=dict[str, dict[str, Any]])
    exclude: list[str] = Field(default_factory=list[str])


class MixpeekHandler(APIHandler):
    auth_resource = "mixpeek"

    @property
    def parts(self) -> Parts:
        return cast(Parts, self.settings[SETTING])

    def refuse(self, error: WorkbenchError) -> None:
        request_id = getattr(error, "request_id", None)
        code = getattr(error, "service_code", error.code.value)
        body = {"code": code, "message": error.message, "hint": error.hint}
        self.set_status(error.status)
        self.answer({"error": {**body, "details": error.details, "request_id": request_id}})

    def answer(self, body: object) -> None:
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(body))


class HelloHandler(MixpeekHandler):
    """Whether the service is there, and what a page may ask for."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        parts = self.parts
        parts.watch.begin()
        health: HealthOut | None = None
        failure = parts.launcher.failure
        try:
            health = await parts.backend.call(
                lambda: parts.backend.session.ask(
                    HealthOut, "GET", "/health", read=_QUICK, patience=0
                )[0]
            )
        except WorkbenchError as error:
            failure = failure or error.message
        down = "starting" if parts.launcher.starting else "down"
        self.answer(
            {
                "version": workbench.__version__,
                "home_id": health.home_id if health else None,
                "state": health.state if health else down,
                "namespace": parts.backend.namespace,
                "can_start": parts.backend.local,
                "files": root_of(self.contents_manager) is not None,
                "note": None if health else parts.launcher.note or failure,
                "parts": _told(health) if health else {},
            }
        )


class StartHandler(MixpeekHandler):
    """Starts the stack of this user's home."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        if not self.parts.backend.local:
            message = "the service is on another machine or of another user"
            self.refuse(WorkbenchError(Code.CONFLICT, message, "ask who runs it to start it"))
            return
        self.parts.watch.begin()
        self.parts.launcher.start()
        self.set_status(202)
        self.answer({"state": "starting"})


class IngestHandler(MixpeekHandler):
    """Ingests what was chosen in the file browser, one task for each path; or with ``/dry-run``
    tells what that would do."""

    @web.authenticated
    @authorized
    async def post(self, dry: str | None) -> None:
        try:
            form = IngestForm.model_validate_json(self.request.body)
            call = partial(self._dry_run if dry else self._ingest, form)
            results = await self.parts.backend.call(call)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "form"
            self.refuse(WorkbenchError(Code.INVALID, f"{where}: {first['msg']}", None))
        except WorkbenchError as error:
            self.refuse(error)
        else:
            self.set_status(200 if dry else 202)
            self.answer({"results": results})

    def _ingest(self, form: IngestForm) -> list[dict[str, Any]]:
        """Raises where nothing could be begun; what has begun is told, and the first error."""
        made: list[dict[str, Any]] = []
        root = root_of(self.contents_manager)
        for path in form.paths:
            try:
                task = self.parts.backend.client.ingest(locate(root, path), **_options(form))
            except WorkbenchError as error:
                if not made:
                    raise
                made.append({"path": path, "error": error.message})
                break
            made.append({"path": path, "task": task.model_dump(mode="json")})
        return made

    def _dry_run(self, form: IngestForm) -> list[dict[str, Any]]:
        root = root_of(self.contents_manager)
        client = self.parts.backend.client
        return [
            client.dry_run(locate(root, path), **_options(form)).model_dump(mode="json")
            for path in form.paths
        ]


class ProxyHandler(MixpeekHandler):
    """What ``routes`` lets through, to the service and back."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        await self._pass()

    @web.authenticated
    @authorized
    async def post(self) -> None:
        await self._pass()

    def compute_etag(self) -> None:
        """The service has said what the answer's tag is."""

    async def _pass(self) -> None:
        method = self.request.method or ""
        path = self.request.path.partition(_ROUTES)[2]  # as it was sent: nothing decoded yet
        try:
            request = Request(
                method,
                routes.target(method, path, self.request.query),
                self._passed_on(),
                routes.check_body(method, self.request.body),
            )
            body = await self.parts.backend.open(request)
        except WorkbenchError as error:
            self.refuse(error)
            return
        try:
            self._begin(body.status, dict(body.headers.items()))
            while piece := await self.parts.backend.piece(body):
                self.write(piece)
                await self.flush()  # returns when the browser has taken it
            await self.finish(set_content_type=body.headers.get("Content-Type", ""))
        except StreamClosedError:
            pass  # the browser has gone: it seeks in a film, or left the page
        except WorkbenchError:  # the answer broke off; half of one must not look like a whole one
            if self.request.connection is not None:
                self.request.connection.close()  # pyright: ignore
        finally:
            await self.parts.backend.close(body)

    def _passed_on(self) -> dict[str, str]:
        headers = routes.sent_headers(self.request.headers)
        namespace = routes.namespace(self.request.query)
        return {**headers, "X-Namespace": namespace} if namespace else headers

    def _begin(self, status: int, headers: Mapping[str, str]) -> None:
        self.set_status(status)
        self.clear_header("Content-Type")
        given = {name.lower(): value for name, value in headers.items()}
        for name, value in routes.given_headers(given):
            self.set_header(name, value)
        sandbox = given.get("content-security-policy")
        self.set_header("Content-Security-Policy", sandbox or _HARMLESS)
        self.set_header("X-Content-Type-Options", "nosniff")


def _told(health: HealthOut) -> dict[str, dict[str, str]]:
    """The parts, with what is to be said of those that are not well: no addresses otherwise."""
    return {
        name: {"state": part.state, "detail": "" if part.state in ("ok", "idle") else part.detail}
        for name, part in health.parts.items()
    }


def _options(form: IngestForm) -> dict[str, Any]:
    return form.model_dump(exclude={"paths"})


def table(base: str) -> list[tuple[str, type[MixpeekHandler]]]:
    """Patterns and handlers below the server's base address."""
    head = base.rstrip("/") + "/mixpeek"
    return [
        (head + r"/hello", HelloHandler),
        (head + r"/start", StartHandler),
        (head + r"/ingest(/dry-run)?", IngestHandler),
        (head + r"/v1/.*", ProxyHandler),
    ]
