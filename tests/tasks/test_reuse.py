"""Equal content is extracted once, whoever has it, whenever it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from workshop_help import Owner, Workshop

from workbench.domain.states import TaskState


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


async def test_equal_bytes_in_another_bucket_are_not_extracted_again(shop: Workshop):
    shop.write("a", {"one.txt": "alpha", "two.txt": "beta"})
    shop.write("b", {"uno.txt": "alpha", "new.txt": "gamma"})
    await shop.ingest("a")
    assert sorted(shop.extracted) == ["alpha", "beta"]
    assert await shop.ingest("b") is TaskState.COMPLETED
    assert shop.extracted == ["gamma"]
    assert await shop.texts("b") == {"uno.txt": "alpha", "new.txt": "gamma"}
    points = (await shop.points()).values()
    alphas = {mark for _, _, text, _, _, mark in points if text == "alpha"}
    assert len(alphas) == 1
    (reused,) = [o for outcome in shop.outcomes for o in outcome.objects if o.reused]
    assert reused.object_id == shop.object_id("b", "uno.txt")
    assert reused.reused == shop.object_id("a", "one.txt")
    rows = [row for outcome in shop.outcomes for row in outcome.stages]
    assert sum(row.rows for row in rows if row.stage == "reuse") == 1
    assert sum(row.rows for row in rows if row.stage == "fetch") == 2


async def test_equal_files_of_one_chunk_are_extracted_once(shop: Workshop):
    names = [f"{i}.txt" for i in range(5)]
    shop.write("a", {**dict.fromkeys(names, "same"), "other.txt": "other"})
    await shop.ingest("a")
    assert sorted(shop.extracted) == ["other", "same"]
    assert await shop.texts("a") == {**dict.fromkeys(names, "same"), "other.txt": "other"}


async def test_a_failure_of_one_is_the_failure_of_its_equals(shop: Workshop):
    shop.write("a", {"a.txt": "fail format cut", "b.txt": "fail format cut", "c.txt": "good"})
    assert await shop.ingest("a") is TaskState.COMPLETED_WITH_ERRORS
    assert len(shop.extracted) == 2
    assert {f.message for f in shop.outcomes[-1].failures} == {"cut"}
    assert len(shop.outcomes[-1].failures) == 2


async def test_removed_content_comes_back_without_extraction(shop: Workshop):
    shop.write("a", {"one.txt": "alpha", "two.txt": "beta"})
    await shop.ingest("a")
    shop.write("a", {"two.txt": "beta"})
    await shop.ingest("a")
    assert await shop.texts("a") == {"two.txt": "beta"}
    shop.write("a", {"back.txt": "alpha", "two.txt": "beta"})
    await shop.ingest("a")
    assert shop.extracted == []
    assert await shop.texts("a") == {"back.txt": "alpha", "two.txt": "beta"}


async def test_a_service_that_remembers_nothing_knows_it_from_the_segments(shop: Workshop):
    shop.write("a", {f"{i}.txt": f"text {i % 3}" for i in range(9)})
    await shop.ingest("a")
    await shop.vectors.close()
    shop.restart_service()
    for key in shop.keys("known"):
        shop.blobs.delete(key)
    shop.write("b", {"copy.txt": "text 1", "new.txt": "text 7"})
    await shop.ingest("b")
    assert shop.extracted == ["text 7"]


async def test_a_segment_that_is_gone_costs_an_extraction_and_nothing_else(shop: Workshop):
    shop.write("a", {"one.txt": "alpha"})
    await shop.ingest("a")
    (segment,) = shop.keys("segments")
    shop.blobs.delete(segment)
    shop.write("b", {"uno.txt": "alpha"})
    assert await shop.ingest("b") is TaskState.COMPLETED
    assert shop.extracted == ["alpha"]
    assert await shop.texts("b") == {"uno.txt": "alpha"}


async def test_another_digest_or_type_is_not_equal(shop: Workshop):
    shop.write("a", {"one.txt": "alpha"})
    shop.write("b", {"one.txt": "alpha"})
    shop.write("c", {"one.md": "alpha"})
    await shop.ingest("a")
    await shop.ingest("b", prefix="x ")
    assert shop.extracted == ["alpha"]
    assert await shop.texts("b") == {"one.txt": "x alpha"}


async def test_changed_parameters_extract_one_collection_only(shop: Workshop):
    for bucket in ("a", "b"):
        shop.write(bucket, {f"{i}.txt": f"{bucket} {i}" for i in range(4)})
        await shop.ingest(bucket)
    await shop.ingest("a", prefix="new ")
    assert len(shop.extracted) == 4
    assert await shop.texts("a") == {f"{i}.txt": f"new a {i}" for i in range(4)}
    await shop.ingest("b")
    assert shop.extracted == []
    told = shop.explanations.of(shop.ns, shop.object_id("a", "0.txt"))
    assert told is not None
    assert "parameters changed, digest" in told.collections[0].tasks[0].why


async def test_explain_says_why(shop: Workshop):
    shop.write("a", {"one.txt": "alpha", "bad.txt": "fail format cut"})
    shop.write("b", {"uno.txt": "alpha"})
    await shop.ingest("a")
    await shop.ingest("a")
    await shop.ingest("b")

    def why(bucket: str, name: str) -> list[str]:
        told = shop.explanations.of(shop.ns, shop.object_id(bucket, name))
        assert told is not None
        (collection,) = told.collections
        return [collection.next, *(task.why for task in collection.tasks)]

    following, last, first = why("a", "one.txt")
    assert following.startswith("nothing: unchanged since")
    assert last.startswith("not extracted: size and time of the file unchanged")
    assert first == "extracted: new"
    assert why("b", "uno.txt")[1] == (
        "not extracted, documents taken over: content equal to a/one.txt (new)"
    )
    assert why("a", "bad.txt")[:2] == [
        "it would try again what failed",
        "failed: cut (try another)",
    ]
    shop.write("a", {"one.txt": "alpha changed"})
    await shop.ingest("a")
    assert why("a", "one.txt")[1].startswith("extracted: content changed, ")
    assert why("a", "bad.txt")[0] == "nothing: the object is gone"
    await shop.ingest("a", prefix="p ")
    assert "parameters changed, digest" in why("a", "one.txt")[1]
    assert shop.explanations.of(shop.ns, "obj_0") is None
