"""Taking requests for work: checks what can be checked now, then hands them to the store.

Where a path is readable: below the roots of the settings, which a caller on the same machine with
the home's own key extends by what it names. The home is never a source. Which bucket a path belongs
to: the one that is named; else the bucket whose source it is or lies in; else a new one that is
called like the folder. A path inside a bucket's source syncs that part only. ``uploads://BUCKET``
is what was sent to a bucket. ``probe`` tells a caller beforehand whether its path is the service's.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, unquote

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
    Sample,
    SourceOut,
    SourceRequest,
)
from workbench.extraction.contract import ExtractorSpec
from workbench.extraction.registry import Registry
from workbench.store.acceptance import Acceptance, IngestOrder, Recipe, Scope
from workbench.store.ledger import Ledger
from workbench.store.records import BucketRecord, CollectionRecord
from workbench.store.retrying import Selection
from workbench.store.targets import Targets
from workbench.store.uploads import UPLOADS
from workbench.tasks.dry import counted, dry_run
from workbench.tasks.recipes import recipe
from workbench.tasks.uploads import SCHEME, UploadedSource, Uploads, checked_bucket

FOLDER = "folder"


@dataclass(frozen=True)
class Reach:
    """What the service may read: nothing where it listens on an ``outside`` address."""

    home: Path
    roots: Sequence[Path]
    outside: bool
    added: list[Path] = field(default_factory=list[Path])

    def check(self, path: Path, mine: bool) -> None:
        """Raises unless the path may be read. ``mine``: asked by the user whose service it is."""
        self.refuse_home(path)
        if self.outside:
            raise WorkbenchError(
                Code.SOURCE_UNREADABLE,
                "this service reads no paths of its machine, since other machines can reach it",
                "send the files: run mixpeek ingest where they are",
            )
        if mine:
            self.added.append(path)
        if not self.allows(path):
            raise WorkbenchError(
                Code.SOURCE_UNREADABLE,
                f"the service may not read {path}",
                "start it with this folder among MIXPEEK_ROOTS, or ingest as the user who runs it",
            )

    def allows(self, path: Path) -> bool:
        return any(path.is_relative_to(root.resolve()) for root in (*self.roots, *self.added))

    def refuse_home(self, path: Path) -> None:
        home = self.home.resolve()
        if path == home or path.is_relative_to(home):
            raise WorkbenchError(
                Code.SOURCE_UNREADABLE,
                f"{path} is inside the workbench's own home",
                "keep your files elsewhere",
            )


@dataclass(frozen=True)
class _Place:
    """Where a source belongs."""

    bucket: str
    root: str
    scope: str
    known: BucketRecord | None
    kind: str = FOLDER


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
        self._reach = reach
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
        place, present = self._checked(namespace_id, request, principal)
        named = [self._registry.get(name).spec.name for name in request.extractors or ()]
        retry = request.retry or {}
        policy(retry)  # raises for what is none
        order = IngestOrder(
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
        task_id = self._acceptance.ingest(namespace_id, order, idempotency_key)
        self._wake()
        return task_id

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
            home = self._reach.home.resolve()
            source = Folder(Path(place.root), place.scope, exclude, (home,))
        return dry_run(source, place.bucket, place.known, self._ledger, taking)

    def probe(
        self, namespace_id: str, request: SourceRequest, local: bool, principal: Principal
    ) -> SourceOut:
        """Whether the service sees the caller's files at their path; where they belong if not."""
        path = _path(request.path)
        if local and principal.home:
            self._reach.refuse_home(path)
        why = self._unseen(path, request, local and principal.home)
        place = (
            self._place(namespace_id, path, request.bucket)
            if why is None
            else self._uploaded(namespace_id, request)
        )
        return SourceOut(
            reachable=why is None,
            why=why,
            bucket=place.bucket,
            origin=origin(request.host, place.root),
            root=place.root,
            scope=place.scope,
        )

    def _unseen(self, path: Path, request: SourceRequest, mine: bool) -> str | None:
        """Why the path is not the caller's; None when it is and may be read. Looks at nothing
        below what the service may read anyway."""
        if self._reach.outside:
            return "the service reads no files of its machine"
        if not mine and not self._reach.allows(path):
            return "the service may not read this folder"
        if not request.samples or not all(sees(path, sample) for sample in request.samples):
            return "the service does not see this folder"
        return None

    def _checked(
        self, namespace_id: str, request: IngestRequest, principal: Principal
    ) -> tuple[_Place, dict[str, CollectionRecord]]:
        """Where the source belongs, and the bucket's collections by extractor."""
        if isinstance(request, DryRunRequest) and request.types is not None:
            place = self._to_be_sent(namespace_id, request)
        elif request.source.startswith(SCHEME):
            place = self._sent(namespace_id, request)
        else:
            path = _path(request.source)
            self._reach.check(path, mine=request.local and principal.home)
            if not os.path.lexists(path):
                raise WorkbenchError(
                    Code.SOURCE_UNREADABLE, f"there is no file or folder {path}", "check the path"
                )
            place = self._place(namespace_id, path, request.bucket)
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

    # ---- which bucket ----------------------------------------------------------------------------

    def _place(self, namespace_id: str, path: Path, name: str | None) -> _Place:
        folder = path if path.is_dir() else path.parent
        buckets = self._targets.folder_buckets(namespace_id)
        if name is None:
            around = [b for b in buckets if path.is_relative_to(b.source_uri)]
            if around:
                deepest = max(around, key=lambda b: len(b.source_uri))
                return _inside(deepest, path)
            return _new(checked_bucket(folder.name), folder, path)
        known = next((b for b in buckets if b.name == name), None)
        if known is not None and path.is_relative_to(known.source_uri):
            return _inside(known, path)
        return _new(checked_bucket(name), folder, path)

    def _sent(self, namespace_id: str, request: IngestRequest) -> _Place:
        """What ``uploads://BUCKET/PART`` names."""
        name, _, scope = request.source.removeprefix(SCHEME).partition("/")
        bucket = self._uploads.rows.bucket(namespace_id, unquote(name))
        if request.bucket not in (None, bucket.name, bucket.bucket_id):
            raise WorkbenchError(
                Code.INVALID,
                f"the source is bucket {bucket.name!r}, and --bucket names {request.bucket!r}",
                "leave --bucket out",
            )
        return _Place(bucket.name, bucket.source_uri, unquote(scope), bucket, UPLOADS)

    def _to_be_sent(self, namespace_id: str, request: DryRunRequest) -> _Place:
        """The bucket that the files would be uploaded to, which need not be there yet."""
        name = checked_bucket(request.bucket or "")
        known = next((b for b in self._uploads.rows.buckets(namespace_id) if b.name == name), None)
        return _Place(name, "", "", known, UPLOADS)

    def _uploaded(self, namespace_id: str, request: SourceRequest) -> _Place:
        """The bucket for files of another machine, as ``_place`` finds it for those of this one."""
        path = PurePosixPath(request.path)
        folder = path if request.folder else path.parent
        mine = origin(request.host, "")
        around = {
            PurePosixPath(one.source_uri.removeprefix(SCHEME + mine)): one
            for one in self._uploads.rows.buckets(namespace_id)
            if one.source_uri.startswith(f"{SCHEME}{mine}/") and request.bucket in (None, one.name)
        }
        roots = [root for root in around if path.is_relative_to(root)]
        if roots:
            root = max(roots, key=lambda each: len(each.parts))
            scope = path.relative_to(root).as_posix()
            known = around[root]
            return _Place(known.name, str(root), "" if scope == "." else scope, known, UPLOADS)
        name = checked_bucket(folder.name if request.bucket is None else request.bucket)
        scope = "" if path == folder else path.name
        return _Place(name, str(folder), scope, None, UPLOADS)

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
        return recipe(self._registry, extractor, kept | given, keep=bool(same and not given))


