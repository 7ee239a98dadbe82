"""The whole way of the data in one process, on real parts but without Temporal and Ray: store,
blobs, the vectors' owner, and the product's own functions in the order in which workflows call
them."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from temporalio.testing import ActivityEnvironment
from toys import Toy, ToyParameters

from workbench.blobs.folder import FolderBlobs
from workbench.domain.filters import eq
from workbench.domain.ids import NAMESPACE, new_id
from workbench.domain.states import TaskState
from workbench.extraction.chunks import Outcome
from workbench.extraction.registry import Candidate, Registry
from workbench.extraction.reuse import Shelf
from workbench.extraction.worker import StopFlag, extract_chunk
from workbench.store import tables as t
from workbench.store.acceptance import Acceptance, IngestOrder, Scope
from workbench.store.database import Database
from workbench.store.endings import Endings
from workbench.store.explain import Explanations
from workbench.store.ledger import Ledger
from workbench.store.migrations import migrate
from workbench.store.planning import Planning
from workbench.store.rebuilding import Rebuilding
from workbench.store.segments import Segments
from workbench.store.tasks import Tasks
from workbench.store.uploads import UploadedObjects
from workbench.tasks.activities.control import ControlActivities
from workbench.tasks.activities.indexing import index_chunk
from workbench.tasks.activities.listing import list_slice
from workbench.tasks.activities.planning import plan_chunks
from workbench.tasks.activities.rebuilding import RebuildActivities
from workbench.tasks.context import ControlContext
from workbench.tasks.known import Known
from workbench.tasks.messages import FinishRebuild, IndexRequest, TaskRef
from workbench.tasks.recipes import recipe
from workbench.tasks.sizing import Rates
from workbench.telemetry.events import Event
from workbench.vectors.embedded import EmbeddedStore

NS = "ns_1"


class Owner:
    """The vectors' owner process, in a folder of its own."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="mxw-"))
        self.folder = self.root / "vectors"
        self.socket = self.root / "s"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-P", "-m", "workbench.vectors.owner"]
        self.process = subprocess.Popen([*command, str(self.folder), str(self.socket)])

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.root, ignore_errors=True)


class Counting(Toy):
    """Says what it was given."""

    def __init__(self, parameters: ToyParameters) -> None:
        super().__init__(parameters)
        self.given: list[str] = []

    def extract(self, sources: Any) -> Any:
        self.given += [source.read().decode() for source in sources]
        return super().extract(sources)


