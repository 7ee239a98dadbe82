"""Planning goes on beside the listing, which makes collections and their items."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from toys import Toy
from workshop_help import Workshop

from workbench.extraction.registry import Candidate, Registry
from workbench.store.acceptance import IngestOrder
from workbench.tasks.activities.listing import list_slice
from workbench.tasks.activities.planning import plan_chunks
from workbench.tasks.messages import TaskRef


class Plain(Toy):
    """Takes its types when a person names no extractor: its collection is made by the listing."""

    spec = replace(Toy.spec, name="plain", default=True)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Workshop]:
    shop = Workshop(tmp_path / "shop")
    plain = Candidate("plain", f"{__name__}:Plain", "tests")
    shop.registry = Registry([plain, Candidate("toy", "toys:Toy", "tests")])
    shop.restart_service()
    yield shop
    await shop.close()


def once_after(call: Callable[..., Any], then: Callable[[], Any]) -> Callable[..., Any]:
    due = [then]

    def both(*arguments: Any) -> Any:
        answer = call(*arguments)
        if due:
            due.pop()()
        return answer

    return both


@pytest.mark.parametrize("read", ["collections", "planned_after", "last_number", "waiting"])
def test_a_page_that_is_listed_while_a_plan_is_made_is_in_this_plan_or_in_the_next(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, read: str
) -> None:
    shop.write("a", {"one.txt": "alpha"})
    order = IngestOrder("a", "folder", str(shop.files / "a"), {}, None)
    task = TaskRef(shop.acceptance.ingest(shop.ns, order, None), shop.ns)
    record = shop.context.ledger.begin(shop.ns, task.task_id)
    store = shop.context.ledger if read == "collections" else shop.context.planning

    def list_now() -> None:
        monkeypatch.undo()
        assert list_slice(shop.context, record)[0]

    monkeypatch.setattr(store, read, once_after(getattr(store, read), list_now))
    first = plan_chunks(shop.context, record, 0, 1)
    assert not first.exhausted
    record = shop.context.ledger.task(shop.ns, task.task_id)
    number = first.chunks[-1].number if first.chunks else 0
    chunks = [*first.chunks, *plan_chunks(shop.context, record, number, 1).chunks]
    assert [chunk.items for chunk in chunks] == [1]


@pytest.mark.parametrize("idle", [False, True])
def test_the_first_chunks_are_small_and_nothing_large_is_planned_beside_them(
    shop: Workshop, idle: bool
) -> None:
    shop.write("a", {f"{i:03}.txt": "alpha" for i in range(400)})
    task = shop.accept("a")
    record = shop.context.ledger.begin(shop.ns, task.task_id)
    while not list_slice(shop.context, record)[0]:
        record = shop.context.ledger.task(shop.ns, task.task_id)
    record = shop.context.ledger.task(shop.ns, task.task_id)
    (collection,) = shop.context.ledger.collections(shop.ns, record.bucket_id or "")
    shop.context.rates.add(collection.digest, 40, 1.0)
    slots = shop.context.slots
    first = plan_chunks(shop.context, record, 0, 2 * slots, idle)
    assert [chunk.items for chunk in first.chunks] == [10] * slots
    assert not first.exhausted
    number = first.chunks[-1].number
    following = plan_chunks(shop.context, record, number, 2 * slots).chunks
    assert len(following) == 2 * slots
    assert min(chunk.items for chunk in following) > 10
    number = following[-1].number
    again = plan_chunks(shop.context, record, number, 2 * slots, idle=True).chunks
    assert [chunk.items for chunk in again] == [10] * slots
