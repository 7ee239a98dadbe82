"""A full disk: each write fails clearly and leaves nothing torn; with room again all of it works.

The disk is a small tmpfs, which needs root; elsewhere these tests are skipped. DuckDB's part is in
``tests/telemetry``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

sys.path.insert(0, str(Path(__file__).parents[1] / "tasks"))

from fault_runs import Harness
from small_disk import SmallDisk, small_disk
from toys import DIMENSION
from workshop_help import NS, Owner, Workshop

from workbench.domain.room import disk_is_full
from workbench.domain.states import TaskState
from workbench.vectors.port import PointBatch

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]

FILES = {f"{i:03}.x": f"text number {i}" for i in range(40)}
#: Files of an ingest that is far from its end when the disk is full.
LONG = 200


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 256) as disk:
        yield disk


class OwnerOnDisk(Owner):
    """Its vectors lie on the small disk, its socket under a short path."""

    def __init__(self, disk: Path) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="mxw-"))
        self.folder = disk / "vectors"
        self.socket = self.root / "s"
        self.start()


@pytest_asyncio.fixture
async def shop(disk: SmallDisk) -> AsyncIterator[Workshop]:
    owner = OwnerOnDisk(disk.folder)
    workshop = Workshop(disk.folder / "home", owner)
    workshop.write("b", FILES)
    yield workshop
    await workshop.close()
    owner.close()


async def test_writes_fail_clearly_and_work_again_after_space_is_freed(
    disk: SmallDisk, shop: Workshop
):
    before = dict(list(FILES.items())[:20])
    shop.write("b", before)
    assert await shop.ingest("b") is TaskState.COMPLETED
    blobs = shop.keys("")
    shop.write("b", FILES)
    disk.fill()
    with pytest.raises(OSError, match="No space left"):
        shop.blobs.put(f"{NS}/segments/torn", os.urandom(1 << 20))
    with pytest.raises(Exception, match=r"full|space") as refused:  # SQLite, or a blob
        await asyncio.wait_for(shop.ingest("b"), 120)
    assert disk_is_full(refused.value)
    assert not [key for key in shop.keys("") if key not in blobs and "manifest" not in key]
    assert not list(disk.folder.rglob("*.partial"))
    assert set(await shop.texts("b")) == set(before), "what was searchable stays"
    disk.free()
    assert await shop.ingest("b") is TaskState.COMPLETED
    assert await shop.texts("b") == FILES


async def test_vectors_that_had_no_room_are_written_afterwards(disk: SmallDisk, shop: Workshop):
    shop.write("b", FILES)
    space = shop.registry.space("toy@1", {})
    await shop.vectors.ensure_space(space)
    batch = _batch()
    disk.fill()
    with contextlib.suppress(Exception):  # it may fail, or fit into what the engine has reserved
        await asyncio.wait_for(shop.vectors.upsert(space.name, batch), 15)
    disk.free()
    if shop.owner.process.poll() is not None:
        shop.owner.start()  # it died of it: whoever watches it starts it again
    await shop.vectors.upsert(space.name, batch)
    shop.owner.stop()
    shop.owner.start()
    assert await shop.vectors.count(space.name) == len(batch.ids)
    found = await shop.vectors.retrieve(space.name, batch.ids, vectors=True)
    for i, point_id in enumerate(batch.ids):
        assert np.allclose(found[point_id].vectors["toy"], batch.vectors["toy"][i], atol=1e-6)


@pytest.mark.drill
def test_an_ingest_of_a_stack_waits_for_room_and_ends(tmp_path: Path):
    """Also a part that dies meanwhile comes back, though its end cannot be written down."""
    with small_disk(tmp_path / "disk", 512) as disk:
        slots = {"MIXPEEK_SLOTS": "2"}
        harness = Harness(tmp_path, LONG, 0.02, 0, home=disk.folder / "home", extra=slots)
        try:
            bucket, task_id = harness.begin()
            disk.fill()
            harness.release()
            _refused_and_waiting(harness, task_id)
            disk.free()
            freed = time.monotonic()
            task = harness.end(task_id)
            print(f"ended {time.monotonic() - freed:.1f} s after there was room")
            assert task.state == "COMPLETED", (task, harness.stack.log_tails())
            assert (task.progress.indexed, task.progress.total) == (LONG, LONG)
            assert harness.contents(bucket) == harness.undisturbed
            owner = harness.stack.json("status")["parts"][1]
            assert (owner["part"], owner["state"]) == ("vectors", "ready")
            assert owner["restarts"] >= 1  # without room it cannot start
        finally:
            harness.close()


def _refused_and_waiting(harness: Harness, task_id: str) -> None:
    stack = harness.stack
    os.kill(stack.parts()["vectors"], signal.SIGKILL)
    ran = stack.run("ingest", str(harness.source), "--extractors", "toy", "--detach")
    assert ran.status != 0
    assert "the disk is full" in ran.err, ran
    time.sleep(12)  # more than one wait for room
    task = stack.json("tasks", task_id)
    assert task["state"] == "IN_PROGRESS", task
    assert task["progress"]["indexed"] < LONG
    assert task["progress"]["failed"] == 0
    assert not list(stack.home.rglob("*.partial"))


def _batch() -> PointBatch:
    """About 20 MB."""
    random = np.random.default_rng(1)
    vectors = random.standard_normal((400, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return PointBatch(
        ids=[str(uuid.UUID(int=i)) for i in range(400)],
        vectors={"toy": vectors},
        texts=[f"text {i}" for i in range(400)],
        payloads=[{"namespace": NS, "noise": random.bytes(25_000).hex()} for _ in range(400)],
    )
