"""Two that work on the same objects at the same moment: what is searchable in the end is what the
store says, whoever comes first. The order is forced: one goes on where the other has just read."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from toys import Toy, ToyParameters
from workshop_help import Owner, Workshop

from workbench.domain.states import Request, TaskState
from workbench.extraction.worker import StopFlag, extract_chunk
from workbench.store import tables as t
from workbench.store.acceptance import Scope
from workbench.store.outbox import Outbox
from workbench.tasks import rebuild
from workbench.tasks.activities import listing
from workbench.tasks.activities.indexing import index_chunk
from workbench.tasks.activities.planning import plan_chunks
from workbench.tasks.messages import ChunkRef, IndexRequest, TaskRef
from workbench.tasks.relay import end_lost

PATIENCE = 60


@pytest.fixture(scope="module")
def owner() -> Iterator[Owner]:
    owner = Owner()
    yield owner
    owner.close()


@pytest.fixture
async def shop(tmp_path: Path, owner: Owner) -> AsyncIterator[Workshop]:
    shop = Workshop(tmp_path / "shop", owner)
    yield shop
    await shop.close()


async def extracted(shop: Workshop, bucket: str) -> IndexRequest:
    """An ingest of the bucket whose one chunk waits to be indexed."""
    task = shop.accept(bucket)
    await shop.begin(task)
    record = shop.context.ledger.task(shop.ns, task.task_id)
    (chunk,) = plan_chunks(shop.context, record, 0, 1).chunks
    extract(shop, chunk)
    return IndexRequest(task, chunk.chunk_id)


def extract(shop: Workshop, chunk: ChunkRef) -> None:
    toy = Toy(ToyParameters())
    toy.load()
    extract_chunk(toy, shop.blobs, shop.ns, chunk.chunk_id, StopFlag(), "here/1")


def finish(shop: Workshop, task: TaskRef, canceled: bool = False) -> TaskState:
    return shop.context.endings.finish(shop.ns, task.task_id, canceled=canceled)


class Held:
    """A call that waits before it is made until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> None:
        self._call: Callable[..., Any] = getattr(owner, name)
        self._loop = asyncio.get_running_loop()
        self._open = threading.Event()
        self._made = threading.Event()
        self.reached = asyncio.Event()
        monkeypatch.setattr(owner, name, self)

    def __call__(self, *arguments: Any) -> Any:
        self._loop.call_soon_threadsafe(self.reached.set)
        assert self._open.wait(PATIENCE)
        try:
            return self._call(*arguments)
        finally:
            self._made.set()

    def go(self) -> None:
        self._open.set()

    def finish(self) -> None:
        self.go()
        assert self._made.wait(PATIENCE)


@contextlib.contextmanager
def nothing_recorded(shop: Workshop, what: str = "UPDATE") -> Generator[None]:
    """The store takes no end of a chunk, as on a full disk."""
    refuse = f"CREATE TRIGGER refuse BEFORE {what} ON indexed BEGIN SELECT RAISE(ABORT, 'no'); END"
    with shop.database.write() as connection:
        connection.execute(sa.text(refuse))
    try:
        yield
    finally:
        with shop.database.write() as connection:
            connection.execute(sa.text("DROP TRIGGER refuse"))


def then(call: Callable[..., Any], act: Callable[[], Any]) -> Callable[..., Any]:
    """The call, and after its answer, once, something else."""
    due = [act]

    def both(*arguments: Any) -> Any:
        answer = call(*arguments)
        while due:
            due.pop()()
        return answer

    return both


