"""Failures and counts say what happened: in which stage, where, and how many."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from workshop_help import Owner, Workshop

from workbench.domain.states import TaskState
from workbench.store import tables as t
from workbench.store.acceptance import Scope
from workbench.store.exports import Exports
from workbench.tasks.activities.planning import plan_chunks
from workbench.tasks.messages import FinishRebuild, GiveUp, TaskRef


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


async def given_up(shop: Workshop, category: str) -> Any:
    """The failure of an object whose chunk could not be indexed."""
    shop.write("a", {"one.txt": "alpha"})
    task = shop.accept("a")
    await shop.begin(task)
    planned = plan_chunks(shop.context, shop.context.ledger.task(shop.ns, task.task_id), 0, 1)
    order = GiveUp(
        task,
        planned.chunks[0].chunk_id,
        category,
        "no such space",
        "look",
        stage="index",
        worker="12@here",
        traceback="in index_chunk",
    )
    await shop.environment.run(shop.control.give_up, order)
    with shop.database.read() as connection:
        return connection.execute(sa.select(t.failures)).one()


async def test_a_chunk_that_was_given_up_says_its_stage_and_worker(shop: Workshop) -> None:
    failure = await given_up(shop, "KeyError")
    assert (failure.category, failure.stage, failure.worker) == ("internal", "index", "12@here")
    assert failure.traceback == "in index_chunk"


async def test_a_known_reason_needs_no_traceback(shop: Workshop) -> None:
    failure = await given_up(shop, "resource")
    assert (failure.category, failure.stage, failure.traceback) == ("resource", "index", None)


async def test_the_funnel_of_a_reindex_counts_failures_by_category(shop: Workshop) -> None:
    shop.write("a", {"one.txt": "alpha"})
    await shop.ingest("a")
    (key,) = shop.keys("segments")
    shop.blobs.put(key, b"torn")
    task = await shop.reindex()
    names = ["task_id", "failed", "failed_internal"]
    (page,) = Exports(shop.database).pages("funnel", shop.ns, names)
    row = page["task_id"].index(task.task_id)
    assert [page[name][row] for name in names[1:]] == [1, 1]


async def begun(shop: Workshop) -> TaskRef:
    task = TaskRef(shop.acceptance.reindex(shop.ns, Scope(), False), shop.ns)
    await shop.environment.run(shop.control.begin, task)
    await shop.environment.run(shop.rebuild.count_rebuild, task)
    return task


async def finished(shop: Workshop, task: TaskRef) -> Any:
    assert await shop.environment.run(shop.rebuild.rebuild, task)
    await shop.environment.run(shop.rebuild.finish_rebuild, FinishRebuild(task, False, None))
    return shop.tasks.get(shop.ns, task.task_id)


async def test_a_reindex_that_passes_over_objects_fails_and_says_so(shop: Workshop) -> None:
    shop.write("a", {"one.txt": "alpha", "two.txt": "beta"})
    await shop.ingest("a")
    task = await begun(shop)
    (collection_id,) = shop.segments.collections(shop.ns)
    with shop.database.write() as connection:  # a cursor that was moved too far
        connection.execute(sa.update(t.tasks).values(listing_cursor=f"{collection_id}/zzz"))
    told = await finished(shop, task)
    assert (told.state, told.error.code) == (TaskState.FAILED, "counts_differ")
    assert "a.toy has 2 objects, 0 were rebuilt" in told.error.message


async def test_objects_that_come_and_go_during_a_reindex_are_no_difference(shop: Workshop) -> None:
    shop.write("a", {f"{i}.txt": f"text {i}" for i in range(4)})
    await shop.ingest("a")
    task = await begun(shop)
    shop.write("a", {"0.txt": "text 0", "1.txt": "changed", "new.txt": "new"})
    await shop.ingest("a")
    told = await finished(shop, task)
    assert told.state is TaskState.COMPLETED
    assert told.progress.indexed == told.progress.total
