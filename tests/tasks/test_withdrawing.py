"""What is searchable is accounted for: documents of removed objects and of failed items are not."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from toys import Toy, ToyParameters
from workshop_help import Owner, Workshop

from workbench.domain.states import Request, TaskState
from workbench.extraction.chunks import manifest_key
from workbench.store import tables as t
from workbench.tasks.activities.planning import plan_chunks
from workbench.tasks.messages import ChunkRef, GiveUp, IndexRequest, TaskRef
from workbench.telemetry.events import StageEvent


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


async def planned(shop: Workshop, bucket: str, **parameters: str) -> tuple[TaskRef, ChunkRef]:
    """An ingest of the bucket that has listed its folder and planned one chunk."""
    task = shop.accept(bucket, **parameters)
    await shop.begin(task)
    record = shop.context.ledger.task(shop.ns, task.task_id)
    (chunk,) = plan_chunks(shop.context, record, 0, 1).chunks
    return task, chunk


def toy(**parameters: str) -> Toy:
    toy = Toy(ToyParameters(**parameters))
    toy.load()
    return toy


@contextlib.contextmanager
def nothing_recorded(shop: Workshop) -> Iterator[None]:
    """The store takes no end of a chunk, as on a full disk."""
    refuse = "CREATE TRIGGER refuse BEFORE INSERT ON indexed BEGIN SELECT RAISE(ABORT, 'no'); END"
    with shop.database.write() as connection:
        connection.execute(sa.text(refuse))
    try:
        yield
    finally:
        with shop.database.write() as connection:
            connection.execute(sa.text("DROP TRIGGER refuse"))


async def give_up(shop: Workshop, task: TaskRef, chunk: ChunkRef) -> TaskState:
    order = GiveUp(task, chunk.chunk_id, "resource", "no room", None)
    await shop.environment.run(shop.control.give_up, order)
    return shop.context.endings.finish(shop.ns, task.task_id, canceled=False)


async def test_what_is_removed_while_it_is_extracted_does_not_become_searchable(shop: Workshop):
    shop.write("a", {"gone.txt": "gone", "bad.txt": "fail network away", "kept.txt": "kept"})
    task, chunk = await planned(shop, "a")
    shop.write("a", {"kept.txt": "kept"})
    assert await shop.ingest("a") is TaskState.COMPLETED
    await shop.chunk(task, chunk.chunk_id, toy())
    await shop.chunk(task, chunk.chunk_id, toy())
    assert shop.context.endings.finish(shop.ns, task.task_id, canceled=False) is TaskState.COMPLETED
    assert await shop.texts("a") == {"kept.txt": "kept"}
    told = shop.tasks.get(shop.ns, task.task_id)
    assert told is not None
    assert (told.progress.indexed, told.progress.canceled, told.progress.documents) == (1, 2, 1)
    shop.write("a", {"gone.txt": "gone", "kept.txt": "kept"})
    await shop.ingest("a")
    assert await shop.texts("a") == {"kept.txt": "kept", "gone.txt": "gone"}


async def test_what_is_searchable_of_a_removed_object_leaves_with_the_next_listing(shop: Workshop):
    shop.write("a", {"gone.txt": "gone", "kept.txt": "kept"})
    await shop.ingest("a")
    with shop.database.write() as connection:
        connection.execute(
            t.objects.update().where(t.objects.c.name == "gone.txt").values(removed_at=1)
        )
    shop.write("a", {"kept.txt": "kept"})
    await shop.ingest("a")
    assert await shop.texts("a") == {"kept.txt": "kept"}


async def test_a_chunk_that_is_given_up_leaves_no_documents(shop: Workshop):
    shop.write("a", {"changed.txt": "old", "same.txt": "same"})
    await shop.ingest("a")
    shop.write("a", {"changed.txt": "changed", "new.txt": "new", "same.txt": "same"})
    task, chunk = await planned(shop, "a")
    with nothing_recorded(shop), pytest.raises(IntegrityError):
        await shop.chunk(task, chunk.chunk_id, toy())
    assert "new.txt" in await shop.texts("a")
    assert await give_up(shop, task, chunk) is TaskState.COMPLETED_WITH_ERRORS
    assert "new.txt" not in await shop.texts("a")
    assert await shop.texts("a") == {"same.txt": "same"}
    shop.write("a", {"changed.txt": "old", "same.txt": "same"})
    await shop.ingest("a")
    assert await shop.texts("a") == {"same.txt": "same", "changed.txt": "old"}


async def test_a_chunk_that_is_released_in_the_middle_leaves_no_documents(shop: Workshop):
    shop.write("a", {"one.txt": "one"})
    task, chunk = await planned(shop, "a")
    with nothing_recorded(shop), pytest.raises(IntegrityError):
        await shop.chunk(task, chunk.chunk_id, toy())
    await shop.environment.run(shop.control.release, IndexRequest(task, chunk.chunk_id))
    assert await shop.texts("a") == {}
    told_stages = {event.stage for event in shop.events if isinstance(event, StageEvent)}
    assert {"fetch", "infer", "write"} <= told_stages, "the time was spent"
    assert "index" not in told_stages
    told = shop.tasks.get(shop.ns, task.task_id)
    assert told is not None
    assert (told.progress.pending, told.progress.extracted) == (1, 0)


async def test_a_deleted_object_leaves_the_search_alone(shop: Workshop):
    shop.write("a", {"gone.txt": "gone", "kept.txt": "kept"})
    await shop.ingest("a")
    with shop.database.read() as connection:
        columns = t.objects.c
        object_id, bucket_id = connection.execute(
            sa.select(columns.object_id, columns.bucket_id).where(columns.name == "gone.txt")
        ).one()
    task_id = shop.acceptance.delete(shop.ns, "object", object_id, bucket_id)
    for _ in range(2):  # it may be tried again
        await shop.environment.run(shop.control.delete_target, TaskRef(task_id, shop.ns))
    told = shop.tasks.get(shop.ns, task_id)
    assert told is not None
    assert (told.state, told.objects.removed) == ("COMPLETED", 1)
    assert await shop.texts("a") == {"kept.txt": "kept"}
    await shop.ingest("a")
    assert await shop.texts("a") == {"kept.txt": "kept", "gone.txt": "gone"}


async def test_giving_up_waits_for_no_index_once_the_task_is_to_stop(tmp_path: Path):
    shop = Workshop(tmp_path / "shop")
    shop.write("a", {"one.txt": "one"})
    task, chunk = await planned(shop, "a")
    with nothing_recorded(shop), pytest.raises(IntegrityError):
        await shop.chunk(task, chunk.chunk_id, toy())
    shop.owner.stop()
    giving_up = asyncio.create_task(give_up(shop, task, chunk))
    await asyncio.sleep(1.5)
    assert not giving_up.done(), "the index may come back"
    shop.acceptance.ask(shop.ns, task.task_id, Request.CANCEL)
    begun = time.monotonic()
    assert await giving_up is TaskState.FAILED
    assert time.monotonic() - begun < 20, "the index is waited for during sixty seconds"
    shop.owner.start()
    await shop.close()


async def test_a_chunk_whose_manifest_is_gone_is_given_up(shop: Workshop):
    shop.write("a", {"one.txt": "one"})
    task, chunk = await planned(shop, "a")
    with nothing_recorded(shop), pytest.raises(IntegrityError):
        await shop.chunk(task, chunk.chunk_id, toy())
    shop.blobs.delete(manifest_key(shop.ns, chunk.chunk_id))
    assert await give_up(shop, task, chunk) is TaskState.FAILED
    assert await shop.texts("a") == {}


async def test_documents_that_another_task_recorded_stay(shop: Workshop):
    shop.write("a", {"one.txt": "one"})
    task, chunk = await planned(shop, "a")
    other, others = await planned(shop, "a")
    await shop.chunk(other, others.chunk_id, toy())
    with nothing_recorded(shop), pytest.raises(IntegrityError):
        await shop.chunk(task, chunk.chunk_id, toy())
    assert await give_up(shop, task, chunk) is TaskState.FAILED
    assert await shop.texts("a") == {"one.txt": "one"}


async def test_a_chunk_of_an_older_revision_does_not_replace_the_newer_one(shop: Workshop):
    shop.write("a", {"one.txt": "one", "two.txt": "two"})
    task, chunk = await planned(shop, "a")
    await shop.ingest("a", prefix="new ")
    newer = {"one.txt": "new one", "two.txt": "new two"}
    assert await shop.texts("a") == newer
    await shop.chunk(task, chunk.chunk_id, toy())
    assert await shop.texts("a") == newer
    record = shop.context.ledger.task(shop.ns, task.task_id)
    (again,) = plan_chunks(shop.context, record, chunk.number, 1).chunks
    await shop.chunk(task, again.chunk_id, toy(prefix="new "))
    assert await shop.texts("a") == newer
    assert shop.context.endings.finish(shop.ns, task.task_id, canceled=False) is TaskState.COMPLETED
    await shop.ingest("a", prefix="new ")
    assert shop.extracted == []


async def test_what_a_released_chunk_writes_late_leaves_again(shop: Workshop):
    shop.write("a", {"one.txt": "one"})
    task, chunk = await planned(shop, "a")
    shop.context.ledger.release(shop.ns, chunk.chunk_id)
    await shop.chunk(task, chunk.chunk_id, toy())
    assert await shop.texts("a") == {}
    record = shop.context.ledger.task(shop.ns, task.task_id)
    assert len(plan_chunks(shop.context, record, chunk.number, 1).chunks) == 1
