"""A small real HTTP service for the tests of client and commands: it listens on a free port, asks
for the key, answers what a test lays out, and remembers what it was sent."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import BaseModel

import workbench
from workbench.domain.states import TaskKind, TaskState
from workbench.domain.wire import CollectionProgress, ObjectCounts, Progress, TaskOut

KEY = "mxp_test_key_0123456789abcdef"
AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Seen:
    """A request that arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """``fault``: ``drop`` closes the connection without an answer, ``cut`` in the middle of one."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    chunked: bool = False
    fault: str | None = None


Answer = Reply | Callable[[Seen], Reply]


def refusal(status: int, code: str, message: str, hint: str | None = None, **details: Any) -> Reply:
    body = {"code": code, "message": message, "hint": hint, "details": details}
    return Reply({"error": {**body, "request_id": "req_1"}}, status)


class Service:
    """``on`` lays out answers; of several for one route each is given once, the last for ever."""

    def __init__(self, key: str = KEY, version: str = workbench.__version__) -> None:
        self.key = key
        self.version = version
        self.seen: list[Seen] = []
        self.port = 0
        self._routes: dict[tuple[str, str], list[Answer]] = {}
        self._server: ThreadingHTTPServer | None = None
        self._lock = threading.Lock()

    def start(self, port: int = 0) -> Service:
        service = self

        class Handler(_Handler):
            owner = service

        class Server(ThreadingHTTPServer):
            allow_reuse_address = True
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that goes away is part of the tests."""

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def secure(self, certificate: Path) -> None:
        """From now on by TLS."""
        assert self._server is not None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )

    def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        return self._server is not None

    def on(self, method: str, path: str, *answers: Answer) -> Service:
        self._routes[method, f"/v1{path}"] = list(answers)
        return self

    def sent(self, method: str, path: str) -> list[Seen]:
        return [one for one in self.seen if (one.method, one.path) == (method, f"/v1{path}")]

    def answer(self, seen: Seen) -> Reply:
        with self._lock:
            self.seen.append(seen)
            if seen.headers.get("authorization") != f"Bearer {self.key}":
                return refusal(401, "unauthorized", "the key is not known", "check the key")
            answers = self._routes.get((seen.method, seen.path))
            if not answers:
                return refusal(404, "not_found", f"there is no {seen.path}")
            found = answers.pop(0) if len(answers) > 1 else answers[0]
        return found(seen) if callable(found) else found


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    owner: Service

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        if not self.owner.running:  # a stopped service answers on no connection
            self.close_connection = True
            return
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        seen = Seen(self.command, unquote(parts.path), query, headers, body, self.client_address[1])
        self._give(self.owner.answer(seen))

    do_POST = do_DELETE = do_GET

    def _give(self, reply: Reply) -> None:
        if reply.fault == "drop":
            self.close_connection = True
            return
        data = _bytes(reply.body)
        self.send_response(reply.status)
        self.send_header("X-Mixpeek-Version", self.owner.version)
        self.send_header("X-Request-Id", "req_header")
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.chunked:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for start in range(0, len(data), 1000):
                piece = data[start : start + 1000]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            if reply.fault != "cut":
                self.wfile.write(b"0\r\n\r\n")
        else:
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if reply.fault == "cut" else data)
        if reply.fault == "cut":
            self.close_connection = True


def _bytes(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    if isinstance(body, BaseModel):
        return body.model_dump_json().encode()
    return json.dumps(body).encode()


def page(results: Sequence[BaseModel], next_cursor: str | None = None) -> Reply:
    dumped = [one.model_dump(mode="json") for one in results]
    return Reply({"results": dumped, "next_cursor": next_cursor})


def write_home(home: Path, service: Service, url: str | None = None) -> Path:
    """What ``mixpeek up`` leaves in a home."""
    run = home / "run"
    run.mkdir(parents=True, exist_ok=True)
    key = home / "key"
    key.write_text(service.key + "\n")
    key.chmod(0o600)
    body = {"url": url or service.url, "pid": 1, "version": service.version, "home_id": "abcd1234"}
    temporary = run / "service.json.new"
    temporary.write_text(json.dumps(body))
    temporary.replace(run / "service.json")
    return home


def task(
    state: TaskState = TaskState.COMPLETED,
    *,
    task_id: str = "tsk_1",
    kind: TaskKind = TaskKind.INGEST,
    indexed: int = 0,
    skipped: int = 0,
    failed: int = 0,
    total: int | None = None,
    **more: Any,
) -> TaskOut:
    counts: dict[str, Any] = {
        "total": total,
        "indexed": indexed,
        "skipped": skipped,
        "failed": failed,
        "documents": indexed + skipped,
    }
    ended = {"ended_at": datetime(2026, 11, 24, 10, 1, tzinfo=UTC)} if state.ended else {}
    return TaskOut(
        task_id=task_id,
        kind=kind,
        state=state,
        bucket="trip",
        progress=Progress(**counts),
        objects=ObjectCounts(listed=total or 0, matched=total or 0),
        collections=[CollectionProgress(collection="trip.text", extractor="text@1", **counts)],
        created_at=AT,
        **{**ended, **more},
    )
