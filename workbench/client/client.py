"""``Client``: one typed method per route of the HTTP API, and waiting for a task.

Methods raise ``WorkbenchError``: what the service refused keeps the service's code
(``RefusedError``), a service that cannot be reached is ``SERVICE_UNREACHABLE``. A client may be
shared by threads. Lists answer one ``Page``; ``iterate`` goes through all of them.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, TypeVar, Unpack

from pydantic import BaseModel

from workbench.client import watching
from workbench.client.following import OUTAGE_SECONDS, TaskEvent
from workbench.client.ingesting import dry_run_request, ingest_request, sent
from workbench.client.place import find
from workbench.client.session import Notify, Session, path_of
from workbench.client.transport import Body
from workbench.client.upload import Watch as Uploads
from workbench.client.waiting import POLL_SECONDS, Watch
from workbench.domain import wire
from workbench.domain.errors import Code, WorkbenchError

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_PAGE = 1000


class PageOptions(TypedDict, total=False):
    """What every list takes: at most ``limit`` results (1..1000) from ``cursor`` on, sorted by a
    field (``name``, ``-created_at``), those for which ``filter`` holds (JSON or its text form)."""

    limit: int | None
    cursor: str | None
    sort: str | None
    filter: Mapping[str, Any] | str | None


def connect(
    namespace: str | None = None,
    home: Path | str | None = None,
    notify: Notify | None = None,
) -> Client:
    """A client of the service that ``home``, or else the environment, names. Sends nothing yet.

    ``namespace`` wins over ``MIXPEEK_NAMESPACE``; else it is ``default``. ``notify`` is told one
    line at a time what no answer says (default: a Python warning). Raises
    ``WorkbenchError(SERVICE_UNREACHABLE)`` when the home has no running service.
    """
    chosen = namespace or os.environ.get("MIXPEEK_NAMESPACE") or "default"
    if not _NAMESPACE.fullmatch(chosen):
        raise WorkbenchError(
            Code.INVALID,
            f"{chosen!r} is not the name of a namespace",
            "small letters, digits, - and _, beginning with a letter or a digit",
        )
    finder = find(home)
    finder()
    return Client(Session(finder, chosen, notify))


class Client:
    """The service, from a caller's side."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def namespace(self) -> str:
        return self._session.namespace

    @property
    def url(self) -> str:
        """The service's address now."""
        return self._session.find().url

    def __repr__(self) -> str:
        return f"Client(namespace={self.namespace!r})"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._session.close()

    # ---- lists ----------------------------------------------------------------------------------

    def iterate(
        self,
        fetch: Callable[..., wire.Page[T]],
        *args: str,
        limit: int | None = None,
        sort: str | None = None,
        filter: Mapping[str, Any] | str | None = None,
    ) -> Iterator[T]:
        """Everything that the list method ``fetch`` has, page by page; at most ``limit``."""
        left = limit
        cursor: str | None = None
        while left is None or left > 0:
            size = _PAGE if left is None else min(left, _PAGE)
            page = fetch(*args, limit=size, cursor=cursor, sort=sort, filter=filter)
            yield from page.results
            left = None if left is None else left - len(page.results)
            cursor = page.next_cursor
            if cursor is None:
                return

    def namespaces(self, **options: Unpack[PageOptions]) -> wire.Page[wire.NamespaceOut]:
        return self._list(wire.Page[wire.NamespaceOut], "/namespaces", options)

    def buckets(self, **options: Unpack[PageOptions]) -> wire.Page[wire.BucketOut]:
        return self._list(wire.Page[wire.BucketOut], "/buckets", options)

    def objects(self, bucket: str, **options: Unpack[PageOptions]) -> wire.Page[wire.ObjectOut]:
        return self._list(wire.Page[wire.ObjectOut], "/objects", options, bucket=bucket)

    def collections(self, **options: Unpack[PageOptions]) -> wire.Page[wire.CollectionOut]:
        return self._list(wire.Page[wire.CollectionOut], "/collections", options)

    def documents(
        self, collection: str, **options: Unpack[PageOptions]
    ) -> wire.Page[wire.DocumentOut]:
        model = wire.Page[wire.DocumentOut]
        return self._list(model, "/documents", options, collection=collection)

    def extractors(self, **options: Unpack[PageOptions]) -> wire.Page[wire.ExtractorOut]:
        return self._list(wire.Page[wire.ExtractorOut], "/extractors", options)

    def tasks(self, **options: Unpack[PageOptions]) -> wire.Page[wire.TaskOut]:
        return self._list(wire.Page[wire.TaskOut], "/tasks", options)

    def failures(self, task_id: str, **options: Unpack[PageOptions]) -> wire.Page[wire.FailureOut]:
        path = path_of("tasks", task_id, "failures")
        return self._list(wire.Page[wire.FailureOut], path, options)

    # ---- one of them ----------------------------------------------------------------------------

    def create_namespace(self, name: str) -> wire.NamespaceOut:
        body = wire.NamespaceCreate(name=name)
        return self._session.ask(wire.NamespaceOut, "POST", "/namespaces", body=body)[0]

    def bucket(self, id_or_name: str) -> wire.BucketOut:
        return self._get(wire.BucketOut, path_of("buckets", id_or_name))

    def create_bucket(self, name: str, origin: str = "") -> wire.BucketOut:
        """A bucket that objects are uploaded to."""
        body = wire.BucketCreate(name=name, origin=origin)
        return self._session.ask(wire.BucketOut, "POST", "/buckets", body=body, harmless=True)[0]

    def delete_bucket(self, id_or_name: str) -> wire.TaskOut:
        return self._task("DELETE", path_of("buckets", id_or_name))

    def object(self, object_id: str) -> wire.ObjectOut:
        return self._get(wire.ObjectOut, path_of("objects", object_id))

    def explain(self, object_id: str) -> wire.ExplainOut:
        return self._get(wire.ExplainOut, path_of("objects", object_id, "explain"))

    def delete_object(self, object_id: str) -> wire.TaskOut:
        return self._task("DELETE", path_of("objects", object_id))

    def thumbnail(self, object_id: str, size: int = 320) -> bytes:
        """A small picture of the object (image/webp or image/jpeg), its longer side ``size``."""
        path = path_of("objects", object_id, "thumbnail")
        with self._session.stream(path, {"size": size}) as body:
            return body.readall()

    def preview(self, document_id: str, size: int = 320) -> bytes:
        """Where the document is from, as a small picture (image/webp): the frame, the page."""
        path = path_of("documents", document_id, "preview")
        with self._session.stream(path, {"size": size}) as body:
            return body.readall()

    def content(self, object_id: str) -> Body:
        """The object's bytes as they come in."""
        return self._session.stream(path_of("objects", object_id, "content"))

    def collection(self, id_or_name: str) -> wire.CollectionOut:
        return self._get(wire.CollectionOut, path_of("collections", id_or_name))

    def delete_collection(self, id_or_name: str) -> wire.TaskOut:
        return self._task("DELETE", path_of("collections", id_or_name))

    def document(self, document_id: str) -> wire.DocumentOut:
        return self._get(wire.DocumentOut, path_of("documents", document_id))

    def extractor(self, name: str) -> wire.ExtractorOut:
        return self._get(wire.ExtractorOut, path_of("extractors", name))

    # ---- search, telemetry, health --------------------------------------------------------------

    def search(self, request: wire.SearchRequest) -> wire.SearchResponse:
        return self._session.ask(
            wire.SearchResponse, "POST", "/search", body=request, harmless=True
        )[0]

    def telemetry_tables(self) -> wire.Page[wire.SqlTableOut]:
        """The tables that SQL may name, with their columns; always all on one page."""
        return self._get(wire.Page[wire.SqlTableOut], "/telemetry")

    def telemetry_table(
        self,
        table: str,
        columns: Sequence[str] | None = None,
        since: int | None = None,
        until: int | None = None,
    ) -> Body:
        """One table as an Arrow IPC stream: a readable file that is also an iterator over pieces
        of bytes. ``since`` and ``until`` are UTC milliseconds."""
        query = {"columns": ",".join(columns) if columns else None, "since": since, "until": until}
        return self._session.stream(path_of("telemetry", table), query)

    def health(self) -> wire.HealthOut:
        return self._get(wire.HealthOut, "/health")

    # ---- tasks ----------------------------------------------------------------------------------

    def ingest(
        self,
        source: str | Path,
        *,
        bucket: str | None = None,
        extractors: Sequence[str] | None = None,
        parameters: Mapping[str, Mapping[str, Any]] | None = None,
        exclude: Sequence[str] = (),
        verify: bool = False,
        retry: Mapping[str, Any] | None = None,
        uploading: Uploads | None = None,
    ) -> wire.TaskOut:
        """Start an ingest of a folder or file here. ``retry`` are settings of a ``RetryPolicy``
        that its collections keep.

        Files that the service does not see are uploaded first; ``uploading`` is told how far that
        is, and what is left out. Answers with the accepted task. However often the request must be
        sent, it makes one task.
        """
        request = ingest_request(
            self._session, source, bucket, extractors, parameters, exclude, verify, retry
        )
        request = sent(self._session, request, uploading or (lambda _: None))
        return self._session.ask(
            wire.TaskOut, "POST", "/tasks/ingest", body=request, idempotency_key=uuid.uuid4().hex
        )[0]

    def dry_run(
        self,
        source: str | Path,
        *,
        bucket: str | None = None,
        extractors: Sequence[str] | None = None,
        parameters: Mapping[str, Mapping[str, Any]] | None = None,
        exclude: Sequence[str] = (),
    ) -> wire.DryRunOut:
        """What ``ingest`` would do to how many files, by type and extractor; it does nothing."""
        asked = ingest_request(self._session, source, bucket, extractors, parameters, exclude)
        request = dry_run_request(self._session, asked)
        return self._session.ask(
            wire.DryRunOut, "POST", "/tasks/ingest/dry-run", body=request, harmless=True
        )[0]

    def reindex(
        self, bucket: str | None = None, collection: str | None = None, compact: bool = False
    ) -> wire.TaskOut:
        """Rebuild the vector index of a bucket, a collection or everything, from what was
        extracted."""
        request = wire.ReindexRequest(bucket=bucket, collection=collection, compact=compact)
        return self._session.ask(wire.TaskOut, "POST", "/tasks/reindex", body=request)[0]

    def task(self, task_id: str) -> wire.TaskOut:
        return self._get(wire.TaskOut, path_of("tasks", task_id))

    def changes(
        self, task_id: str, after: int | None = None, wait: float = 0.0
    ) -> tuple[wire.TaskOut, int | None]:
        """The task, once its sequence is past ``after`` or after ``wait`` seconds; and the
        sequence, for the next call. Does not try again."""
        return watching.changes(self._session, task_id, after, wait)

    def events(
        self,
        task_id: str,
        last_event_id: int | None = None,
        outage: float = OUTAGE_SECONDS,
    ) -> Iterator[TaskEvent]:
        """What the task does, until it has ended: each state that it takes exactly once (after the
        one whose sequence is ``last_event_id``), and its newest progress between. Goes on by itself
        after a cut connection and a restart of the service."""
        return watching.events(self._session, task_id, last_event_id, outage)

    def wait(
        self,
        task_id: str,
        watch: Watch | None = None,
        poll: float = POLL_SECONDS,
        outage: float = OUTAGE_SECONDS,
    ) -> wire.TaskOut:
        """The task when it has ended. ``watch`` is called with every state seen. An interrupt
        stops the waiting only; a service that is away is waited for, up to ``outage`` seconds.
        Where there is no stream of events (an older service, a proxy) the task is asked for."""
        return watching.wait(self._session, task_id, watch, poll, outage)

    def cancel(self, task_id: str) -> wire.TaskOut:
        return self._task("POST", path_of("tasks", task_id, "cancel"), harmless=True)

    def pause(self, task_id: str) -> wire.TaskOut:
        """The task holds within seconds: it is PAUSED when nothing of it runs any more."""
        return self._task("POST", path_of("tasks", task_id, "pause"))

    def resume(self, task_id: str) -> wire.TaskOut:
        return self._task("POST", path_of("tasks", task_id, "resume"))

    def retry(self, task_id: str, which: wire.RetryRequest | None = None) -> wire.TaskOut:
        """A new task of the failed items of an ended one: all, or those that ``which`` selects."""
        path = path_of("tasks", task_id, "retry")
        return self._session.ask(wire.TaskOut, "POST", path, body=which)[0]

    # ---- how ------------------------------------------------------------------------------------

    def _list(self, model: type[M], path: str, options: PageOptions, **more: str) -> M:
        rule = options.get("filter")
        query = {
            **more,
            "limit": options.get("limit"),
            "cursor": options.get("cursor"),
            "sort": options.get("sort"),
            "filter": rule if rule is None or isinstance(rule, str) else json.dumps(rule),
        }
        return self._session.ask(model, "GET", path, query)[0]

    def _get(self, model: type[M], path: str) -> M:
        return self._session.ask(model, "GET", path)[0]

    def _task(self, method: str, path: str, harmless: bool = False) -> wire.TaskOut:
        return self._session.ask(wire.TaskOut, method, path, harmless=harmless)[0]