def _path(source: str) -> Path:
    if "\0" in source or not source.startswith("/"):
        raise WorkbenchError(
            Code.INVALID,
            f"the source is not an absolute path: {source[:80]!r}",
            "give the whole path of a folder or file",
        )
    return Path(source).resolve()


def _inside(bucket: BucketRecord, path: Path) -> _Place:
    root = Path(bucket.source_uri)
    scope = path.relative_to(root).as_posix()
    return _Place(bucket.name, str(root), "" if scope == "." else scope, bucket)


def _new(name: str, folder: Path, path: Path) -> _Place:
    return _Place(name, str(folder), "" if path == folder else path.name, None)


def origin(host: str, root: str) -> str:
    """Where uploaded files come from: ``HOST/abs/folder``."""
    return f"{quote(host, safe='.-')}{root}"


def sees(path: Path, sample: Sample) -> bool:
    """Whether the same file or folder is at this place here, and can be read. Inodes tell it from
    a copy; devices are numbered by each machine for itself and say nothing."""
    name = PurePosixPath(sample.name)
    if name.is_absolute() or ".." in name.parts:
        return False
    here = path / sample.name if sample.name else path
    try:
        found = here.lstat()
        if not here.resolve().is_relative_to(path):
            return False
    except (OSError, ValueError):
        return False
    kind = stat.S_ISDIR if sample.folder else stat.S_ISREG
    same = (found.st_mtime_ns, found.st_ino) == (sample.mtime_ns, sample.inode)
    size = sample.folder or found.st_size == sample.size
    return same and size and kind(found.st_mode) and os.access(here, os.R_OK)
