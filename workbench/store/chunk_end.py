"""Recording what came of a chunk: its items, objects, failures and what became searchable.

What is found of an object that was removed meanwhile is of no use: its item is canceled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workbench.domain import ids
from workbench.domain.retries import policy
from workbench.domain.states import Category, ItemState
from workbench.store import tables as t
from workbench.store.database import now_ms
from workbench.store.dialect import slices, upsert
from workbench.store.doubts import removed_of, searchable
from workbench.store.statements import OPEN, add_counts, add_failures


@dataclass(frozen=True)
class Finding:
    """What came of one object, ready to be recorded. ``size``: bytes read and hashed, None where
    none were."""

    object_id: str
    state: ItemState
    fingerprint: str
    sha256: str = ""
    size: int | None = None
    documents: int = 0
    reused: str | None = None
    failure: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class ChunkResult:
    """``final``: no failure is worth another attempt."""

    chunk_id: str
    task_id: str
    collection_id: str
    digest: str
    space: str
    segment_key: str | None
    segment_documents: int
    segment_bytes: int
    worker: str
    findings: Sequence[Finding]
    left: Sequence[str] = field(default_factory=list[str])
    final: bool = False


@dataclass(frozen=True)
class Written:
    """What a chunk may have brought into the index: of each object the content that was ``read``
    (its SHA-256), by this ``digest``. Nothing is known of a chunk whose blobs are gone."""

    digest: str | None = None
    read: Mapping[str, str] = field(default_factory=dict[str, str])


UNKNOWN = Written()


@dataclass(frozen=True)
class Changed:
    """Objects of a chunk of which neither what was found nor what the chunk brings is recorded
    (``since``), and those of which it has deleted what is recorded (``replaced``)."""

    since: Sequence[str]
    replaced: Sequence[str]


def changed_since(
    connection: Connection,
    namespace_id: str,
    result: ChunkResult,
    content: Mapping[str, tuple[str, str]],
) -> Changed:
    """``content`` is what was found. What is removed by now is nobody's matter: nothing of it is
    recorded."""
    mine = {
        f.object_id: (f.sha256, result.digest)
        for f in result.findings
        if f.state is ItemState.INDEXED
    }
    now = {
        row.object_id: (row.sha256, row.digest)
        for row in searchable(connection, namespace_id, result.collection_id, list(mine))
    }
    since = [o for o, own in mine.items() if now.get(o) not in (content.get(o), own)]
    replaced = [
        o
        for o, own in mine.items()
        if content.get(o) not in (None, own) and now.get(o) not in (None, own)
    ]
    removed = set(removed_of(connection, namespace_id, since)) if since else set[str]()
    return Changed([o for o in since if o not in removed], replaced)


class ChunkWriter:
    """Records the end of one chunk's items."""

    def __init__(self, connection: Connection, namespace_id: str, result: ChunkResult) -> None:
        self.connection = connection
        self.namespace_id = namespace_id
        self.result = result

    def write(self) -> None:
        result = self.result
        open_items: dict[str, Any] = {
            row.object_id: row
            for row in self.connection.execute(
                sa.select(
                    t.items.c.item_id, t.items.c.object_id, t.items.c.state, t.items.c.attempts
                ).where(t.items.c.chunk_id == result.chunk_id, t.items.c.state.in_(OPEN))
            )
        }
        findings = self._canceled([f for f in result.findings if f.object_id in open_items])
        attempts = {f.object_id: open_items[f.object_id].attempts + 1 for f in findings}
        again = self._again(findings, attempts)
        findings = [f for f in findings if f.object_id not in again]
        left = [o for o in result.left if o in open_items]
        self._objects(findings)
        documents = self._searchable(findings)
        self._failures(findings, attempts)
        self._wait(
            [
                {
                    "b_id": open_items[object_id].item_id,
                    "b_attempts": attempts[object_id],
                    "b_not_before": not_before,
                }
                for object_id, not_before in again.items()
            ]
        )
        self._items(
            [
                {
                    "b_id": open_items[f.object_id].item_id,
                    "b_state": f.state.value,
                    "b_read": f.size,
                    "b_documents": documents.get(f.object_id, 0),
                    "b_attempts": attempts[f.object_id],
                }
                for f in findings
            ],
            [open_items[o].item_id for o in left],
        )
        moved = [open_items[o].state for o in [*attempts, *left]]
        add_counts(
            self.connection,
            self.namespace_id,
            result.task_id,
            result.collection_id,
            indexed=sum(f.state is ItemState.INDEXED for f in findings),
            skipped=sum(f.state is ItemState.SKIPPED for f in findings),
            failed=sum(f.state is ItemState.FAILED for f in findings),
            canceled=sum(f.state is ItemState.CANCELED for f in findings),
            extracted=-sum(state == ItemState.EXTRACTED for state in moved),
            documents=sum(documents.values()),
            read=sum(f.size is not None for f in findings),
            read_bytes=sum(f.size or 0 for f in findings),
        )

    def _canceled(self, findings: Sequence[Finding]) -> list[Finding]:
        """The findings, canceled where the object was removed meanwhile: nothing of it is to be
        searchable, and nothing is left that could be tried again."""
        ids = [f.object_id for f in findings]
        removed = set(removed_of(self.connection, self.namespace_id, ids))
        return [
            Finding(f.object_id, ItemState.CANCELED, f.fingerprint, size=f.size)
            if f.object_id in removed
            else f
            for f in findings
        ]

    def _again(self, findings: Sequence[Finding], attempts: Mapping[str, int]) -> dict[str, int]:
        """The objects whose failures are worth another attempt, and before when it is not made."""
        failed = [f for f in findings if f.failure is not None]
        if not failed or self.result.final:
            return {}
        given = self.connection.execute(
            sa.select(t.collections.c.retry).where(
                t.collections.c.collection_id == self.result.collection_id
            )
        ).scalar()
        rules = policy(given)
        waits = {
            f.object_id: rules.wait(Category((f.failure or {})["category"]), attempts[f.object_id])
            for f in failed
        }
        now = now_ms()
        return {o: now + round(wait * 1000) for o, wait in waits.items() if wait is not None}

    def _wait(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """These items go back to those that no chunk has."""
        if rows:
            self.connection.execute(
                sa.update(t.items)
                .where(t.items.c.item_id == sa.bindparam("b_id"))
                .values(
                    state=ItemState.PENDING,
                    chunk_id=None,
                    attempts=sa.bindparam("b_attempts"),
                    not_before=sa.bindparam("b_not_before"),
                ),
                rows,
            )

    def _objects(self, findings: Sequence[Finding]) -> None:
        """The content that was read becomes the object's; another content is another version."""
        rows = [{"b_id": f.object_id, "b_sha": f.sha256} for f in findings if f.sha256]
        columns = t.objects.c
        new = sa.bindparam("b_sha")
        if rows:
            self.connection.execute(
                sa.update(t.objects)
                .where(
                    columns.object_id == sa.bindparam("b_id"),
                    sa.or_(columns.sha256.is_(None), columns.sha256 != new),
                )
                .values(
                    version=sa.case(
                        (columns.sha256.is_(None), columns.version), else_=columns.version + 1
                    ),
                    sha256=new,
                ),
                rows,
            )

    def _searchable(self, findings: Sequence[Finding]) -> dict[str, int]:
        """Rows of ``indexed``; returns how many documents of each object are now searchable."""
        result = self.result
        upsert(
            self.connection,
            t.indexed,
            [
                {
                    "object_id": f.object_id,
                    "collection_id": result.collection_id,
                    "namespace_id": self.namespace_id,
                    "fingerprint": f.fingerprint,
                    "sha256": f.sha256,
                    "digest": result.digest,
                    "segment_id": result.chunk_id,
                    "space": result.space,
                    "documents": f.documents,
                    "at": now_ms(),
                    "task_id": result.task_id,
                    "chunk_id": result.chunk_id,
                    "reused": f.reused,
                }
                for f in findings
                if f.state is ItemState.INDEXED
            ],
            before={"before_sha256": "sha256", "before_digest": "digest"},
        )
        unchanged = [f for f in findings if f.state is ItemState.SKIPPED]
        for f in unchanged:
            self.connection.execute(
                sa.update(t.indexed)
                .where(
                    t.indexed.c.object_id == f.object_id,
                    t.indexed.c.collection_id == result.collection_id,
                )
                .values(fingerprint=f.fingerprint)
            )
        if result.segment_key:
            upsert(
                self.connection,
                t.segments,
                [
                    {
                        "segment_id": result.chunk_id,
                        "namespace_id": self.namespace_id,
                        "task_id": result.task_id,
                        "collection_id": result.collection_id,
                        "digest": result.digest,
                        "key": result.segment_key,
                        "documents": result.segment_documents,
                        "bytes": result.segment_bytes,
                        "created_at": now_ms(),
                    }
                ],
            )
        indexed = {f.object_id: f.documents for f in findings if f.state is ItemState.INDEXED}
        return indexed | self._documents_of([f.object_id for f in unchanged])

    def _documents_of(self, object_ids: Sequence[str]) -> dict[str, int]:
        return {
            row.object_id: row.documents
            for piece in slices(object_ids)
            for row in self.connection.execute(
                sa.select(t.indexed.c.object_id, t.indexed.c.documents).where(
                    t.indexed.c.collection_id == self.result.collection_id,
                    t.indexed.c.object_id.in_(piece),
                )
            )
        }

    def _failures(self, findings: Sequence[Finding], attempts: Mapping[str, int]) -> None:
        failed = {f.object_id: f for f in findings if f.failure is not None}
        if not failed:
            return
        names = {
            row.object_id: row.name
            for piece in slices(list(failed))
            for row in self.connection.execute(
                sa.select(t.objects.c.object_id, t.objects.c.name).where(
                    t.objects.c.object_id.in_(piece)
                )
            )
        }
        collection = self.connection.execute(
            sa.select(t.collections.c.name).where(
                t.collections.c.collection_id == self.result.collection_id
            )
        ).scalar_one()
        self.connection.execute(
            sa.insert(t.failures),
            [
                {
                    "failure_id": ids.new_id(ids.FAILURE),
                    "namespace_id": self.namespace_id,
                    "task_id": self.result.task_id,
                    "object_id": f.object_id,
                    "object_name": names[f.object_id],
                    "collection_id": self.result.collection_id,
                    "collection": collection,
                    "worker": self.result.worker or None,
                    "digest": self.result.digest or None,
                    "attempts": attempts[f.object_id],
                    "at": now_ms(),
                    **(f.failure or {}),
                }
                for f in failed.values()
            ],
        )
        add_failures(
            self.connection,
            self.namespace_id,
            self.result.task_id,
            self.result.collection_id,
            Counter(str((f.failure or {})["category"]) for f in failed.values()),
        )

    def _items(self, ended: Sequence[Mapping[str, Any]], left: Sequence[int]) -> None:
        if ended:
            self.connection.execute(
                sa.update(t.items)
                .where(t.items.c.item_id == sa.bindparam("b_id"))
                .values(
                    state=sa.bindparam("b_state"),
                    read_bytes=sa.bindparam("b_read"),
                    documents=sa.bindparam("b_documents"),
                    attempts=sa.bindparam("b_attempts"),
                ),
                ended,
            )
        for piece in slices(left):
            self.connection.execute(
                sa.update(t.items)
                .where(t.items.c.item_id.in_(piece))
                .values(state=ItemState.PENDING, chunk_id=None)
            )
