"""The extract activity: hands a chunk to the pool and waits for it. It runs in the workers.

A worker knows blobs and the pool; its answer is counters. When it is asked to stop (cancel, pause,
the worker's own end) the pool ends the chunk between two objects, and what was extracted counts.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime

from temporalio import activity
from temporalio.exceptions import ApplicationError

from workbench.blobs.port import BlobNotFound, BlobStore
from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.states import Category
from workbench.extraction.careful import run_chunk
from workbench.extraction.chunks import read_manifest
from workbench.extraction.jobs import (
    LoadFailed,
    NoSuchResource,
    RayNotStarted,
    Recipe,
    StoppedBeforeResult,
)
from workbench.extraction.pool import ActorPool
from workbench.extraction.registry import Registry
from workbench.extraction.worker import Summary
from workbench.tasks.heartbeat import heartbeats
from workbench.tasks.messages import Extracted, ExtractRequest

#: Seconds until a chunk that did not stop is asked again.
STOP_AGAIN = 0.1


class ExtractActivities:
    def __init__(self, pool: ActorPool, blobs: BlobStore, registry: Registry) -> None:
        self._pool = pool
        self._blobs = blobs
        self._registry = registry

    @activity.defn(name="extract")
    async def extract(self, request: ExtractRequest) -> Extracted:
        """Raises ``ApplicationError`` whose type is the category of the failure that the chunk's
        objects get."""
        queued_at, queued_s = _queued()
        namespace_id, chunk_id = request.task.namespace_id, request.chunk_id
        async with heartbeats():
            try:
                recipe = await asyncio.to_thread(self._recipe, namespace_id, chunk_id)
                summary = await self._run(recipe, namespace_id, chunk_id)
            except StoppedBeforeResult:
                return Extracted(0, 1, nothing=True, queued_at=queued_at, queued_s=queued_s)
            except LoadFailed as error:
                raise _given_up(
                    Category.MODEL, f"the extractor cannot be opened: {error}", "mixpeek doctor"
                ) from None
            except NoSuchResource as error:
                raise _given_up(
                    Category.RESOURCE, f"the extractor {error}", "give Ray what it asks for"
                ) from None
            except RayNotStarted as error:  # tried again, as often as a chunk is
                raise ApplicationError(
                    f"Ray does not start: {error}",
                    "`mixpeek doctor` says what it finds; then `mixpeek retry`",
                    type=Category.RESOURCE.value,
                ) from None
            except WorkbenchError as error:
                raise _given_up(Category.MODEL, error.message, error.hint) from None
            except BlobNotFound as error:
                raise _given_up(
                    Category.INTERNAL, f"the chunk's manifest is gone: {error}", "ingest again"
                ) from None
        return Extracted(summary.documents, summary.left, queued_at=queued_at, queued_s=queued_s)

    def _recipe(self, namespace_id: str, chunk_id: str) -> Recipe:
        manifest = read_manifest(self._blobs, namespace_id, chunk_id)
        kind = self._registry.get(manifest.extractor)
        if kind.spec.isolated:  # never beside the others, whatever else it asks for
            raise WorkbenchError(
                Code.UNAVAILABLE,
                f"{manifest.extractor} asks to run isolated, which this version cannot do",
                "use another extractor",
            )
        return Recipe(
            digest=manifest.digest,
            target=f"{kind.__module__}:{kind.__qualname__}",
            parameters=manifest.parameters,
            resources=kind.spec.resources,
        )

    async def _run(self, recipe: Recipe, namespace_id: str, chunk_id: str) -> Summary:
        """The chunk's summary; a cancellation stops the chunk and gives what it has so far."""
        work = asyncio.create_task(
            run_chunk(self._pool, self._blobs, recipe, namespace_id, chunk_id)
        )
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            if work.done():
                raise
            while not work.done():  # between two parts of a chunk there is no job to stop
                with contextlib.suppress(Exception):
                    await self._pool.stop(chunk_id)
                await asyncio.wait([work], timeout=STOP_AGAIN)
            return await work


def _queued() -> tuple[int, float]:
    """When this attempt was scheduled (UTC milliseconds), and how long it has waited."""
    scheduled = activity.info().current_attempt_scheduled_time
    waited = datetime.now(UTC) - scheduled
    return int(scheduled.timestamp() * 1000), max(0.0, waited.total_seconds())


def _given_up(category: Category, message: str, hint: str | None) -> ApplicationError:
    details = (hint,) if hint else ()
    return ApplicationError(message, *details, type=category.value, non_retryable=True)
