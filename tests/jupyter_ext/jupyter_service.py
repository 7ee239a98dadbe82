"""A small service over HTTP for the notebook's tests: it speaks the models of the wire, keeps what
it was asked, and plays a task's states one after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI, Header, Request, Response
from fastapi.responses import JSONResponse
from jupyter_samples import T0, answer, ended, picture, some_hits, task

import workbench
from workbench.domain.errors import Code, WorkbenchError, not_found
from workbench.domain.mime import KINDS, Kind, kind_of
from workbench.domain.states import TaskState
from workbench.domain.wire import (
    BucketOut,
    BucketSource,
    CollectionOut,
    ErrorBody,
    ErrorEnvelope,
    ExtractorOut,
    FailureOut,
    HealthOut,
    Hit,
    IngestRequest,
    Page,
    RetryRequest,
    SearchRequest,
    SearchResponse,
    SqlColumnOut,
    SqlTableOut,
    TaskOut,
)

KEY = "test-key-0123456789"
HOME = "hom_of_the_test"


class Service:
    """What the routes answer, and what they were asked."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[tuple[str, Any]] = []
        self.found: SearchResponse = answer(some_hits())
        self.states: list[TaskOut] = [
            task(TaskState.PENDING, collections=[]),
            task(TaskState.IN_PROGRESS),
            ended(TaskState.COMPLETED),
        ]
        self.failures: list[FailureOut] = []
        self.delay = 0.0
        self.pause = 0.0

    def names(self) -> list[str]:
        return [name for name, _ in self.asked]

    def next_state(self) -> TaskOut:
        """The last state stays."""
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]


def build(service: Service) -> FastAPI:
    app = FastAPI()

    @app.middleware("http")
    async def check(request: Request, call_next: Any) -> Response:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return refuse(request, WorkbenchError(Code.UNAUTHORIZED, "the key is wrong", "set it"))
        response = await call_next(request)
        response.headers["X-Mixpeek-Version"] = workbench.__version__
        response.headers["X-Request-Id"] = "req_1"
        return response

    @app.exception_handler(WorkbenchError)
    async def refused(request: Request, error: WorkbenchError) -> Response:
        return refuse(request, error)

    def refuse(_: Request, error: WorkbenchError) -> Response:
        body = ErrorBody(code=error.code, message=error.message, hint=error.hint)
        return JSONResponse(ErrorEnvelope(error=body).model_dump(), error.status)

    @app.post("/v1/search")
    def search(request: SearchRequest) -> SearchResponse:
        service.asked.append(("search", request))
        if request.filter == "page >":
            raise WorkbenchError(Code.INVALID_FILTER, "'page >' breaks off", "e.g. page > 3")
        if request.buckets == ["nowhere"]:
            raise not_found("bucket", "nowhere", "`mixpeek buckets` lists them")
        last = request.offset + request.top
        hits = [hit for hit in service.found.hits if _kind(hit) in (request.kinds or KINDS)]
        return service.found.model_copy(update={"hits": hits[request.offset : last]})

    @app.get("/v1/health")
    def health() -> HealthOut:
        version = workbench.__version__
        return HealthOut(state="ok", version=version, home_id=HOME, started_at=T0, parts={})

    @app.post("/v1/tasks/ingest", status_code=202)
    def ingest(request: IngestRequest, idempotency_key: str = Header()) -> TaskOut:
        service.asked.append(("ingest", request))
        return service.next_state()

    @app.get("/v1/tasks")
    def tasks() -> Page[TaskOut]:
        service.asked.append(("tasks", None))
        time.sleep(service.delay)
        return Page(results=[service.states[0]])

    @app.get("/v1/tasks/{task_id}")
    def one(task_id: str, response: Response) -> TaskOut:
        service.asked.append(("task", task_id))
        if task_id == "tsk_none":
            raise not_found("task", task_id)
        time.sleep(service.pause)
        response.headers["X-Sequence"] = str(len(service.asked))
        return service.next_state()

    @app.post("/v1/tasks/{task_id}/cancel", status_code=202)
    def cancel(task_id: str) -> TaskOut:
        service.asked.append(("cancel", task_id))
        service.states = [task(TaskState.IN_PROGRESS, requested="cancel")]
        return service.states[0]

    @app.post("/v1/tasks/{task_id}/pause", status_code=202)
    def pause(task_id: str) -> TaskOut:
        service.asked.append(("pause", task_id))
        service.states = [task(TaskState.PAUSED)]
        return task(TaskState.IN_PROGRESS, requested="pause")

    @app.post("/v1/tasks/{task_id}/resume", status_code=202)
    def resume(task_id: str) -> TaskOut:
        service.asked.append(("resume", task_id))
        service.states = [task(TaskState.IN_PROGRESS)]
        return service.states[0]

    @app.post("/v1/tasks/{task_id}/retry", status_code=202)
    def retry(task_id: str, body: RetryRequest | None = None) -> TaskOut:
        service.asked.append(("retry", body or task_id))
        service.states = [ended(TaskState.COMPLETED, task_id="tsk_again", retry_of=task_id)]
        return task(TaskState.PENDING, task_id="tsk_again", retry_of=task_id)

    @app.get("/v1/tasks/{task_id}/failures")
    def failures(task_id: str, limit: int = 100) -> Page[FailureOut]:
        service.asked.append(("failures", task_id))
        return Page(results=service.failures[:limit])

    @app.get("/v1/objects/{object_id}/thumbnail")
    def thumbnail(object_id: str, size: int) -> Response:
        service.asked.append(("thumbnail", object_id))
        if object_id == "obj_6":
            raise WorkbenchError(Code.NO_THUMBNAIL, "it is no picture")
        return Response(picture(int(object_id[4:]), edge=size), media_type="image/webp")

    @app.get("/v1/documents/{document_id}/preview")
    def preview(document_id: str, size: int) -> Response:
        service.asked.append(("preview", document_id))
        return Response(picture(len(document_id), edge=size), media_type="image/webp")

    _names(app, service)
    return app


