"""Tasks: begin, watch, steer, and see what failed."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from workbench.api.requests import Caller, NamespaceId, PageOf, ServicesOf, answer, present
from workbench.api.services import Services
from workbench.domain.wire import DryRunOut, FailureOut, IngestRequest, Page, TaskOut
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
    body: IngestRequest, services: ServicesOf, namespace_id: NamespaceId, caller: Caller
) -> Response:
    """What this ingest would do to how many files, by type and extractor. Writes nothing."""
    return answer(services.accept.dry_run(namespace_id, body, caller))


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
        found = await run_in_threadpool(services.tasks.snapshot, namespace_id, task_id)
        task, sequence = present(found, "task", task_id)
        left = deadline - time.monotonic()
        if sequence > after or task.state.ended or left <= 0:
            return _answer(Snapshot(task, sequence))
        await services.changes.wait(task_id, after, min(left, _LOOK))


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
    present(services.tasks.sequence(namespace_id, task_id), "task", task_id)
    services.accept.cancel(namespace_id, task_id)
    return accepted(services, namespace_id, task_id)


@router.post("/{task_id}/retry", response_model=TaskOut, status_code=202)
def retry_task(task_id: str, services: ServicesOf, namespace_id: NamespaceId) -> Response:
    """A new task of the items that failed."""
    present(services.tasks.sequence(namespace_id, task_id), "task", task_id)
    new_id = services.accept.retry(namespace_id, task_id)
    return accepted(services, namespace_id, new_id)


def accepted(services: Services, namespace_id: str, task_id: str) -> Response:
    """202 with the task that a request began or changed. Blocks."""
    found = present(services.tasks.snapshot(namespace_id, task_id), "task", task_id)
    return _answer(found, 202, {"Location": f"/v1/tasks/{task_id}"})


def _answer(found: Snapshot, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    sent = {"X-Sequence": str(found.sequence), **(headers or {})}
    return answer(found.task, status, sent)
