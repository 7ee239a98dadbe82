"""One conversation with a service: the key and the namespace on every request, errors decoded,
versions compared, short outages waited out.

A request is sent again for up to three seconds where that cannot do a thing twice: the connection
was refused (nothing was sent), or the request changes nothing or carries an idempotency key. A
service's error answer becomes ``RefusedError`` with the service's own code, message, hint and
details; an unreachable service ``WorkbenchError(SERVICE_UNREACHABLE)``.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from http.client import HTTPMessage
from typing import Any, Protocol, TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ValidationError

import workbench
from workbench.client.place import Finder
from workbench.client.transport import (
    READ_SECONDS,
    Body,
    LostError,
    Readable,
    Request,
    Transport,
)
from workbench.domain.errors import STATUS, Code, WorkbenchError
from workbench.domain.wire import ErrorEnvelope

M = TypeVar("M", bound=BaseModel)
R = TypeVar("R")
Parameters = Mapping[str, str | int | None]
RETRY_SECONDS = 3.0
_FIRST_PAUSE = 0.1


class Notify(Protocol):
    """Told in one line what a person should know and no answer says."""

    def __call__(self, note: str, /) -> None: ...


class RefusedError(WorkbenchError):
    """The service's own error. ``code`` is the nearest one known here; ``service_code`` is the
    code as it was sent."""

    def __init__(
        self,
        code: Code,
        message: str,
        hint: str | None = None,
        details: Mapping[str, Any] | None = None,
        *,
        service_code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(code, message, hint, details)
        self.service_code = service_code or code.value
        self.request_id = request_id


def path_of(*parts: str) -> str:
    """The path of a route, each part quoted: names may hold slashes."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


class Session:
    """Requests to the service that ``find`` names, in one namespace."""

    def __init__(self, find: Finder, namespace: str, notify: Notify | None = None) -> None:
        self.find = find
        self.namespace = namespace
        self.notify: Notify = notify or _warn
        self._transport: Transport | None = None
        self._lock = threading.Lock()
        self._version = workbench.__version__

    def ask(
        self,
        model: type[M],
        method: str,
        path: str,
        parameters: Parameters | None = None,
        body: BaseModel | None = None,
        *,
        idempotency_key: str | None = None,
        read: float = READ_SECONDS,
        patience: float = RETRY_SECONDS,
        harmless: bool = False,
    ) -> tuple[M, HTTPMessage]:
        """The answer as ``model``, and its headers. ``harmless``: doing it twice does nothing more
        than once, though it is no GET. ``patience``: seconds of trying again."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        content = _encode(body)
        if content is not None:
            headers["Content-Type"] = "application/json"
        again = method == "GET" or harmless or idempotency_key is not None

        def whole(answer: Body) -> bytes:
            with answer:
                return _accepted(answer)

        request = Request(method, _target(path, parameters), headers, content, read)
        data, answered = self._deliver(request, whole, again, patience)
        return decode(model, data), answered

    def send(
        self,
        model: type[M],
        path: str,
        parameters: Parameters,
        body: bytes | Callable[[], Readable],
        size: int,
        patience: float,
    ) -> M:
        """The answer to a POST of ``size`` bytes, which may be sent twice without harm."""
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}

        def whole(answer: Body) -> bytes:
            with answer:
                return _accepted(answer)

        request = Request("POST", _target(path, parameters), headers, body)
        return decode(model, self._deliver(request, whole, True, patience)[0])

    def stream(
        self,
        path: str,
        parameters: Parameters | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        read: float = READ_SECONDS,
        patience: float = RETRY_SECONDS,
    ) -> Body:
        """The answer of a GET as it comes in. The caller reads it to its end or closes it."""

        def opened(answer: Body) -> Body:
            if answer.status >= 400:
                with answer:
                    _accepted(answer)
            return answer

        request = Request("GET", _target(path, parameters), headers or {}, read=read)
        return self._deliver(request, opened, True, patience)[0]

    def forward(self, request: Request) -> Body:
        """The service's answer whatever its status, asked for once: for who hands it on."""
        return self._once(request)

    def close(self) -> None:
        with self._lock:
            transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    def _deliver(
        self, request: Request, take: Callable[[Body], R], again: bool, patience: float
    ) -> tuple[R, HTTPMessage]:
        """Send, and send again within ``patience`` seconds while that cannot do a thing twice."""
        end = time.monotonic() + patience
        pause = _FIRST_PAUSE
        while True:
            try:
                answer = self._once(request)
                return take(answer), answer.headers
            except LostError as lost:
                if not lost.again or (lost.sent and not again) or time.monotonic() + pause > end:
                    raise
            except WorkbenchError as error:
                absent = error.code is Code.SERVICE_UNREACHABLE and not isinstance(
                    error, RefusedError
                )
                if not absent or time.monotonic() + pause > end:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, 1.0)

    def _once(self, request: Request) -> Body:
        place = self.find()
        with self._lock:
            if self._transport is None or self._transport.url != place.url:
                if self._transport is not None:
                    self._transport.close()
                self._transport = Transport(place.url)
            transport = self._transport
        headers = {
            "Accept-Encoding": "identity",
            "User-Agent": f"mixpeek/{workbench.__version__}",
            "X-Namespace": self.namespace,
            **request.headers,
            "Authorization": f"Bearer {place.key.value}",
        }
        answer = transport.send(replace(request, headers=headers))
        try:
            self._compare(answer.headers.get("X-Mixpeek-Version"))
        except WorkbenchError:
            answer.close()
            raise
        return answer

    def _compare(self, service: str | None) -> None:
        """Says once per version that client and service differ; refuses to go on where the first
        number of the version does."""
        if service is None or service == self._version:
            return
        own = workbench.__version__
        ours, theirs = _release(own), _release(service)
        told = f"the service is version {service}, this client {own}"
        if ours[:1] != theirs[:1]:
            raise WorkbenchError(
                Code.VERSION_MISMATCH, told, "install the same version of mixpeek-workbench on both"
            )
        self._version = service
        if ours != theirs:
            self.notify(f"{told}: install the same one on both sides")


