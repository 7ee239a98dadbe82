"""Listing a source into the store, a slice of time per call.

The cursor is in the store and moves in the transaction that writes a page, so a call may die at any
point and the next goes on where the last page ended.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from workbench.domain.folder import Folder, SourceUnreadable
from workbench.extraction.registry import Registry
from workbench.store.acceptance import Recipe
from workbench.store.pages import Listed, ListedPage, Route
from workbench.store.records import BucketRecord, CollectionRecord, ObjectRecord, TaskRecord
from workbench.store.uploads import UPLOADS
from workbench.tasks.context import ControlContext
from workbench.tasks.recipes import recipe
from workbench.tasks.source import Entry, Source, next_page
from workbench.tasks.uploads import UploadedSource

SLICE_SECONDS = 2.0
#: A slice lasts at least so many times as long as it takes to find its beginning, but cancel must
#: act within five seconds.
PLACES = 8
LONGEST_SECONDS = 4.0


def source_of(context: ControlContext, task: TaskRecord, bucket: BucketRecord) -> Source:
    scope = task.request.get("scope", "")
    exclude = tuple(task.request.get("exclude", ()))
    if bucket.source_kind == UPLOADS:
        return UploadedSource(context.uploads, bucket.bucket_id, scope, exclude, task.task_id)
    return Folder(Path(bucket.source_uri), scope, exclude, (context.home.resolve(),))


def there_again(
    context: ControlContext, task: TaskRecord, object_ids: Sequence[str]
) -> frozenset[str]:
    """Those of the objects that the listing did not find of which a folder holds the file by now:
    it came back, or another ingest has found it since. Their next listing looks at them."""
    if task.bucket_id is None:
        return frozenset()
    bucket = context.ledger.bucket(task.namespace_id, task.bucket_id)
    source = source_of(context, task, bucket)
    if not isinstance(source, Folder):
        return frozenset()
    whole = replace(source, scope="")

    def holds(name: str) -> bool:
        try:
            return whole.holds(name)
        except SourceUnreadable:
            return True  # nothing is removed of which that cannot be known

    names = context.ledger.names(task.namespace_id, object_ids)
    return frozenset(object_id for object_id, name in names.items() if holds(name))


def list_slice(context: ControlContext, task: TaskRecord) -> tuple[bool, int]:
    """List for about two seconds. Returns whether the listing has ended, and the files seen."""
    if task.bucket_id is None:
        raise ValueError(f"task {task.task_id} has no bucket")
    bucket = context.ledger.bucket(task.namespace_id, task.bucket_id)
    source = source_of(context, task, bucket)
    collections = context.ledger.collections(task.namespace_id, bucket.bucket_id)
    named: Sequence[str] | None = task.request.get("collections")
    retry = task.request.get("retry", {})
    route = router(context.registry, collections, bucket.chosen, named, retry)
    verify = bool(task.request.get("verify"))
    begun = time.monotonic()
    deadline = begun + SLICE_SECONDS
    after = task.listing_cursor or ""
    seen = 0
    entries = source.entries(after)
    while True:
        page, last = next_page(entries)
        if seen == 0:  # finding the place again in a large folder must not be most of the work
            found = time.monotonic() - begun
            deadline = begun + max(SLICE_SECONDS, min(PLACES * found, LONGEST_SECONDS))
        kept = [entry for entry in page if not entry.skipped]
        upto = None if last else page[-1].name
        known = context.ledger.known(task.namespace_id, bucket.bucket_id, after, upto, source.scope)
        listed = [_listed(source, entry, known.get(entry.name)) for entry in kept]
        own = bucket.source_kind == UPLOADS
        record = ListedPage(listed, after, upto, len(page) - len(kept), own)
        if not context.ledger.record_page(task, record, source.scope, route, verify):
            return False, seen  # another attempt was faster: the next call reads its cursor
        context.changed(task.task_id)
        seen += len(page)
        if last:
            return True, seen
        after = page[-1].name
        if time.monotonic() > deadline:
            return False, seen


def _listed(source: Source, entry: Entry, known: ObjectRecord | None) -> Listed:
    same = known is not None and not known.removed and known.fingerprint == entry.fingerprint
    return Listed(
        name=entry.name,
        size=entry.size,
        fingerprint=entry.fingerprint,
        modified_at=entry.mtime_ns // 1_000_000,
        mime=None if same else source.mime(entry),
    )


def router(
    registry: Registry,
    collections: Sequence[CollectionRecord],
    chosen: bool,
    named: Sequence[str] | None,
    retry: Mapping[str, Any],
) -> Route:
    """Which collections take a MIME type: the task's ``named`` extractors; else the bucket's
    collections and, unless a person chose those, the default extractors of the type, with this
    ``retry`` policy."""
    specs = {c.collection_id: registry.get(c.extractor).spec for c in collections}
    present = {specs[c.collection_id].name for c in collections}
    if named is not None:
        collections = [c for c in collections if specs[c.collection_id].name in named]
    routes: dict[str, list[CollectionRecord | Recipe]] = {}

    def route(mime: str) -> Sequence[CollectionRecord | Recipe]:
        if mime not in routes:
            taking: list[CollectionRecord | Recipe] = [
                c for c in collections if specs[c.collection_id].accepts_mime(mime)
            ]
            if named is None and not chosen:
                taking += [
                    replace(recipe(registry, spec.name, {}, keep=True), retry=retry)
                    for spec in registry.defaults_for(mime)
                    if spec.name not in present
                ]
            routes[mime] = taking
        return routes[mime]

    return route
