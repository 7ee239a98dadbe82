"""The API over a real store, real acceptance and real files; search answers what it was asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from store_rows import Rows

from workbench.access.authenticate import Access, HomeKey
from workbench.access.keys import new_key
from workbench.access.principal import Principal
from workbench.api.app import create_app
from workbench.api.services import Services
from workbench.api.thumbnails import Thumbnails
from workbench.blobs.folder import FolderBlobs
from workbench.domain.wire import (
    HealthOut,
    Hit,
    PartHealth,
    SearchRequest,
    SearchResponse,
    SearchTiming,
)
from workbench.extraction.registry import Candidate, Registry
from workbench.stack.compose import open_object_file
from workbench.store.acceptance import Acceptance
from workbench.store.buckets import Buckets
from workbench.store.collections import Collections
from workbench.store.database import Database
from workbench.store.explain import Explanations
from workbench.store.failures import Failures
from workbench.store.ledger import Ledger
from workbench.store.namespaces import Namespaces
from workbench.store.objects import ObjectRow, Objects
from workbench.store.targets import Targets
from workbench.store.tasks import Tasks
from workbench.store.uploads import UploadedObjects
from workbench.tasks.accept import Accept
from workbench.tasks.changes import Changes
from workbench.tasks.feed import Feed
from workbench.tasks.places import Reach
from workbench.tasks.uploads import MIB, Uploads
from workbench.vectors.embedded import EmbeddedStore

BASE = "http://127.0.0.1:7000"
UPLOAD_LIMIT = 3 * MIB


class EchoSearch:
    """One hit that holds the query; the query "break" is a defect."""

    async def search(self, namespace_id: str, request: SearchRequest) -> SearchResponse:
        if request.text == "break":
            raise RuntimeError("the secret reason")
        hit = Hit(
            document_id="d",
            object_id=namespace_id,
            object_name="x.txt",
            bucket="b",
            collection="b.text",
            extractor="text@1",
            mime="text/plain",
            text=request.text,
            rank=1,
            score=0.5,
        )
        timing = SearchTiming(encode=0.0, engine=0.0, total=0.0)
        return SearchResponse(hits=[hit], mode=request.mode, collections=["b.text"], timing=timing)


class TeamKeys:
    """A second kind of credential: ``team-NAMESPACE_ID`` reaches that namespace only."""

    def authenticate(self, credential: str) -> Principal | None:
        kind, _, namespace_id = credential.partition("-")
        return Principal("team", frozenset({namespace_id})) if kind == "team" else None


def open_source(blobs: FolderBlobs, row: ObjectRow) -> Path | bytes:
    """As the service does it; an object of a bucket of another kind is bytes, its own name."""
    if row.source_kind == "elsewhere":
        return row.name.encode()
    return open_object_file(blobs, row)


async def health() -> HealthOut:
    parts = {"metadata": PartHealth(state="ok", detail="metadata.db")}
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return HealthOut(state="ok", version="1", home_id="h", started_at=now, parts=parts)


@dataclass
class Stand:
    """``media`` is the folder that buckets of this stand lie in."""

    database: Database
    rows: Rows
    media: Path
    services: Services
    app: FastAPI
    changes: Changes
    key: str
    default: str = ""
    clients: list[httpx.AsyncClient] = field(default_factory=list[httpx.AsyncClient])

    def client(self, **headers: str) -> httpx.AsyncClient:
        """Sends the home's key unless ``headers`` say otherwise; an empty value sends none."""
        transport = httpx.ASGITransport(self.app)
        sent = {"Authorization": f"Bearer {self.key}", **_dashed(headers)}
        sent = {name: value for name, value in sent.items() if value}
        client = httpx.AsyncClient(transport=transport, base_url=BASE, headers=sent)
        self.clients.append(client)
        return client

    def bucket(self, name: str = "b", namespace_id: str | None = None) -> str:
        folder = self.media / name
        folder.mkdir(exist_ok=True)
        return self.rows.bucket(namespace_id or self.default, name, str(folder))

    def file(self, bucket_id: str, bucket: str, name: str, data: bytes, mime: str) -> str:
        """A file in the bucket's folder and its object as a listing would note it."""
        path = self.media / bucket / name
        path.write_bytes(data)
        stat = path.stat()
        return self.rows.object(
            self.default,
            bucket_id,
            name,
            mime=mime,
            size=stat.st_size,
            fingerprint=f"{stat.st_size}-{stat.st_mtime_ns}",
            modified_at=stat.st_mtime_ns // 1_000_000,
        )

    async def close(self) -> None:
        for client in self.clients:
            await client.aclose()
        self.services.feed.close()
        self.services.thumbnails.close()
        await self.services.vectors.close()


def make_stand(database: Database, folder: Path, socket: Path) -> Stand:
    """Call it in a running loop."""
    media = folder / "media"
    media.mkdir()
    registry = Registry([Candidate("toy", "toys:Toy", "tests")])
    tasks, ledger = Tasks(database), Ledger(database)
    namespaces = Namespaces(database)
    default = namespaces.ensure().namespace_id
    changes = Changes()
    reach = Reach(folder / "home", [media], outside=False)
    acceptance, targets = Acceptance(database), Targets(database)
    key = new_key()
    blobs = FolderBlobs(folder / "blobs")
    uploads = Uploads(UploadedObjects(database), blobs, UPLOAD_LIMIT)
    accept = Accept(
        acceptance, ledger, targets, registry, reach, lambda: None, changes.changed, uploads
    )
    services = Services(
        access=Access([HomeKey(key), TeamKeys()]),
        namespaces=namespaces,
        buckets=Buckets(database),
        objects=Objects(database),
        collections=Collections(database),
        failures=Failures(database),
        explanations=Explanations(database, registry.takes),
        tasks=tasks,
        accept=accept,
        search=EchoSearch(),
        vectors=EmbeddedStore(socket, patience=0.2),
        extractors=registry,
        changes=changes,
        feed=Feed(tasks, changes),
        uploads=uploads,
        open_source=partial(open_source, blobs),
        thumbnails=Thumbnails(folder / "cache"),
        health=health,
    )
    app = create_app(services)
    return Stand(database, Rows(database), media, services, app, changes, key, default)


def error_of(response: httpx.Response) -> dict[str, Any]:
    """The error of an answer, which must be a whole envelope."""
    body = response.json()
    assert set(body) == {"error"}
    error = body["error"]
    assert set(error) == {"code", "message", "hint", "details", "request_id"}
    assert error["request_id"] == response.headers["x-request-id"]
    assert error["message"]
    return error


def _dashed(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
