"""Tasks: begin, watch, steer, and see what failed."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from workbench.api.events import EventStream, namespace_events, task_events
from workbench.api.requests import Caller, NamespaceId, PageOf, ServicesOf, answer, present
from workbench.api.services import Services
from workbench.domain.states import Request
from workbench.domain.wire import (
    DryRunOut,
    DryRunRequest,
    FailureOut,
    IngestRequest,
    Page,
    ReindexRequest,
    RetryRequest,
    TaskOut,
)
from workbench.store.acceptance import Scope
from workbench.store.tasks import Snapshot

router = APIRouter(prefix="/tasks", tags=["tasks"])

LONGEST_WAIT = 60.0
#: A watched task is looked at this often even when nothing said that it changed.
_LOOK = 5.0


@router.get("", response_model=Page[TaskOut])
def list_tasks(services: ServicesOf, namespace_id: NamespaceId, page: PageOf) -> Response:
    """The newest first, unless sorted otherwise."""
    return answer(services.tasks.list(namespace_id, page))


@router.post("/ingest", response_model=TaskOut, status_code=202)
def ingest(
    body: IngestRequest,
    services: ServicesOf,
    namespace_id: NamespaceId,
    caller: Caller,
    idempotency_key: Annotated[
        str | None,
        Header(
            pattern=r"^[\x21-\x7e]{1,128}$",
            description="a request that is sent again under the same key gives the same task",
        ),
    ] = None,
) -> Response:
    """Ingest a source into a bucket, or bring the bucket up to date with it."""
    task_id = services.accept.ingest(namespace_id, body, idempotency_key, caller)
    return accepted(services, namespace_id, task_id)


@router.post("/ingest/dry-run", response_model=DryRunOut)
def dry_run(
    body: DryRunRequest, services: ServicesOf, namespace_id: NamespaceId, caller: Caller
) -> Response:
    """What this ingest would do to how many files, by type and extractor. Writes nothing."""
    return answer(services.accept.dry_run(namespace_id, body, caller))


@router.post("/reindex", response_model=TaskOut, status_code=202)
def reindex(body: ReindexRequest, services: ServicesOf, namespace_id: NamespaceId) -> Response:
    """Rebuild the vector index from the feature segments, while searches go on."""
    bucket_id = collection_id = None
    if body.bucket is not None:
        found = services.buckets.find(namespace_id, body.bucket)
        bucket_id = present(found, "bucket", body.bucket)
    if body.collection is not None:
        collection = services.collections.get(namespace_id, body.collection)
        collection_id = present(collection, "collection", body.collection).collection_id
    task_id = services.accept.reindex(namespace_id, Scope(bucket_id, collection_id), body.compact)
    return accepted(services, namespace_id, task_id)


@router.get("/events", response_class=EventStream, status_code=200)
async def follow_tasks(services: ServicesOf, namespace_id: NamespaceId) -> Response:
    """All tasks of the namespace that go on, as server-sent events: ``task`` holds a task's newest
    state and counters, at most four times a second, and once more when it has ended."""
    return EventStream(namespace_events(services.feed, namespace_id))


@router.get("/{task_id}/events", response_class=EventStream, status_code=200)
async def follow_task(
    task_id: str,
    services: ServicesOf,
    namespace_id: NamespaceId,
    last_event_id: Annotated[
        str | None, Header(pattern=r"^\d{1,18}$", description="the id of the last event seen")
    ] = None,
    after: Annotated[int, Query(ge=-1, description="the same, where a header cannot be sent")] = -1,
) -> Response:
    """The task as server-sent events. ``state``: each state that it took, once, in order, with its
    sequence as id. ``progress``: the task as it is now, at most four times a second. ``end``: the
    ended task; then the stream ends. A stream that was cut goes on after the last id seen."""
    present(
        await run_in_threadpool(services.tasks.sequence, namespace_id, task_id), "task", task_id
    )
    seen = after if last_event_id is None else int(last_event_id)
    return EventStream(task_events(services.feed, namespace_id, task_id, seen))


@router.get("/{task_id}", response_model=TaskOut)
async def get_task(
    task_id: str,
    services: ServicesOf,
    namespace_id: NamespaceId,
    wait: Annotated[
        float, Query(ge=0, le=LONGEST_WAIT, description="seconds to hold the answer")
    ] = 0,
    after: Annotated[
        int, Query(description="X-Sequence of the answer before; a later one is answered at once")
    ] = -1,
) -> Response:
    """The task now; with ``wait`` and ``after``, as soon as it differs from what was seen last."""
    deadline = time.monotonic() + wait
    while True:
        mark = services.changes.mark(task_id)
        found = await run_in_threadpool(services.tasks.snapshot, namespace_id, task_id)
        task, sequence = present(found, "task", task_id)
        left = deadline - time.monotonic()
        if sequence > after or task.state.ended or left <= 0:
            return _answer(Snapshot(task, sequence))
        await services.changes.wait(mark, min(left, _LOOK), task_id)


@router.get("/{task_id}/failures", response_model=Page[FailureOut])
def list_failures(
    task_id: str, services: ServicesOf, namespace_id: NamespaceId, page: PageOf
) -> Response:
    """Why items of the task failed, by the name of the object."""
    present(services.tasks.sequence(namespace_id, task_id), "task", task_id)
    return answer(services.failures.list(namespace_id, task_id, page))


@router.post("/{task_id}/cancel", response_model=TaskOut, status_code=202)
def cancel_task(task_id: str, services: ServicesOf, namespace_id: NamespaceId) -> Response:
    """Ask the task to end. What is indexed already stays searchable."""
    return _asked(services, namespace_id, task_id, Request.CANCEL)


@router.post("/{task_id}/pause", response_model=TaskOut, status_code=202)
def pause_task(task_id: str, services: ServicesOf, namespace_id: NamespaceId) -> Response:
    """Ask the task to hold. It is PAUSED when nothing of it runs any more, within seconds."""
    return _asked(services, namespace_id, task_id, Request.PAUSE)


@router.post("/{task_id}/resume", response_model=TaskOut, status_code=202)
def resume_task(task_id: str, services: ServicesOf, namespace_id: NamespaceId) -> Response:
    """Let a paused task go on, or take back a pause that is not done yet."""
    return _asked(services, namespace_id, task_id, Request.RESUME)


@router.post("/{task_id}/retry", response_model=TaskOut, status_code=202)
def retry_task(
    task_id: str,
    services: ServicesOf,
    namespace_id: NamespaceId,
    body: RetryRequest | None = None,
) -> Response:
    """A new task of the items that failed: all of them, or those that the body selects."""
    present(services.tasks.sequence(namespace_id, task_id), "task", task_id)
    new_id = services.accept.retry(namespace_id, task_id, body or RetryRequest())
    return accepted(services, namespace_id, new_id)


def _asked(services: Services, namespace_id: str, task_id: str, request: Request) -> Response:
    present(services.tasks.sequence(namespace_id, task_id), "task", task_id)
    services.accept.ask(namespace_id, task_id, request)
    return accepted(services, namespace_id, task_id)


def accepted(services: Services, namespace_id: str, task_id: str) -> Response:
    """202 with the task that a request began or changed. Blocks."""
    found = present(services.tasks.snapshot(namespace_id, task_id), "task", task_id)
    return _answer(found, 202, {"Location": f"/v1/tasks/{task_id}"})


def _answer(found: Snapshot, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    sent = {"X-Sequence": str(found.sequence), **(headers or {})}
    return answer(found.task, status, sent)
