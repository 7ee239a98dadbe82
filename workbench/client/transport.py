"""HTTP/1.1 with kept-alive connections, on the standard library.

httpx would be the obvious choice, but importing it takes 0.25 s where its command line's packages
are installed and 0.1 s where not, several times what a short command does; ``http.client`` takes
0.03 s. What is needed here is small: one host, a few connections, no redirect followed ever (the
key would go along), bodies read whole or as a stream.

Promises: any number of threads may call at once, each request has a connection of its own; a
connection that the other side closed meanwhile is not used again; every failure below HTTP is a
``LostError`` that says whether the request can have arrived.
"""

from __future__ import annotations

import http.client
import io
import selectors
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from workbench.domain.errors import Code, WorkbenchError

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0
_MAX_IDLE = 4
_PIECE = 256 * 1024


class LostError(WorkbenchError):
    """No answer, or half of one. ``sent``: the service may have seen the request. ``again``: trying
    again soon may help (refused or cut off, as while a service restarts)."""

    def __init__(self, url: str, reason: str, *, sent: bool, again: bool = True) -> None:
        super().__init__(
            Code.SERVICE_UNREACHABLE,
            f"the service at {url} does not answer: {reason}",
            "`mixpeek up` starts it, `mixpeek status` says what runs",
        )
        self.sent = sent
        self.again = again


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Request:
    """``target`` is path and query below the address; ``read`` seconds between two bytes. A body
    that is too large to hold is opened anew each time that the request is sent; its length stands
    among the headers."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes | Callable[[], Readable] | None = None
    read: float = READ_SECONDS


class Transport:
    """Connections to one address, e.g. ``http://127.0.0.1:8080``."""

    def __init__(self, url: str) -> None:
        self.url = url
        parts = urlsplit(url)
        self._https = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._https else 80)
        self._path = parts.path
        self._idle: list[http.client.HTTPConnection] = []
        self._context: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self._closed = False

    def send(self, request: Request) -> Body:
        """The answer, its body not yet read: read it to the end, or close it."""
        connection = self._take() or self._open()
        try:
            assert connection.sock is not None
            connection.sock.settimeout(request.read)
            self._request(connection, request)
            return Body(connection.getresponse(), connection, self)
        except TimeoutError:
            connection.close()
            reason = f"no answer within {request.read:.0f} s"
            raise LostError(self.url, reason, sent=True, again=False) from None
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise LostError(self.url, _reason(error), sent=True) from None
        except BaseException:  # also an interrupt: half a request must not be followed by another
            connection.close()
            raise

    def _request(self, connection: http.client.HTTPConnection, request: Request) -> None:
        target, headers = self._path + request.target, dict(request.headers)
        if not callable(request.body):
            connection.request(request.method, target, request.body, headers)
            return
        body: Any = request.body()
        try:
            connection.request(request.method, target, body, headers)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before it was sent whole: the answer says why, if there is one
        finally:
            body.close()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def give_back(self, connection: http.client.HTTPConnection) -> None:
        """Keep a connection whose answer was read to its end."""
        with self._lock:
            if not self._closed and connection.sock and len(self._idle) < _MAX_IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def _take(self) -> http.client.HTTPConnection | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if connection.sock is not None and not _readable(connection.sock):
                return connection
            connection.close()

    def _open(self) -> http.client.HTTPConnection:
        connection = self._new()
        try:
            connection.connect()
        except (ConnectionError, TimeoutError) as error:
            connection.close()
            raise LostError(self.url, _reason(error), sent=False) from None
        except OSError as error:  # an unknown name, no route, a certificate that does not fit
            connection.close()
            raise LostError(self.url, _reason(error), sent=False, again=False) from None
        return connection

    def _new(self) -> http.client.HTTPConnection:
        if not self._https:
            return http.client.HTTPConnection(
                self._host, self._port, timeout=CONNECT_SECONDS, blocksize=_PIECE
            )
        if self._context is None:
            self._context = ssl.create_default_context()
        context = self._context
        proxy = _proxy(self._host)
        if proxy is None:
            return http.client.HTTPSConnection(
                self._host,
                self._port,
                timeout=CONNECT_SECONDS,
                context=context,
                blocksize=_PIECE,
            )
        connection = http.client.HTTPSConnection(
            *proxy, timeout=CONNECT_SECONDS, context=context, blocksize=_PIECE
        )
        connection.set_tunnel(self._host, self._port)
        return connection


class Body(io.RawIOBase):
    """The body of an answer: a readable file, and an iterator over pieces of bytes.

    Read to its end it gives its connection back for the next request; closed earlier it drops it.
    Raises ``LostError`` where the answer breaks off, so a cut answer never looks like a short one.
    """

    def __init__(
        self,
        response: http.client.HTTPResponse,
        connection: http.client.HTTPConnection,
        transport: Transport,
    ) -> None:
        super().__init__()
        self.status = response.status
        self.headers = response.headers
        self._response = response
        self._transport = transport
        self._connection: http.client.HTTPConnection | None = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fills ``buffer`` but for the last piece."""
        try:
            count = self._response.readinto(buffer)
            if count < len(buffer) and self._response.length:
                raise http.client.IncompleteRead(b"", self._response.length)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise LostError(self._transport.url, _reason(error), sent=True) from None
        return count

    def readall(self) -> bytes:
        try:
            return self._response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise LostError(self._transport.url, _reason(error), sent=True) from None

    def lines(self) -> Iterator[bytes]:
        """Whole lines without their ends, each as soon as it has come in."""
        rest = b""
        while True:
            try:
                piece = self._response.read1(_PIECE)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                raise LostError(self._transport.url, _reason(error), sent=True) from None
            if not piece:
                return
            *whole, rest = (rest + piece).split(b"\n")
            yield from whole

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.read(_PIECE):
            yield piece

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            ended = self._response.isclosed() and not self._response.length
            self._response.close()
            if ended:
                self._transport.give_back(connection)
            else:
                connection.close()
        super().close()


def _readable(sock: socket.socket) -> bool:
    """An idle connection has nothing to read, unless the other side has closed it."""
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        return bool(selector.select(0))


def _proxy(host: str) -> tuple[str, int] | None:
    """The proxy that the environment names for HTTPS to ``host``."""
    import urllib.request  # takes longer to import than a local service needs to answer

    url = urllib.request.getproxies().get("https")
    if not url or urllib.request.proxy_bypass(host):
        return None
    parts = urlsplit(url if "://" in url else f"http://{url}")
    return (parts.hostname, parts.port or 8080) if parts.hostname else None


def _reason(error: BaseException) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, http.client.RemoteDisconnected):
        return "the connection was closed without an answer"
    if isinstance(error, http.client.IncompleteRead):
        return "the answer broke off"
    if isinstance(error, TimeoutError):
        return f"no connection within {CONNECT_SECONDS:.0f} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not hold: {error.verify_message}"
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return type(error).__name__
