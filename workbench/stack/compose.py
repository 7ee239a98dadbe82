"""The service put together: which object gets which other one.

This is the only place where everything is known at once; there is nothing else in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from temporalio.client import Client

from workbench.access.authenticate import Access, HomeKey
from workbench.access.keys import ensure_key
from workbench.api.app import create_app
from workbench.api.middleware import LOOPBACK
from workbench.api.services import Services
from workbench.api.telemetry import telemetry_router
from workbench.api.thumbnails import Thumbnails
from workbench.blobs.folder import open_blobs
from workbench.blobs.port import BlobStore
from workbench.domain.errors import Code, WorkbenchError
from workbench.extraction.registry import Registry
from workbench.search.encoder import QueryEncoder
from workbench.search.reranking import Rerankers
from workbench.search.searcher import Searcher
from workbench.stack.home import write_json
from workbench.stack.logs import log_to_stderr
from workbench.stack.orchestration import (
    TemporalState,
    orchestrate,
)
from workbench.stack.service_health import ServiceHealth
from workbench.stack.settings import Settings, secure_runtime, without_password
from workbench.store.acceptance import Acceptance
from workbench.store.buckets import Buckets
from workbench.store.collections import Collections
from workbench.store.database import Database, out_of_reach
from workbench.store.endings import Endings
from workbench.store.explain import Explanations
from workbench.store.failures import Failures
from workbench.store.ledger import Ledger
from workbench.store.migrations import migrate
from workbench.store.namespaces import Namespaces
from workbench.store.objects import ObjectRow, Objects
from workbench.store.outbox import Letter, Outbox, Unended
from workbench.store.planning import Planning
from workbench.store.rebuilding import Rebuilding
from workbench.store.retention import Retention
from workbench.store.segments import Segments
from workbench.store.targets import Targets
from workbench.store.tasks import Tasks
from workbench.store.uploads import UPLOADS, UploadedObjects, hash_of
from workbench.tasks.accept import Accept
from workbench.tasks.activities.control import ControlActivities
from workbench.tasks.activities.rebuilding import RebuildActivities
from workbench.tasks.changes import Bell, Changes
from workbench.tasks.collector import HOUR, Tidying
from workbench.tasks.context import ControlContext
from workbench.tasks.feed import Feed
from workbench.tasks.known import Known
from workbench.tasks.places import Reach
from workbench.tasks.relay import Relay, end_lost
from workbench.tasks.sizing import Rates
from workbench.tasks.sweeper import Sweeper, Swept, unended_lines
from workbench.tasks.uploads import MIB, Uploads, key_of
from workbench.telemetry.writer import Telemetry
from workbench.vectors import open_vectors
from workbench.vectors.port import VectorStore

log = logging.getLogger(__name__)

LOST_HINT = "ingest again: what is searchable is skipped"


async def serve(settings: Settings) -> None:
    """The service, until it is told to stop."""
    log_to_stderr(settings.log_level)
    secure_runtime(settings)
    database = Database(settings.metadata_url)
    await asyncio.to_thread(_prepare, settings, database)
    outbox = Outbox(database)
    waiting = await asyncio.to_thread(outbox.unended)
    _tell_found(settings, unended_lines([task.task_id for task in waiting]))
    engines = _Engines.open(settings, database)
    segments = Segments(database)
    await asyncio.to_thread(engines.uploads.clear, segments.namespaces())
    bell, changes, temporal = Bell(), Changes(), TemporalState()
    context = _context(settings, engines, segments, changes)
    services = _services(settings, engines, bell, changes, temporal)
    app = create_app(
        services,
        [telemetry_router(engines.telemetry, database)],
        {*LOOPBACK, *settings.names} if settings.outside else LOOPBACK,
    )
    rebuild = RebuildActivities(context)
    activities = [*ControlActivities(context).all(), *rebuild.all()]
    letters = partial(_letters, settings, outbox, context, bell)
    keep = settings.keep_items_days * 24 * HOUR
    collector, compaction = rebuild.collector, rebuild.compaction
    retention = Retention(database)
    tidying = Tidying(collector, compaction, segments, engines.uploads, retention, keep)
    warming = asyncio.create_task(_warm(engines.encoder))
    warming.add_done_callback(_log_end)
    essential = [
        asyncio.create_task(orchestrate(settings, temporal, activities, letters)),
        asyncio.create_task(tidying.run()),
    ]
    try:
        await serve_while(_server(settings, app, services.feed), essential)
    finally:
        for task in (*essential, warming):
            task.cancel()
        await asyncio.gather(*essential, warming, return_exceptions=True)
        services.thumbnails.close()
        await engines.close()


@dataclass(frozen=True)
class _Engines:
    """What the service holds open."""

    database: Database
    telemetry: Telemetry
    vectors: VectorStore
    blobs: BlobStore
    registry: Registry
    encoder: QueryEncoder
    rerankers: Rerankers
    uploads: Uploads

    @classmethod
    def open(cls, settings: Settings, database: Database) -> _Engines:
        registry = Registry.discover(settings.extractors)
        blobs = open_blobs(settings.blobs_location)
        return cls(
            database,
            Telemetry(settings.telemetry_folder),
            open_vectors(
                settings.qdrant_url or str(settings.vectors_socket), api_key=settings.qdrant_api_key
            ),
            blobs,
            registry,
            QueryEncoder(registry),
            Rerankers.discover(),
            Uploads(UploadedObjects(database), blobs, settings.max_upload_mib * MIB),
        )

    async def close(self) -> None:
        self.encoder.close()
        self.rerankers.close()
        await self.vectors.close()
        self.telemetry.close()
        self.database.close()


def _context(
    settings: Settings, engines: _Engines, segments: Segments, changes: Changes
) -> ControlContext:
    """What the control activities work with."""
    database = engines.database
    return ControlContext(
        ledger=Ledger(database),
        planning=Planning(database),
        endings=Endings(database),
        segments=segments,
        rebuilding=Rebuilding(database),
        known=Known(engines.blobs, segments),
        registry=engines.registry,
        blobs=engines.blobs,
        vectors=engines.vectors,
        rates=Rates(),
        emit=engines.telemetry.emit,
        changed=changes.changed,
        uploads=UploadedObjects(database),
        slots=settings.slots,
        home=settings.home,
    )


def _services(
    settings: Settings, engines: _Engines, bell: Bell, changes: Changes, temporal: TemporalState
) -> Services:
    """What the API answers from."""
    database, registry = engines.database, engines.registry
    tasks, collections, buckets = Tasks(database), Collections(database), Buckets(database)
    accept = Accept(
        Acceptance(database),
        Ledger(database),
        Targets(database),
        registry,
        Reach(settings.home, settings.roots, settings.outside),
        bell.ring,
        changes.changed,
        engines.uploads,
    )
    search = Searcher(
        collections,
        buckets,
        registry,
        engines.vectors,
        engines.encoder,
        engines.rerankers,
        engines.telemetry.emit,
    )
    return Services(
        access=Access([HomeKey(ensure_key(settings.key_file))]),
        namespaces=Namespaces(database),
        buckets=buckets,
        objects=Objects(database),
        collections=collections,
        failures=Failures(database),
        explanations=Explanations(database, registry.takes),
        tasks=tasks,
        accept=accept,
        search=search,
        vectors=engines.vectors,
        extractors=registry,
        changes=changes,
        feed=Feed(tasks, changes),
        uploads=engines.uploads,
        open_source=partial(open_object_file, engines.blobs),
        thumbnails=Thumbnails(settings.cache_folder / "thumbnails"),
        health=ServiceHealth(settings, engines.telemetry, engines.vectors, temporal),
    )


async def _letters(
    settings: Settings, outbox: Outbox, context: ControlContext, bell: Bell, client: Client
) -> None:
    """What is to be told to Temporal, and what it has forgotten, until canceled."""

    def lost(letter: Letter) -> None:
        end_lost(context.endings, context.rebuilding, letter)
        context.changed(letter.task_id)

    def fail(task: Unended, reason: str) -> None:
        context.ledger.fail(task.namespace_id, task.task_id, "workflow_lost", reason, LOST_HINT)
        context.changed(task.task_id)

    async def first(swept: Swept) -> None:
        await asyncio.to_thread(_tell_found, settings, swept.lines())

    async with asyncio.TaskGroup() as group:
        group.create_task(Relay(outbox, client, bell, settings.window, lost).run())
        group.create_task(Sweeper(outbox, client, settings.window, fail).run(first))


def open_object_file(blobs: BlobStore, row: ObjectRow) -> Path:
    """Where an object's bytes lie: in its folder (a path that leads out of it is refused), or among
    the blobs where it was uploaded."""
    if row.source_kind == UPLOADS:
        return blobs.path(key_of(row.namespace_id, row.bucket_id, hash_of(row.fingerprint)))
    root = Path(row.source_uri)
    path = (root / row.name).resolve()
    if not path.is_relative_to(root):
        raise WorkbenchError(
            Code.SOURCE_UNREADABLE, f"{row.name} leads out of its source", "ingest the bucket again"
        )
    return path


def _tell_found(settings: Settings, lines: Sequence[str]) -> None:
    """To ``up`` and ``status``. On a full disk nobody is told; the log has it too."""
    with contextlib.suppress(OSError):
        write_json(settings.found_file, {"found": lines})


def _prepare(settings: Settings, database: Database) -> None:
    try:
        migrate(database)
        Namespaces(database).ensure()
    except Exception as problem:
        if not out_of_reach(problem):
            raise
        raise WorkbenchError(
            Code.UNAVAILABLE,
            f"the metadata store {without_password(settings.metadata_url)} does not answer",
            "start its server, or correct MIXPEEK_DATABASE_URL",
        ) from problem
    settings.cache_folder.mkdir(parents=True, exist_ok=True, mode=0o700)


async def _warm(encoder: QueryEncoder) -> None:
    await encoder.warm()
    # DuckDB takes Arrow tables through it, and it imports pandas, which takes longer than the rest
    # of the start: after the first answer is early enough.
    await asyncio.to_thread(importlib.import_module, "pyarrow.dataset")


class _Server(uvicorn.Server):
    """Ends the streams of those who follow a task before it waits for its connections."""

    def __init__(self, config: uvicorn.Config, feed: Feed) -> None:
        super().__init__(config)
        self._feed = feed

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._feed.close()
        await super().shutdown(sockets)


def _server(settings: Settings, app: Any, feed: Feed) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=3,
        lifespan="off",
        server_header=False,
    )
    return _Server(config, feed)


async def serve_while(server: uvicorn.Server, essential: Sequence[asyncio.Task[None]]) -> None:
    """Serve until told to stop. A service that has lost one of its essential parts would accept
    work and never do it: it ends with that part's error, and whoever watches it starts another."""
    serving = asyncio.create_task(server.serve())
    await asyncio.wait([serving, *essential], return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await serving
    for task in essential:
        if task.done():
            task.result()
            raise RuntimeError("a part of the service ended")


def _log_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("a part of the service ended", exc_info=task.exception())
