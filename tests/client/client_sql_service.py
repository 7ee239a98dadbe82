"""The telemetry routes over real parts (SQLite, DuckDB, the Qdrant client's local mode) behind a
real HTTP server, with a few rows of two namespaces."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI, Request
from qdrant_client import AsyncQdrantClient

from workbench.api import errors
from workbench.api.middleware import Envelope
from workbench.api.requests import namespace_of, services_of
from workbench.api.telemetry import telemetry_router
from workbench.client.client import Client
from workbench.client.place import Given, Key
from workbench.client.session import Session
from workbench.store import tables as t
from workbench.store.database import Database
from workbench.store.migrations import migrate
from workbench.telemetry.events import SearchEvent, StageEvent
from workbench.telemetry.writer import Telemetry, TelemetrySettings
from workbench.vectors.port import DenseVector, PointBatch, SpaceSpec
from workbench.vectors.server import ServerStore

NOON = 1_795_521_600_000  # 2026-11-24T12:00:00Z
HOUR = 3_600_000


class SqlService:
    def __init__(self, folder: Path) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.database = Database(f"sqlite:///{folder / 'metadata.db'}")
        migrate(self.database)
        self.telemetry = Telemetry(folder / "telemetry", TelemetrySettings(), lambda: NOON)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.vectors = ServerStore(AsyncQdrantClient(":memory:"))
        app = FastAPI()
        app.include_router(telemetry_router(self.telemetry, self.database), prefix="/v1")
        app.dependency_overrides[services_of] = lambda: SimpleNamespace(vectors=self.vectors)
        app.dependency_overrides[namespace_of] = _namespace
        errors.install(app)
        app.add_middleware(Envelope)
        config = uvicorn.Config(self._counted(app), port=0, log_level="error", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def start(self) -> SqlService:
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        return self

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self.telemetry.close()
        self.database.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def client(self, namespace: str = "default") -> Client:
        return Client(Session(Given(self.url, Key("key")), namespace))

    def _counted(self, app: Any) -> Any:
        async def counted(scope: Any, receive: Any, send: Any) -> None:
            table = scope["path"].removeprefix("/v1/telemetry").strip("/")
            if table:
                self.asked.append((table, dict(parse_qsl(scope["query_string"].decode()))))
            await app(scope, receive, send)

        return counted

    # Rows.

    def insert(self, table: sa.Table, *rows: dict[str, Any]) -> None:
        with self.database.write() as connection:
            connection.execute(sa.insert(table), list(rows))

    def fill(self) -> None:
        for namespace in ("ns_default", "ns_other"):
            self._metadata(namespace)
        self.telemetry.emit(
            *[_stage(n, "ns_default", stage) for n, stage in enumerate(("fetch", "infer") * 5)],
            _stage(99, "ns_other", "fetch"),
            SearchEvent("s", "ns_default", NOON, "hybrid", "text", 2, 10, 0.01, 0.002, 0.0, 0.013),
        )
        assert self.telemetry.flush()
        asyncio.run(self._documents())

    def _metadata(self, namespace: str) -> None:
        own = {"namespace_id": namespace}
        bucket, collection, task = (f"{kind}_{namespace}" for kind in ("bkt", "col", "tsk"))
        self.insert(
            t.buckets,
            {**own, "bucket_id": bucket, "name": "media", "source_kind": "folder"}
            | {"source_uri": "/m", "created_at": NOON},
        )
        self.insert(
            t.collections,
            {**own, "collection_id": collection, "bucket_id": bucket, "name": "media.text"}
            | {"extractor": "text@1", "parameters": {}, "digest": "d", "revision": 1}
            | {"space": "space", "created_at": NOON},
        )
        self.insert(
            t.objects,
            *[
                {**own, "object_id": f"obj_{namespace}_{n}", "bucket_id": bucket}
                | {"name": f"a {n}.txt", "mime": "text/plain", "size": n, "fingerprint": "f"}
                | {"modified_at": None if n else NOON, "sha256": None, "version": 1}
                | {"removed_at": NOON if n == 3 else None, "created_at": NOON}
                for n in range(4)
            ],
        )
        self.insert(
            t.tasks,
            {**own, "task_id": task, "kind": "ingest", "state": "COMPLETED_WITH_ERRORS"}
            | {"bucket": "media", "request": {}, "listed": 5, "unmatched": 1}
            | {"listing_ended": True, "created_at": NOON, "ended_at": NOON + 90_000},
        )
        self.insert(
            t.tasks,
            {**own, "task_id": f"{task}_2", "kind": "ingest", "state": "IN_PROGRESS"}
            | {"bucket": "media", "request": {}, "created_at": NOON + HOUR},
        )
        self.insert(
            t.progress,
            *[
                {**own, "task_id": task, "collection_id": c, "total": 4, "indexed": 2}
                | {"failed": 1, "documents": 7}
                for c in (collection, "col_gone")
            ],
        )
        self.insert(
            t.items,
            *[
                {**own, "task_id": task, "collection_id": c, "object_id": f"obj_{namespace}_{n}"}
                | {"state": "indexed"}
                for c in (collection, "col_gone")
                for n in range(4)
            ],
        )
        self.insert(
            t.failures,
            {**own, "failure_id": f"fail_{namespace}", "task_id": task, "object_id": "obj_x"}
            | {"object_name": "broken.jpg", "collection_id": collection, "stage": "decode"}
            | {"collection": "media.text", "category": "format", "message": "cut off"}
            | {"retryable": False, "at": NOON},
        )

    async def _documents(self) -> None:
        spec = SpaceSpec("space", (DenseVector("semantic", 4),), text=False)
        await self.vectors.ensure_space(spec)
        payloads = [_payload(n, "ns_default") for n in range(2500)] + [_payload(0, "ns_other")]
        await self.vectors.upsert(
            "space",
            PointBatch(
                [str(uuid.UUID(int=n)) for n in range(len(payloads))],
                {"semantic": np.ones((len(payloads), 4), np.float32)},
                [None] * len(payloads),
                payloads,
            ),
        )


async def _namespace(request: Request) -> str:
    return f"ns_{request.headers.get('x-namespace', 'default')}"


def _stage(number: int, namespace: str, stage: str) -> StageEvent:
    started = NOON + number * HOUR
    seconds = 0.5 * (number + 1)
    return StageEvent(
        f"{namespace}:{number}", namespace, f"tsk_{namespace}", "media.text", "text@1", stage,
        started, seconds, 8, 1000, "w1",
    )  # fmt: skip


def _payload(number: int, namespace: str) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "namespace": namespace,
        "bucket": "media",
        "collection": "media.text",
        "collection_id": "col",
        "object_id": f"obj_{number}",
        "object_name": f"a {number}.txt",
        "extractor": "text@1",
        "segment": "chk",
        "content": "c",
        "position": number,
        "mime": "text/plain",
        "kind": "text",
        "text": f"passage {number}",
        "modified_at": "2026-11-24T12:00:00.000Z",
        "language": "en",
    }
    if number == 1:
        payload |= {"page": 3, "box": [0, 0.5, 1, 1], "labels": ["dog", "beach"]}
    if number == 2:
        payload |= {"page": "three", "labels": "dog", "modified_at": "yesterday"}
    return payload
