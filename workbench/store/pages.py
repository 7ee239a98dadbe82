"""Recording a listing, page by page.

A page holds the files of a range of names. Known objects are read by the same range, so that one
ordered query tells what is new, what changed and what is missing. Objects, items, counts and the
cursor after the page are written in one transaction; a recorded page is not recorded twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workbench.domain import ids
from workbench.domain.states import ItemState
from workbench.store import tables as t
from workbench.store.acceptance import Recipe, bucket_by_id, ensure_collection
from workbench.store.database import now_ms
from workbench.store.dialect import slices, upsert
from workbench.store.records import CollectionRecord, ObjectRecord, TaskRecord
from workbench.store.statements import add_counts, load_task, touch
from workbench.store.unended import unended

#: For a MIME type, the collections that take it; a ``Recipe`` among them is made first.
Route = Callable[[str], Sequence[CollectionRecord | Recipe]]


@dataclass(frozen=True)
class Listed:
    """A file as the listing saw it. ``mime`` is None when the file is as it was known."""

    name: str
    size: int
    fingerprint: str
    modified_at: int
    mime: str | None


@dataclass(frozen=True)
class ListedPage:
    """Files in order of their names, between the names ``after`` (exclusive) and ``upto``
    (inclusive; None: to the end). ``skipped`` files were seen and cannot be objects. ``own``: the
    entries were listed from the objects' rows, which may have changed since: then what the rows
    say now counts, and no object is missing."""

    entries: Sequence[Listed]
    after: str
    upto: str | None
    skipped: int = 0
    own: bool = False


def objects_between(
    connection: Connection,
    namespace_id: str,
    bucket_id: str,
    after: str,
    upto: str | None,
    scope: str,
) -> list[ObjectRecord]:
    columns = t.objects.c
    statement = sa.select(t.objects).where(
        columns.namespace_id == namespace_id,
        columns.bucket_id == bucket_id,
        columns.name > after,
    )
    if upto is not None:
        statement = statement.where(columns.name <= upto)
    if scope:
        inside = sa.and_(columns.name > f"{scope}/", columns.name < f"{scope}0")  # "0" follows "/"
        statement = statement.where(sa.or_(columns.name == scope, inside))
    return [
        ObjectRecord(
            row.object_id,
            row.name,
            row.mime,
            row.size,
            row.fingerprint,
            row.sha256,
            row.version,
            row.removed_at is not None,
        )
        for row in connection.execute(statement)
    ]


class PageWriter:
    """Records one page of a listing."""

    def __init__(
        self,
        connection: Connection,
        task: TaskRecord,
        page: ListedPage,
        scope: str,
        route: Route,
        verify: bool,
    ) -> None:
        if task.bucket_id is None:
            raise ValueError(f"task {task.task_id} has no bucket")
        self.connection = connection
        self.task = task
        self.bucket = bucket_by_id(connection, task.namespace_id, task.bucket_id)
        self.page = page
        self.scope = scope
        self.route = route
        self.verify = verify
        self.made: dict[str, CollectionRecord] = {}

    def write(self) -> bool:
        """False when another attempt has recorded this page."""
        now = load_task(self.connection, self.task.namespace_id, self.task.task_id)
        if now.listing_ended or (now.listing_cursor or "") != self.page.after:
            return False
        known = {
            o.name: o
            for o in objects_between(
                self.connection,
                self.task.namespace_id,
                self.bucket.bucket_id,
                self.page.after,
                self.page.upto,
                self.scope,
            )
        }
        if self.page.own:
            self.page = replace(self.page, entries=_now(self.page.entries, known))
        object_ids = self._objects(known)
        searchable = self._searchable(known)
        unmatched = self._items(object_ids, known, searchable)
        if not self.page.own:
            self._missing(known, {object_id for object_id, _ in searchable})
            self._found(known)
        touch(
            self.connection,
            self.task.namespace_id,
            self.task.task_id,
            listed=len(self.page.entries) + self.page.skipped,
            unmatched=unmatched + self.page.skipped,
        )
        self.connection.execute(
            sa.update(t.tasks)
            .where(t.tasks.c.task_id == self.task.task_id)
            .values(listing_cursor=self.page.upto, listing_ended=self.page.upto is None)
        )
        return True

    def _objects(self, known: Mapping[str, ObjectRecord]) -> dict[str, str]:
        """Objects are inserted or brought up to date; their ids by name."""
        new: list[dict[str, Any]] = []
        changed: list[dict[str, Any]] = []
        object_ids: dict[str, str] = {}
        for entry in self.page.entries:
            before = known.get(entry.name)
            if before is None:
                object_ids[entry.name] = ids.new_id(ids.OBJECT)
                new.append(self._new_row(object_ids[entry.name], entry))
                continue
            object_ids[entry.name] = before.object_id
            if before.removed or before.fingerprint != entry.fingerprint:
                changed.append(
                    {
                        "b_id": before.object_id,
                        "b_mime": entry.mime or before.mime,
                        "b_size": entry.size,
                        "b_fingerprint": entry.fingerprint,
                        "b_modified": entry.modified_at,
                    }
                )
        if new:
            self.connection.execute(sa.insert(t.objects), new)
        if changed:
            self.connection.execute(
                sa.update(t.objects)
                .where(t.objects.c.object_id == sa.bindparam("b_id"))
                .values(
                    mime=sa.bindparam("b_mime"),
                    size=sa.bindparam("b_size"),
                    fingerprint=sa.bindparam("b_fingerprint"),
                    modified_at=sa.bindparam("b_modified"),
                    removed_at=None,
                ),
                changed,
            )
        return object_ids

    def _new_row(self, object_id: str, entry: Listed) -> dict[str, Any]:
        return {
            "object_id": object_id,
            "namespace_id": self.task.namespace_id,
            "bucket_id": self.bucket.bucket_id,
            "name": entry.name,
            "mime": entry.mime or "application/octet-stream",
            "size": entry.size,
            "fingerprint": entry.fingerprint,
            "modified_at": entry.modified_at,
            "sha256": None,
            "version": 1,
            "removed_at": None,
            "created_at": now_ms(),
        }

    def _items(
        self,
        object_ids: Mapping[str, str],
        known: Mapping[str, ObjectRecord],
        searchable: Mapping[tuple[str, str], Any],
    ) -> int:
        """Insert the items of the page; returns how many entries no collection takes."""
        rows: list[dict[str, Any]] = []
        counts: dict[str, Counter[str]] = {}
        unmatched = 0
        for entry in self.page.entries:
            before = known.get(entry.name)
            mime = entry.mime or (before.mime if before else "application/octet-stream")
            collections = [self._collection(wanted) for wanted in self.route(mime)]
            unmatched += not collections
            for collection in collections:
                object_id = object_ids[entry.name]
                present: Any = searchable.get((object_id, collection.collection_id))
                skipped = self._up_to_date(present, entry, collection)
                documents = present.documents if skipped else 0
                rows.append(self._item_row(object_id, collection, skipped, documents))
                count = counts.setdefault(collection.collection_id, Counter())
                count["total"] += 1
                count["skipped"] += skipped
                count["documents"] += documents
        if rows:
            self.connection.execute(sa.insert(t.items), rows)
        for collection_id, count in counts.items():
            add_counts(
                self.connection, self.task.namespace_id, self.task.task_id, collection_id, **count
            )
        return unmatched

    def _up_to_date(self, present: Any, entry: Listed, collection: CollectionRecord) -> bool:
        return (
            present is not None
            and present.fingerprint == entry.fingerprint
            and present.digest == collection.digest
            and not self.verify
        )

    def _item_row(
        self, object_id: str, collection: CollectionRecord, skipped: bool, documents: int
    ) -> dict[str, Any]:
        return {
            "namespace_id": self.task.namespace_id,
            "task_id": self.task.task_id,
            "collection_id": collection.collection_id,
            "object_id": object_id,
            "state": (ItemState.SKIPPED if skipped else ItemState.PENDING).value,
            "documents": documents,
        }

    def _collection(self, wanted: CollectionRecord | Recipe) -> CollectionRecord:
        if isinstance(wanted, CollectionRecord):
            return wanted
        if wanted.name not in self.made:
            self.made[wanted.name] = ensure_collection(self.connection, self.bucket, wanted)
        return self.made[wanted.name]

    def _searchable(self, known: Mapping[str, ObjectRecord]) -> dict[tuple[str, str], Any]:
        found: dict[tuple[str, str], Any] = {}
        for piece in slices([o.object_id for o in known.values()]):
            rows = self.connection.execute(
                sa.select(t.indexed).where(
                    t.indexed.c.namespace_id == self.task.namespace_id,
                    t.indexed.c.object_id.in_(piece),
                )
            )
            for row in rows:
                found[row.object_id, row.collection_id] = row
        return found

    def _missing(self, known: Mapping[str, ObjectRecord], searchable: Collection[str]) -> None:
        """Known objects in the page's range that the source no longer has; also one that is removed
        where it still is, or may be, searchable."""
        listed = {entry.name for entry in self.page.entries}
        rows = [
            {
                "task_id": self.task.task_id,
                "object_id": o.object_id,
                "namespace_id": self.task.namespace_id,
            }
            for o in known.values()
            if o.name not in listed and (not o.removed or o.object_id in searchable)
        ]
        upsert(self.connection, t.removals, rows, update=False)

    def _found(self, known: Mapping[str, ObjectRecord]) -> None:
        """Another task that has not ended leaves the objects that are here, whenever it missed
        them."""
        tasks = t.tasks.c
        here = tasks.bucket_id == self.bucket.bucket_id
        query = unended(self.task.namespace_id, here, tasks.task_id != self.task.task_id)
        others = self.connection.execute(query).scalars()
        removals = t.removals.c
        names = [entry.name for entry in self.page.entries if entry.name in known]
        for task_id in list(others):
            for piece in slices([known[name].object_id for name in names]):
                self.connection.execute(
                    sa.delete(t.removals).where(
                        removals.task_id == task_id, removals.object_id.in_(piece)
                    )
                )


def _now(entries: Sequence[Listed], known: Mapping[str, ObjectRecord]) -> list[Listed]:
    """The entries as their objects are now, without those that are gone."""
    found = [known[entry.name] for entry in entries if entry.name in known]
    return [Listed(o.name, o.size, o.fingerprint, 0, None) for o in found if not o.removed]
