"""A full disk: each write fails clearly and leaves nothing torn; with room again all of it works.

The disk is a small tmpfs, which needs root; elsewhere these tests are skipped. DuckDB's part is in
``tests/telemetry``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

sys.path.insert(0, str(Path(__file__).parents[1] / "tasks"))

from toys import DIMENSION
from workshop_help import NS, Owner, Workshop

from workbench.domain.room import disk_is_full
from workbench.domain.states import TaskState
from workbench.vectors.port import PointBatch

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]

FILES = {f"{i:03}.x": f"text number {i}" for i in range(40)}


class SmallDisk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        with self._ballast.open("wb", buffering=0) as file:
            block = bytes(1 << 20)
            while block:
                try:
                    file.write(block)
                except OSError:
                    block = block[: len(block) // 2]

    def free(self) -> None:
        self._ballast.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    if os.geteuid() != 0:
        pytest.skip("a small file system can only be mounted by root")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256m", "none", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield SmallDisk(folder)
    subprocess.run(["umount", "-l", str(folder)], check=True)


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