@dataclass
class Workshop:
    """With an ``owner`` that other workshops share, the namespace is one of its own; else ``NS``
    and an own owner."""

    root: Path
    shared: Owner | None = None
    extracted: list[str] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ns = new_id(NAMESPACE) if self.shared else NS
        self.owner = self.shared or Owner()
        self.files = self.root / "files"
        self.files.mkdir(parents=True)
        self.database = Database(f"sqlite:///{self.root / 'metadata.db'}")
        migrate(self.database)
        self.blobs = FolderBlobs(self.root / "blobs")
        self.registry = Registry([Candidate("toy", "toys:Toy", "tests")])
        self.segments = Segments(self.database)
        self.acceptance = Acceptance(self.database)
        self.tasks = Tasks(self.database)
        self.explanations = Explanations(self.database, self.registry.takes)
        self.environment = ActivityEnvironment()
        self.restart_service()

    def restart_service(self) -> None:
        """A service that remembers nothing."""
        self.vectors = EmbeddedStore(self.owner.socket, patience=60.0)
        self.context = ControlContext(
            ledger=Ledger(self.database),
            planning=Planning(self.database),
            endings=Endings(self.database),
            segments=self.segments,
            rebuilding=Rebuilding(self.database),
            known=Known(self.blobs, self.segments),
            registry=self.registry,
            blobs=self.blobs,
            vectors=self.vectors,
            rates=Rates(),
            emit=self.events.append,
            changed=lambda _: None,
            uploads=UploadedObjects(self.database),
            slots=2,
            home=self.root / "home",
        )
        self.rebuild = RebuildActivities(self.context)
        self.control = ControlActivities(self.context)

    async def close(self) -> None:
        await self.vectors.close()
        if self.shared is None:
            self.owner.close()
        self.database.close()

    # ---- work ------------------------------------------------------------------------------------

    def write(self, bucket: str, files: dict[str, str]) -> None:
        folder = self.files / bucket
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            if path.name not in files:
                path.unlink()
        for name, text in files.items():
            path = folder / name
            if not path.exists() or path.read_text() != text:
                path.write_text(text)

    def accept(self, bucket: str, **parameters: Any) -> TaskRef:
        wanted = recipe(self.registry, "toy", parameters, keep=False)
        order = IngestOrder(bucket, "folder", str(self.files / bucket), {}, [wanted])
        return TaskRef(self.acceptance.ingest(self.ns, order, None), self.ns)

    async def ingest(self, bucket: str, **parameters: Any) -> TaskState:
        """The bucket follows its folder; ``extracted`` are the texts that the extractor saw."""
        self.extracted, self.outcomes = [], []
        task = self.accept(bucket, **parameters)
        await self.begin(task)
        toy = Counting(ToyParameters(**parameters))
        toy.load()
        number = 0
        while True:
            record = self.context.ledger.task(self.ns, task.task_id)
            planned = plan_chunks(self.context, record, number, 1)
            for chunk in planned.chunks:
                number = chunk.number
                await self.chunk(task, chunk.chunk_id, toy)
            if planned.exhausted:
                break
        self.extracted = toy.given
        await self.environment.run(self.control.remove_missing, task)
        return self.context.endings.finish(self.ns, task.task_id, canceled=False)

    async def begin(self, task: TaskRef) -> None:
        record = self.context.ledger.begin(self.ns, task.task_id)
        while not list_slice(self.context, record)[0]:
            record = self.context.ledger.task(self.ns, task.task_id)

    async def chunk(self, task: TaskRef, chunk_id: str, toy: Toy) -> None:
        shelf = Shelf(self.blobs)
        outcome = extract_chunk(
            toy, self.blobs, self.ns, chunk_id, StopFlag(), "here/1", shelf=shelf
        )
        self.outcomes.append(outcome)
        await index_chunk(self.context, IndexRequest(task, chunk_id))

    async def reindex(self, scope: Scope | None = None, compact: bool = False) -> Any:
        """A whole reindex; the task as it is afterwards."""
        task = TaskRef(self.acceptance.reindex(self.ns, scope or Scope(), compact), self.ns)
        run = self.environment.run
        await run(self.control.begin, task)
        await run(self.rebuild.count_rebuild, task)
        while not await run(self.rebuild.rebuild, task):
            pass
        note = await run(self.rebuild.tidy_rebuild, task)
        await run(self.rebuild.finish_rebuild, FinishRebuild(task, False, note))
        return self.tasks.get(self.ns, task.task_id)

    # ---- what is there ---------------------------------------------------------------------------

    async def points(self) -> dict[str, tuple[Any, ...]]:
        """Every document by id: object's name, text, labels, position and a checksum of its
        vectors."""
        found: dict[str, tuple[Any, ...]] = {}
        for space in await self.vectors.spaces():
            page = await self._page(space)
            assert not set(page) & set(found), "a document is in two spaces"
            found |= page
        return found

    async def _page(self, space: str) -> dict[str, tuple[Any, ...]]:
        found: dict[str, tuple[Any, ...]] = {}
        cursor = None
        while True:
            page, cursor = await self.vectors.scroll(
                space, eq("namespace", self.ns), cursor=cursor, vectors=True
            )
            for point in page:
                p = point.payload
                marks = [
                    hashlib.sha256(v.tobytes()).hexdigest()
                    for _, v in sorted(point.vectors.items())
                ]
                found[point.id] = (
                    p["bucket"],
                    p["object_name"],
                    p["text"],
                    p["position"],
                    p["length"],
                    *marks,
                )
            if cursor is None:
                return found

    async def texts(self, bucket: str) -> dict[str, str]:
        """Text of each object's document."""
        points = await self.points()
        return {name: text for of, name, text, *_ in points.values() if of == bucket}

    def keys(self, kind: str) -> list[str]:
        return sorted(self.blobs.keys(f"{self.ns}/{kind}"))

    def object_id(self, bucket: str, name: str) -> str:
        with self.database.read() as connection:
            return connection.execute(
                sa.select(t.objects.c.object_id)
                .join(t.buckets, t.buckets.c.bucket_id == t.objects.c.bucket_id)
                .where(t.buckets.c.name == bucket, t.objects.c.name == name)
            ).scalar_one()
