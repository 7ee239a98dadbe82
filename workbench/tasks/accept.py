"""Taking requests for work: checks what can be checked now, then hands them to the store.

Where a source belongs, and whether it may be read, ``places`` says. Which collections an ingest
makes or changes is decided here: a parameter that is given goes on top of those of the present
revision, and without one the revision stays. What was accepted is kept before anybody is woken.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from workbench.access.principal import Principal
from workbench.domain import filters
from workbench.domain.errors import Code, WorkbenchError, not_found
from workbench.domain.folder import Folder
from workbench.domain.retries import policy
from workbench.domain.states import Request
from workbench.domain.wire import (
    DryRunOut,
    DryRunRequest,
    IngestRequest,
    RetryRequest,
    SourceOut,
    SourceRequest,
)
from workbench.extraction.contract import ExtractorSpec
from workbench.extraction.registry import Registry
from workbench.store.acceptance import (
    Acceptance,
    CollectionChanged,
    IngestOrder,
    Recipe,
    Scope,
)
from workbench.store.ledger import Ledger
from workbench.store.records import CollectionRecord
from workbench.store.retrying import Selection
from workbench.store.targets import Targets
from workbench.store.uploads import UPLOADS
from workbench.tasks.dry import counted, dry_run
from workbench.tasks.places import Place, Places, Reach
from workbench.tasks.recipes import recipe
from workbench.tasks.uploads import UploadedSource, Uploads

#: How often the collections of an ingest may change between the look at them and its acceptance.
TURNS = 5


class Accept:
    def __init__(
        self,
        acceptance: Acceptance,
        ledger: Ledger,
        targets: Targets,
        registry: Registry,
        reach: Reach,
        wake: Callable[[], None],
        changed: Callable[[str], None],
        uploads: Uploads,
    ) -> None:
        self._acceptance = acceptance
        self._ledger = ledger
        self._targets = targets
        self._registry = registry
        self._home = reach.home
        self._places = Places(reach, targets, uploads.rows)
        self._wake = wake
        self._changed = changed
        self._uploads = uploads

    def ingest(
        self,
        namespace_id: str,
        request: IngestRequest,
        idempotency_key: str | None,
        principal: Principal,
    ) -> str:
        for _ in range(TURNS):
            order = self._order(namespace_id, request, principal)
            with contextlib.suppress(CollectionChanged):
                task_id = self._acceptance.ingest(namespace_id, order, idempotency_key)
                self._wake()
                return task_id
        raise WorkbenchError(
            Code.CONFLICT,
            "other ingests are changing the parameters of the same collections",
            "send it again",
        )

    def _order(
        self, namespace_id: str, request: IngestRequest, principal: Principal
    ) -> IngestOrder:
        place, present = self._checked(namespace_id, request, principal)
        named = [self._registry.get(name).spec.name for name in request.extractors or ()]
        retry = request.retry or {}
        policy(retry)  # raises for what is none
        return IngestOrder(
            bucket=place.bucket,
            source_kind=place.kind,
            source_uri=place.root,
            request={
                "scope": place.scope,
                "exclude": request.exclude,
                "verify": request.verify,
                "collections": named if request.extractors is not None else None,
                **({"retry": retry} if retry else {}),
            },
            recipes=self._named(request, present) if request.extractors is not None else None,
            changed=self._changes(request, present) if request.extractors is None else (),
            retry=retry,
            round=request.round if place.kind == UPLOADS else None,
        )

    def dry_run(self, namespace_id: str, request: DryRunRequest, principal: Principal) -> DryRunOut:
        """What ``ingest`` would do; checks what it checks, writes nothing."""
        place, present = self._checked(namespace_id, request, principal)
        named = request.extractors is not None
        wanted = self._named(request, present) if named else self._changes(request, present)
        keys = [recipe.extractor for recipe in wanted]
        if not named:
            keys = [c.extractor for c in present.values()] + keys
        specs = {spec.name: spec for spec in (self._registry.get(key).spec for key in keys)}
        free = not named and not (place.known and place.known.chosen)

        def taking(mime: str) -> list[ExtractorSpec]:
            own = [spec for spec in specs.values() if spec.accepts_mime(mime)]
            more = self._registry.defaults_for(mime) if free else ()
            return own + [spec for spec in more if spec.name not in specs]

        if request.types is not None:
            return counted(request.types, place.bucket, place.known is None, taking)
        exclude = tuple(request.exclude)
        if place.kind == UPLOADS and place.known is not None:
            rows = self._uploads.rows
            source = UploadedSource(rows, place.known.bucket_id, place.scope, exclude)
        else:
            home = self._home.resolve()
            source = Folder(Path(place.root), place.scope, exclude, (home,))
        return dry_run(source, place.bucket, place.known, self._ledger, taking)

    def probe(
        self, namespace_id: str, request: SourceRequest, local: bool, principal: Principal
    ) -> SourceOut:
        """Whether the service sees the caller's files at their path; where they belong if not."""
        return self._places.probe(namespace_id, request, mine=local and principal.home)

    def _checked(
        self, namespace_id: str, request: IngestRequest, principal: Principal
    ) -> tuple[Place, dict[str, CollectionRecord]]:
        """Where the source belongs, and the bucket's collections by extractor."""
        place = self._places.of(namespace_id, request, mine=request.local and principal.home)
        present = (
            {
                self._registry.get(c.extractor).spec.name: c
                for c in self._ledger.collections(namespace_id, place.known.bucket_id)
            }
            if place.known
            else {}
        )
        return place, present

    def ask(self, namespace_id: str, task_id: str, request: Request) -> None:
        self._acceptance.ask(namespace_id, task_id, request)
        self._changed(task_id)
        self._wake()

    def retry(self, namespace_id: str, task_id: str, request: RetryRequest) -> str:
        rule = request.filter
        selection = Selection(
            retryable=request.retryable,
            objects=tuple(request.objects),
            failures=tuple(request.failures),
            filter=filters.parse(rule) if rule else None,
        )
        new = self._acceptance.retry(namespace_id, task_id, selection)
        self._wake()
        return new

    def reindex(self, namespace_id: str, scope: Scope, compact: bool) -> str:
        task_id = self._acceptance.reindex(namespace_id, scope, compact)
        self._wake()
        return task_id

    def delete(self, namespace_id: str, kind: str, target_id: str) -> str:
        bucket_id = self._targets.bucket_of(namespace_id, kind, target_id)
        if bucket_id is None:
            raise not_found(kind, target_id)
        task_id = self._acceptance.delete(namespace_id, kind, target_id, bucket_id)
        self._wake()
        return task_id

    # ---- which collections -----------------------------------------------------------------------

    def _named(
        self, request: IngestRequest, present: Mapping[str, CollectionRecord]
    ) -> list[Recipe]:
        wanted = [
            self._recipe(name, present, request.parameters) for name in request.extractors or ()
        ]
        names = {recipe.name for recipe in wanted}
        for extractor in request.parameters:
            if self._registry.get(extractor).spec.name not in names:
                raise WorkbenchError(
                    Code.INVALID_PARAMETER,
                    f"--set names {extractor!r}, which is not among --extractors",
                    f"the extractors of this ingest: {', '.join(sorted(names))}",
                )
        return wanted

    def _changes(
        self, request: IngestRequest, present: Mapping[str, CollectionRecord]
    ) -> list[Recipe]:
        return [self._recipe(name, present, request.parameters) for name in request.parameters]

    def _recipe(
        self,
        extractor: str,
        present: Mapping[str, CollectionRecord],
        parameters: Mapping[str, Mapping[str, Any]],
    ) -> Recipe:
        """Parameters that are given, on top of those of the present revision."""
        spec = self._registry.get(extractor).spec
        given: dict[str, Any] = {}
        for name, values in parameters.items():
            if self._registry.get(name).spec.name == spec.name:
                given.update(values)
        before = present.get(spec.name)
        same = before is not None and before.extractor == spec.key
        kept = dict(before.parameters) if before is not None and same else {}
        return recipe(
            self._registry,
            extractor,
            kept | given,
            keep=bool(same and not given),
            over=before.digest if before is not None else "",
        )