async def test_what_a_thread_records_after_its_chunk_was_canceled_stays(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write("a", {"one.txt": "alpha"})
    request = await extracted(shop, "a")
    held = Held(monkeypatch, shop.context.ledger, "record_chunk")
    indexing = asyncio.create_task(index_chunk(shop.context, request))
    await held.reached.wait()
    indexing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await indexing
    current = shop.segments.current
    monkeypatch.setattr(shop.segments, "current", then(current, held.finish))
    await shop.environment.run(shop.control.release, request)
    held.finish()
    finish(shop, request.task, canceled=True)
    await shop.ingest("a")
    assert await shop.texts("a") == {"one.txt": "alpha"}


async def test_what_a_released_chunk_only_looked_at_is_not_in_doubt(shop: Workshop) -> None:
    files = {"one.txt": "alpha", "two.txt": "beta", "new.txt": "gamma"}
    shop.write("a", {name: text for name, text in files.items() if name != "new.txt"})
    await shop.ingest("a")
    for name in ("one.txt", "two.txt"):  # touched: read again, and found unchanged
        (shop.files / "a" / name).touch()
    shop.write("a", files)
    request = await extracted(shop, "a")
    with nothing_recorded(shop, "INSERT"), pytest.raises(IntegrityError):
        await index_chunk(shop.context, request)
    await shop.environment.run(shop.control.release, request)
    with shop.database.read() as connection:
        digests = set(connection.execute(sa.select(t.indexed.c.digest)).scalars())
    assert "" not in digests


async def test_what_a_released_chunk_had_replaced_is_extracted_again(shop: Workshop) -> None:
    shop.write("a", {"one.txt": "old", "same.txt": "same"})
    await shop.ingest("a")
    shop.write("a", {"one.txt": "changed", "same.txt": "same"})
    request = await extracted(shop, "a")
    with nothing_recorded(shop), pytest.raises(IntegrityError):
        await index_chunk(shop.context, request)
    await shop.environment.run(shop.control.release, request)
    assert finish(shop, request.task, canceled=True) is TaskState.CANCELED
    shop.write("a", {"one.txt": "old", "same.txt": "same"})
    await shop.ingest("a")
    assert shop.extracted == []
    assert await shop.texts("a") == {"one.txt": "old", "same.txt": "same"}


@pytest.mark.parametrize("read", ["current", "in_flight"])
async def test_what_is_recorded_while_strays_are_looked_for_is_none(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, read: str
) -> None:
    shop.write("a", {"one.txt": "alpha"})
    request = await extracted(shop, "a")
    held = Held(monkeypatch, shop.context.ledger, "record_chunk")
    indexing = asyncio.create_task(index_chunk(shop.context, request))
    await held.reached.wait()
    loop = asyncio.get_running_loop()

    async def end() -> None:
        await indexing
        assert finish(shop, request.task) is TaskState.COMPLETED

    def record() -> None:
        held.go()
        asyncio.run_coroutine_threadsafe(end(), loop).result(PATIENCE)

    monkeypatch.setattr(shop.segments, read, then(getattr(shop.segments, read), record))
    bucket_id = shop.context.ledger.task(shop.ns, request.task.task_id).bucket_id
    assert bucket_id
    (collection,) = shop.context.ledger.collections(shop.ns, bucket_id)
    assert await rebuild.remove_strays(shop.context, collection) == 0
    assert await shop.texts("a") == {"one.txt": "alpha"}


@pytest.mark.parametrize("known", [False, True])
async def test_two_contents_of_one_object_are_indexed_at_once(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """Each has looked before the other writes; then one after the other records."""
    if known:
        shop.write("a", {"one.txt": "old"})
        await shop.ingest("a")
    shop.write("a", {"one.txt": "alpha"})
    one = await extracted(shop, "a")
    shop.write("a", {"one.txt": "beta, which is longer"})
    two = await extracted(shop, "a")
    found, both = shop.context.ledger.found, threading.Barrier(2)

    def together(*arguments: Any) -> Any:
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(5)
        answer = found(*arguments)
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(5)
        both.abort()  # only the first time: who comes second looks again, alone
        return answer

    monkeypatch.setattr(shop.context.ledger, "found", together)
    await asyncio.gather(*(index_chunk(shop.context, each) for each in (one, two)))
    monkeypatch.undo()
    assert [finish(shop, each.task) for each in (one, two)] == [TaskState.COMPLETED] * 2
    (searchable,) = (await shop.texts("a")).values()
    assert searchable in ("alpha", "beta, which is longer")
    assert len(await shop.points()) == 1
    await shop.ingest("a")
    assert await shop.texts("a") == {"one.txt": "beta, which is longer"}
    assert len(await shop.points()) == 1


@pytest.mark.parametrize("end", ["superseded", "failed"])
async def test_what_was_deleted_for_a_chunk_that_is_not_recorded_is_extracted_again(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """Documents are deleted for a chunk, which then comes to no end: its collection has the older
    parameters again, or its task has failed."""
    shop.write("a", {"one.txt": "old"})
    await shop.ingest("a", prefix="first ")
    shop.write("a", {"one.txt": "changed"})
    request = await extracted(shop, "a")
    held = Held(monkeypatch, shop.context.ledger, "record_chunk")
    indexing = asyncio.create_task(index_chunk(shop.context, request))
    await held.reached.wait()
    monkeypatch.undo()
    shop.write("a", {"one.txt": "old"})
    if end == "failed":
        shop.context.ledger.fail(shop.ns, request.task.task_id, "workflow_lost", "gone", None)
    else:
        shop.accept("a", prefix="first ")
    held.go()
    await indexing
    await shop.ingest("a", prefix="first ")
    assert await shop.texts("a") == {"one.txt": "first old"}


async def test_what_is_only_in_doubt_stays_while_its_collection_is_reindexed(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write("a", {"one.txt": "alpha", "two.txt": "beta"})
    await shop.ingest("a")
    task = TaskRef(shop.acceptance.reindex(shop.ns, Scope(), False), shop.ns)
    await shop.environment.run(shop.control.begin, task)
    await shop.environment.run(shop.rebuild.count_rebuild, task)

    def doubt() -> None:
        with shop.database.write() as connection:
            connection.execute(sa.update(t.indexed).values(digest=""))

    monkeypatch.setattr(rebuild, "_load", then(rebuild._load, doubt))
    while not await shop.environment.run(shop.rebuild.rebuild, task):
        pass
    assert await shop.texts("a") == {"one.txt": "alpha", "two.txt": "beta"}


async def test_a_slower_ingest_does_not_delete_what_a_faster_one_recorded(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write("a", {"one.txt": "old"})
    await shop.ingest("a")
    shop.write("a", {"one.txt": "alpha"})
    fast = await extracted(shop, "a")
    shop.write("a", {"one.txt": "beta, which is longer"})
    slow = await extracted(shop, "a")
    held = Held(monkeypatch, shop.context.ledger, "found")
    second = asyncio.create_task(index_chunk(shop.context, slow))
    await held.reached.wait()
    monkeypatch.undo()
    await index_chunk(shop.context, fast)
    held.go()
    await second
    assert await shop.texts("a") == {"one.txt": "beta, which is longer"}
    await index_chunk(shop.context, fast)  # its answer was lost: Temporal asks once more
    assert await shop.texts("a") == {"one.txt": "beta, which is longer"}


async def test_a_reindex_does_not_bring_back_what_an_ingest_replaces_or_removes(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write("a", {"one.txt": "alpha", "two.txt": "beta", "three.txt": "gamma"})
    await shop.ingest("a")
    task = TaskRef(shop.acceptance.reindex(shop.ns, Scope(), False), shop.ns)
    await shop.environment.run(shop.control.begin, task)
    await shop.environment.run(shop.rebuild.count_rebuild, task)
    loop = asyncio.get_running_loop()

    def change() -> None:
        shop.write("a", {"one.txt": "alpha", "two.txt": "changed"})
        asyncio.run_coroutine_threadsafe(shop.ingest("a"), loop).result(PATIENCE)

    monkeypatch.setattr(rebuild, "_load", then(rebuild._load, change))
    while not await shop.environment.run(shop.rebuild.rebuild, task):
        pass
    assert await shop.texts("a") == {"one.txt": "alpha", "two.txt": "changed"}
    assert len(await shop.points()) == 2


async def test_what_another_listing_found_meanwhile_is_not_removed(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write("a", {"one.txt": "alpha", "gone.txt": "gone"})
    await shop.ingest("a")
    shop.write("a", {"one.txt": "alpha"})
    first = shop.accept("a")
    pages = listing.next_page

    def page(entries: Any) -> Any:
        answer = pages(entries)
        monkeypatch.undo()
        shop.write("a", {"one.txt": "alpha", "two.txt": "beta"})
        second = shop.context.ledger.begin(shop.ns, shop.accept("a").task_id)
        assert listing.list_slice(shop.context, second)[0]
        return answer

    monkeypatch.setattr(listing, "next_page", page)
    await shop.begin(first)
    await shop.ingest("a")
    assert await shop.texts("a") == {"one.txt": "alpha", "two.txt": "beta"}
    await shop.environment.run(shop.control.remove_missing, first)
    assert await shop.texts("a") == {"one.txt": "alpha", "two.txt": "beta"}
    finish(shop, first)
    told = shop.tasks.get(shop.ns, first.task_id)
    assert told is not None
    assert shop.context.ledger.missing(shop.ns, first.task_id, 10) == []


async def test_a_canceled_reindex_that_temporal_has_lost_ends_as_canceled(shop: Workshop) -> None:
    shop.write("a", {"one.txt": "alpha"})
    await shop.ingest("a")
    task = TaskRef(shop.acceptance.reindex(shop.ns, Scope(), False), shop.ns)
    await shop.environment.run(shop.control.begin, task)
    await shop.environment.run(shop.rebuild.count_rebuild, task)
    shop.acceptance.ask(shop.ns, task.task_id, Request.CANCEL)
    for letter in Outbox(shop.database).open():
        end_lost(shop.context.endings, shop.context.rebuilding, letter)
    told = shop.tasks.get(shop.ns, task.task_id)
    assert told is not None
    assert (told.state, told.error) == ("CANCELED", None)


async def test_what_is_indexed_of_a_task_that_has_failed_meanwhile_is_not_searchable(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write("a", {"one.txt": "alpha"})
    request = await extracted(shop, "a")
    held = Held(monkeypatch, shop.context.ledger, "record_chunk")
    indexing = asyncio.create_task(index_chunk(shop.context, request))
    await held.reached.wait()
    shop.context.ledger.fail(shop.ns, request.task.task_id, "workflow_lost", "gone", None)
    held.go()
    await indexing
    assert await shop.texts("a") == {}
    shop.write("a", {"one.txt": "changed"})
    await shop.ingest("a")
    assert await shop.texts("a") == {"one.txt": "changed"}
