"""A bucket with a task and items, written as the product writes them."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.domain.ids import CHUNK, new_id
from workbench.domain.states import ItemState
from workbench.store.acceptance import Acceptance, IngestOrder, Recipe
from workbench.store.chunk_end import ChunkResult, Finding
from workbench.store.database import Database
from workbench.store.endings import Endings
from workbench.store.ledger import Ledger
from workbench.store.pages import Listed, ListedPage
from workbench.store.planning import Planning, Waiting
from workbench.store.records import CollectionRecord, TaskRecord

NS = "ns_1"
TOY = Recipe("toy@1", "toy", {}, "digest-1", "toy_v1_0")


@dataclass
class Desk:
    database: Database

    def __post_init__(self) -> None:
        self.acceptance = Acceptance(self.database)
        self.ledger = Ledger(self.database)
        self.planning = Planning(self.database)
        self.endings = Endings(self.database)

    def begin(self, recipe: Recipe = TOY, **changes: object) -> TaskRecord:
        values = {
            "bucket": "b",
            "source_kind": "folder",
            "source_uri": "/media",
            "request": {},
            "recipes": [recipe],
        }
        order = IngestOrder(**(values | changes))  # pyright: ignore[reportArgumentType]
        task_id = self.acceptance.ingest(NS, order, None)
        return self.ledger.begin(NS, task_id)

    def collections(self, task: TaskRecord) -> list[CollectionRecord]:
        assert task.bucket_id
        return self.ledger.collections(NS, task.bucket_id)

    def list_page(
        self,
        task: TaskRecord,
        files: dict[str, str],
        after: str = "",
        upto: str | None = None,
        scope: str = "",
        verify: bool = False,
    ) -> bool:
        """``files`` are fingerprints by name."""
        entries = [
            Listed(name, 10, fingerprint, 1, "text/x-toy")
            for name, fingerprint in sorted(files.items())
        ]
        collections = self.collections(task)
        page = ListedPage(entries, after, upto)
        return self.ledger.record_page(task, page, scope, lambda _: collections, verify)

    def plan(self, task: TaskRecord, most: int = 100) -> tuple[str, list[Waiting]]:
        (collection,) = self.collections(task)
        items = self.planning.take(NS, task.task_id, collection.collection_id, most, 1 << 30)
        chunk_id = new_id(CHUNK)
        number = self.planning.last_number(NS, task.task_id) + 1
        self.planning.record(NS, task.task_id, collection.collection_id, chunk_id, number, items)
        return chunk_id, items

    def record(
        self,
        task: TaskRecord,
        chunk_id: str,
        findings: list[Finding],
        left: list[str] | None = None,
        collection: CollectionRecord | None = None,
    ) -> bool:
        """``collection``: as it was when the chunk was planned."""
        (collection,) = [collection] if collection else self.collections(task)
        return self.ledger.record_chunk(
            NS,
            ChunkResult(
                chunk_id=chunk_id,
                task_id=task.task_id,
                collection_id=collection.collection_id,
                digest=collection.digest,
                space=collection.space,
                segment_key="k",
                segment_documents=1,
                segment_bytes=1,
                worker="w",
                findings=findings,
                left=left or [],
            ),
        )


def indexed(item: Waiting, sha256: str = "s", documents: int = 1) -> Finding:
    return Finding(item.object_id, ItemState.INDEXED, item.fingerprint, sha256, 10, documents)


def failed(item: Waiting, message: str = "cut") -> Finding:
    failure = {
        "category": "format",
        "message": message,
        "hint": None,
        "stage": "decode",
        "traceback": None,
        "retryable": False,
    }
    return Finding(item.object_id, ItemState.FAILED, item.fingerprint, failure=failure)
