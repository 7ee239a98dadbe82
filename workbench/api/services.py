"""What the API stands on: the ports that its routes call, and the one object that holds them.

The routes know these shapes only; the service is composed elsewhere. Methods that are not ``async``
may block and are called in a thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from workbench.access.authenticate import Access
from workbench.access.principal import Principal
from workbench.api.sources import OpenSource
from workbench.api.thumbnails import Thumbnails
from workbench.domain.states import Request
from workbench.domain.wire import (
    DryRunOut,
    DryRunRequest,
    HealthOut,
    IngestRequest,
    RetryRequest,
    SearchRequest,
    SearchResponse,
    SourceOut,
    SourceRequest,
)
from workbench.extraction.contract import Extractor, ExtractorSpec
from workbench.store.acceptance import Scope
from workbench.store.buckets import Buckets
from workbench.store.collections import Collections
from workbench.store.explain import Explanations
from workbench.store.failures import Failures
from workbench.store.namespaces import Namespaces
from workbench.store.objects import Objects
from workbench.store.tasks import Tasks
from workbench.tasks.feed import Feed
from workbench.tasks.uploads import Uploads
from workbench.vectors.port import VectorStore

Deletable = Literal["bucket", "collection", "object"]


class TaskAcceptance(Protocol):
    """Takes requests for work. When a call returns, the task is on disk and will be carried out.
    The id returned is the task's."""

    def ingest(
        self,
        namespace_id: str,
        request: IngestRequest,
        idempotency_key: str | None,
        principal: Principal,
    ) -> str: ...

    def dry_run(
        self, namespace_id: str, request: DryRunRequest, principal: Principal
    ) -> DryRunOut: ...

    def probe(
        self, namespace_id: str, request: SourceRequest, local: bool, principal: Principal
    ) -> SourceOut: ...

    def ask(self, namespace_id: str, task_id: str, request: Request) -> None:
        """Pause, resume or cancel. Raises ``task_ended``, or ``conflict`` where the task is not in
        a state for it."""
        ...

    def retry(self, namespace_id: str, task_id: str, request: RetryRequest) -> str:
        """A new task of failed items. Raises ``conflict`` where there is none."""
        ...

    def reindex(self, namespace_id: str, scope: Scope, compact: bool) -> str: ...

    def delete(self, namespace_id: str, kind: Deletable, target_id: str) -> str: ...


class Searcher(Protocol):
    async def search(self, namespace_id: str, request: SearchRequest) -> SearchResponse: ...


class Extractors(Protocol):
    """The installed extractors. ``get`` takes ``text`` or ``text@1`` and raises ``not_found``."""

    def specs(self) -> Sequence[ExtractorSpec]: ...

    def get(self, name: str) -> type[Extractor]: ...


class Changes(Protocol):
    """Take a ``mark``, look at the task, ``wait`` with the mark: no change is slept through."""

    def mark(self, task_id: str, /) -> int: ...

    async def wait(self, mark: int, seconds: float, task_id: str, /) -> None:
        """Return when the task may have changed since ``mark``, at the latest after
        ``seconds``."""
        ...


class Health(Protocol):
    async def __call__(self) -> HealthOut: ...


@dataclass(frozen=True)
class Services:
    access: Access
    namespaces: Namespaces
    buckets: Buckets
    objects: Objects
    collections: Collections
    failures: Failures
    explanations: Explanations
    tasks: Tasks
    accept: TaskAcceptance
    search: Searcher
    vectors: VectorStore
    extractors: Extractors
    changes: Changes
    feed: Feed
    uploads: Uploads
    open_source: OpenSource
    thumbnails: Thumbnails
    health: Health
