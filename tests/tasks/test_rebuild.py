"""The index can be made anew from the segments; segments are compacted, and garbage goes: never
what something refers to."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from toys import ToyParameters
from workshop_help import Counting, Owner, Workshop

from workbench.domain.filters import And, eq
from workbench.domain.ids import CHUNK, SEGMENT, new_id
from workbench.domain.states import TaskState
from workbench.extraction.segments import read_table
from workbench.store import tables as t
from workbench.store.acceptance import Scope
from workbench.store.segments import SegmentRecord
from workbench.tasks.activities.planning import plan_chunks
from workbench.tasks.compaction import SMALL, groups


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


def check_references(shop: Workshop) -> None:
    """Whatever is searchable can be read in its segment, whole."""
    with shop.database.read() as connection:
        rows = connection.execute(sa.select(t.indexed).where(t.indexed.c.documents > 0)).all()
    tables = {}
    for row in rows:
        if row.segment_id not in tables:
            segment = shop.segments.find(shop.ns, row.segment_id)
            assert segment is not None, f"{row.segment_id} has no row"
            tables[row.segment_id] = read_table(shop.blobs.get(segment.key)).to_pylist()
        mine = [r for r in tables[row.segment_id] if r["object_id"] == row.object_id]
        assert len(mine) == row.documents
        assert {r["sha256"] for r in mine} == {row.sha256}


def referred(shop: Workshop) -> set[str]:
    with shop.database.read() as connection:
        rows = connection.execute(
            sa.select(t.indexed.c.segment_id).where(t.indexed.c.documents > 0)
        )
        return {f"{shop.ns}/segments/{name}.parquet" for name in rows.scalars()}


async def test_the_index_is_rebuilt_after_its_folder_was_deleted(shop: Workshop, owner: Owner):
    shop.write("a", {f"{i}.txt": f"a {i}" for i in range(12)})
    shop.write("b", {"x.txt": "a 3", "y.txt": "b"})
    await shop.ingest("a")
    await shop.ingest("a", prefix="new ")
    await shop.ingest("b")
    before = await shop.points()
    assert len(before) == 14
    await shop.vectors.close()
    owner.stop()
    shutil.rmtree(owner.folder)
    owner.start()
    shop.restart_service()
    assert await shop.points() == {}
    task = await shop.reindex()
    assert task.state is TaskState.COMPLETED
    assert (task.progress.total, task.progress.indexed, task.progress.documents) == (14, 14, 14)
    assert await shop.points() == before
    assert shop.extracted == ["b"], "only the ingest before extracted"


async def test_strays_leave_and_what_an_ingest_is_about_to_record_stays(shop: Workshop):
    shop.write("a", {"one.txt": "alpha"})
    await shop.ingest("a")
    wanted = await shop.points()
    with shop.database.write() as connection:  # as if a deletion had died half-way
        connection.execute(sa.delete(t.indexed))
    shop.write("b", {"two.txt": "beta"})
    task = shop.accept("b")
    await shop.begin(task)
    planned = plan_chunks(shop.context, shop.context.ledger.task(shop.ns, task.task_id), 0, 1)
    toy = Counting(ToyParameters())
    toy.load()
    await shop.chunk(task, planned.chunks[0].chunk_id, toy)
    with shop.database.write() as connection:  # as if it were indexed but not yet recorded
        connection.execute(sa.delete(t.indexed))
    assert len(await shop.points()) == 2
    done = await shop.reindex()
    assert "1 stray documents removed" in done.note
    assert set(await shop.points()) & set(wanted) == set()
    assert await shop.texts("b") == {"two.txt": "beta"}


async def test_a_lost_segment_fails_its_objects_and_the_next_ingest_extracts_them(shop: Workshop):
    shop.write("a", {"one.txt": "alpha"})
    await shop.ingest("a")
    (key,) = shop.keys("segments")
    shop.blobs.put(key, b"torn")
    task = await shop.reindex()
    assert task.state is TaskState.COMPLETED_WITH_ERRORS
    assert task.progress.failed == 1
    assert await shop.texts("a") == {"one.txt": "alpha"}, "what is searchable stays"
    told = shop.explanations.of(shop.ns, shop.object_id("a", "one.txt"))
    assert told is not None
    assert told.collections[0].next.endswith("its documents or their segment may be lost")
    await shop.ingest("a")
    assert shop.extracted == ["alpha"]
    assert (await shop.reindex()).state is TaskState.COMPLETED


async def test_small_segments_become_one_and_garbage_goes(shop: Workshop):
    for round_ in range(4):
        shop.write("a", {f"{i}.txt": f"text {i}" for i in range(round_ * 3 + 3)})
        await shop.ingest("a")
    shop.write("a", {f"{i}.txt": f"text {i}" for i in range(1, 9)})
    await shop.ingest("a")
    before = await shop.points()
    many = shop.keys("segments")
    assert len(many) > 3
    task = await shop.reindex(Scope(), compact=True)
    assert "segments became 1" in task.note
    (one,) = shop.keys("segments")
    assert {one} == referred(shop)
    check_references(shop)
    assert await shop.points() == before
    await shop.reindex()
    assert await shop.points() == before
    shop.write("b", {"copy.txt": "text 5"})
    await shop.ingest("b")
    assert shop.extracted == [], "compacted content is still known"


def test_compaction_leaves_large_and_single_segments_alone():
    def segment(name: str, size: int, documents: int, live: int) -> SegmentRecord:
        return SegmentRecord(name, "c", "d", name, documents, size, 0, live)

    large, small = segment("l", SMALL, 10, 10), segment("s", 10, 10, 10)
    assert groups([large, small]) == []
    assert groups([large, segment("dead", SMALL, 10, 4)])[0][0].segment_id == "dead"
    many = [segment(str(i), 10, 10, 10) for i in range(31)]
    assert groups(many, least=32) == []
    assert [len(g) for g in groups([*many, small], least=32)] == [32]
    assert groups([segment("unused", 10, 10, 0), small]) == []


async def test_a_changed_object_is_never_without_documents(shop: Workshop):
    shop.write("a", {"one.txt": "version 0"})
    await shop.ingest("a")
    seen: list[set[str]] = []
    mine = And((eq("namespace", shop.ns), eq("object_name", "one.txt")))
    (space,) = [s for s in await shop.vectors.spaces() if await shop.vectors.count(s, mine)]

    async def watch() -> None:
        while True:
            page, _ = await shop.vectors.scroll(space, mine)
            seen.append({p.payload["text"] for p in page})
            await asyncio.sleep(0)

    watcher = asyncio.create_task(watch())
    for version in range(1, 6):
        shop.write("a", {"one.txt": f"version {version}"})
        await shop.ingest("a")
    watcher.cancel()
    assert len(seen) > 5
    assert all(seen), "there was a moment with none"
    assert await shop.texts("a") == {"one.txt": "version 5"}
    shop.write("a", {})
    await shop.ingest("a")
    assert await shop.texts("a") == {}


@pytest.mark.parametrize("seed", [1, 2])
async def test_any_history_keeps_what_is_referred_to_and_loses_the_rest(shop: Workshop, seed: int):
    print("seed", seed)
    dice = random.Random(seed)
    wanted: dict[str, dict[str, str]] = {"a": {}, "b": {}}
    prefixes = {"a": "", "b": ""}
    for _ in range(14):
        match dice.choice(["ingest", "ingest", "ingest", "reindex", "collect", "compact", "crash"]):
            case "ingest":
                bucket = dice.choice("ab")
                files = {f"{dice.randrange(8)}.txt": f"text {dice.randrange(6)}" for _ in range(5)}
                prefixes[bucket] = dice.choice([prefixes[bucket], "", "p "])
                shop.write(bucket, files)
                await shop.ingest(bucket, prefix=prefixes[bucket])
                wanted[bucket] = {name: prefixes[bucket] + text for name, text in files.items()}
            case "reindex" if shop.segments.collections(shop.ns):
                await shop.reindex(compact=dice.random() < 0.5)
            case "collect":
                shop.rebuild.collector.collect(shop.ns, keep=0, grace=-1000)
            case "compact":
                for collection_id in shop.segments.collections(shop.ns):
                    shop.rebuild.compaction.collection(shop.ns, collection_id)
            case _:  # what processes that died have left
                shop.blobs.put(f"{shop.ns}/chunks/{new_id(CHUNK)}/manifest.json", b"{}")
                shop.blobs.put(f"{shop.ns}/segments/{new_id(SEGMENT)}.parquet", b"x")
        check_references(shop)
        for bucket, files in wanted.items():
            assert await shop.texts(bucket) == files
    shop.rebuild.collector.collect(shop.ns, keep=0, grace=-1000)
    check_references(shop)
    assert set(shop.keys("segments")) == referred(shop)
    assert shop.keys("chunks") == []


async def test_nothing_of_a_running_task_is_collected(shop: Workshop):
    shop.write("a", {"one.txt": "alpha"})
    task = shop.accept("a")
    await shop.begin(task)
    planned = plan_chunks(shop.context, shop.context.ledger.task(shop.ns, task.task_id), 0, 1)
    shop.rebuild.collector.collect(shop.ns, keep=0, grace=-1000)
    assert len(shop.keys("chunks")) == 1
    toy = Counting(ToyParameters())
    toy.load()
    await shop.chunk(task, planned.chunks[0].chunk_id, toy)
    shop.rebuild.collector.collect(shop.ns, keep=0, grace=-1000)
    assert len(shop.keys("chunks")) == 2, "manifest and outcome are there for a repeat"
    shop.context.endings.finish(shop.ns, task.task_id, canceled=False)
    shop.rebuild.collector.collect(shop.ns, keep=0, grace=-1000)
    assert shop.keys("chunks") == []
    check_references(shop)