def _release(version: str) -> tuple[str, ...]:
    """Major and minor, as they are written."""
    return tuple(version.split(".")[:2])


def _warn(note: str) -> None:
    warnings.warn(note, stacklevel=2)


def _target(path: str, parameters: Parameters | None) -> str:
    given = {name: value for name, value in (parameters or {}).items() if value is not None}
    return f"/v1{path}?{urlencode(given)}" if given else f"/v1{path}"


def _encode(body: BaseModel | None) -> bytes | None:
    if body is None:
        return None
    try:
        return body.model_dump_json().encode()
    except ValueError:  # a name or an argument with bytes that are no text
        raise WorkbenchError(
            Code.INVALID, "the request holds characters that UTF-8 cannot carry", None
        ) from None


def decode(model: type[M], data: bytes) -> M:
    """What the service said. Raises ``VERSION_MISMATCH`` where that is no such model."""
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "answer"
        raise WorkbenchError(
            Code.VERSION_MISMATCH,
            f"the service's answer is not understood: {where}: {first['msg']}",
            "client and service are of different versions, or the address is not a service's",
        ) from None


def _accepted(answer: Body) -> bytes:
    """The whole body of a good answer. Raises ``RefusedError`` for any other."""
    data = answer.readall()
    if 200 <= answer.status < 300:
        return data
    request_id = answer.headers.get("X-Request-Id")
    try:
        body = ErrorEnvelope.model_validate_json(data).error
    except ValidationError:
        raise RefusedError(
            _code(None, answer.status),
            f"the service answered {answer.status} without saying why",
            "check that the address is a Mixpeek service's",
            request_id=request_id,
        ) from None
    raise RefusedError(
        _code(body.code, answer.status),
        body.message,
        body.hint,
        body.details,
        service_code=body.code,
        request_id=body.request_id or request_id,
    )


def _code(name: str | None, status: int) -> Code:
    """The code of that name; for one that is not known here, the first of the same status."""
    try:
        return Code(name)
    except ValueError:
        same = (code for code, known in STATUS.items() if known == status)
        return next(same, Code.INTERNAL)