def _kind(hit: Hit) -> Kind:
    return kind_of(hit.mime)


def _names(app: FastAPI, service: Service) -> None:
    @app.get("/v1/buckets")
    def buckets() -> Page[BucketOut]:
        service.asked.append(("buckets", None))
        time.sleep(service.delay)
        source = BucketSource(kind="folder", uri="file:///data")
        return Page(
            results=[
                BucketOut(
                    bucket_id=f"bkt_{n}", name=n, source=source, objects=3, bytes=9, created_at=T0
                )
                for n in ("holidays", "trip")
            ]
        )

    @app.get("/v1/collections")
    def collections() -> Page[CollectionOut]:
        given = {"bucket": "trip", "parameters": {}, "digest": "d", "revision": 1, "features": []}
        return Page(
            results=[
                CollectionOut(
                    collection_id=f"col_{n}",
                    name=f"trip.{n}",
                    extractor=f"{n}@1",
                    documents=4,
                    created_at=T0,
                    **given,
                )
                for n in ("image", "text")
            ]
        )

    @app.get("/v1/extractors")
    def extractors() -> Page[ExtractorOut]:
        given = {"description": "", "accepts": [], "default": True, "isolated": False}
        return Page(
            results=[
                ExtractorOut(
                    name=n,
                    version=1,
                    parameters={"properties": {"chunk_size": {}}},
                    features=[],
                    fields={"chunk_count": "integer"},
                    resources={},
                    **given,
                )
                for n in ("image", "text")
            ]
        )

    @app.get("/v1/telemetry")
    def tables() -> Page[SqlTableOut]:
        columns = {
            "tasks": {"task_id": "VARCHAR", "state": "VARCHAR"},
            "stages": {
                "task_id": "VARCHAR",
                "stage": "VARCHAR",
                "seconds": "DOUBLE",
                "rows": "BIGINT",
            },
        }
        return Page(
            results=[
                SqlTableOut(
                    name=table,
                    meaning="",
                    columns=[SqlColumnOut(name=n, type=t, meaning="") for n, t in types.items()],
                )
                for table, types in columns.items()
            ]
        )

    @app.get("/v1/telemetry/{table}")
    def rows(table: str, columns: str | None = None) -> Response:
        import pyarrow as pa

        if table != "stages":
            raise not_found("table", table, "tables: stages, tasks")
        service.asked.append(("telemetry", columns))
        data = pa.table(
            {
                "task_id": ["t1", "t1", "t2"],
                "stage": ["decode", "infer", "infer"],
                "seconds": [1.5, 2.0, 0.5],
                "rows": [10, 10, 4],
            }
        )
        data = data.select(columns.split(",")) if columns else data
        out = pa.BufferOutputStream()
        with pa.ipc.new_stream(out, data.schema) as writer:
            writer.write_table(data)
        return Response(
            out.getvalue().to_pybytes(), media_type="application/vnd.apache.arrow.stream"
        )


@contextmanager
def running() -> Iterator[Service]:
    service = Service()
    config = uvicorn.Config(build(service), host="127.0.0.1", port=0, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < end, "the test's service did not start"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    service.url = f"http://127.0.0.1:{port}"
    yield service
    server.should_exit = True
    thread.join(10)
