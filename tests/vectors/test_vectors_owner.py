"""The owner process: who may own, how it ends, and that nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import socket
import stat
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import numpy as np
import psutil
import pytest
from vectors_owner import OwnerProcess

from workbench.domain.filters import any_of, eq, parse
from workbench.vectors import generations
from workbench.vectors.embedded import EmbeddedStore
from workbench.vectors.port import (
    Arm,
    DenseVector,
    PointBatch,
    SpaceNotFound,
    SpaceSpec,
    VectorsUnavailable,
)

SPACE = "text_v1_0a0b0c0d"
DIMENSION = 64
SPEC = SpaceSpec(SPACE, (DenseVector("meaning", DIMENSION),))
RANDOM = np.random.default_rng(11)


def batch(numbers: Sequence[int], **payload: Any) -> PointBatch:
    vectors = RANDOM.standard_normal((len(numbers), DIMENSION)).astype(np.float32)
    return PointBatch(
        [str(uuid.UUID(int=i + 1)) for i in numbers],
        {"meaning": vectors},
        [f"document {i}" for i in numbers],
        [{"namespace": "a", "page": i, **payload} for i in numbers],
    )


async def pages(store: EmbeddedStore) -> set[int]:
    """Every point that is there, by its page; each must still have its vector."""
    found: set[int] = set()
    cursor: str | None = None
    while True:
        points, cursor = await store.scroll(SPACE, limit=1000, cursor=cursor, vectors=True)
        assert all(len(p.vectors["meaning"]) == DIMENSION for p in points)
        found |= {p.payload["page"] for p in points}
        if cursor is None:
            return found


@pytest.fixture(scope="module")
def template() -> Iterator[OwnerProcess]:
    """A folder with the empty space, to copy: making one takes the engine 400 syncs."""
    made = OwnerProcess().start()

    async def ensure() -> None:
        store = EmbeddedStore(made.socket)
        await store.ensure_space(SPEC)
        await store.close()

    asyncio.run(ensure())
    made.stop()
    yield made
    made.close()


@pytest.fixture
def owner(template: OwnerProcess) -> Iterator[OwnerProcess]:
    """An owner of the test's own, started, with the empty space."""
    made = OwnerProcess(template.folder).start()
    made.wait_ready()
    yield made
    made.close()


@pytest.fixture
async def store(owner: OwnerProcess) -> AsyncIterator[EmbeddedStore]:
    made = EmbeddedStore(owner.socket, patience=30)
    yield made
    await made.close()


class Writers:
    """Clients that upsert and delete until told to stop, and remember what was acknowledged."""

    def __init__(self, store: EmbeddedStore) -> None:
        self.store = store
        self.there: set[int] = set()
        self.gone: set[int] = set()
        self._stop = False
        self._tasks = [asyncio.create_task(self._write(i)) for i in range(3)]

    async def _write(self, lane: int) -> None:
        pick = random.Random(lane)
        at = 1_000_000 * (lane + 1)
        while not self._stop:
            size = pick.choice([1, 20, 250])
            numbers = range(at, at + size)
            await self.store.upsert(SPACE, batch(numbers))
            self.there |= set(numbers)
            at += size
            if pick.random() < 0.3:
                some = pick.sample(numbers, min(size, 10))
                self.there -= set(some)
                await self.store.delete(SPACE, any_of("page", tuple(some)))
                self.gone |= set(some)

    async def stop(self) -> None:
        self._stop = True
        await asyncio.gather(*self._tasks)


# ---- nothing acknowledged is lost ---------------------------------------------------------------


async def test_kill_during_writes_loses_nothing(owner: OwnerProcess, store: EmbeddedStore) -> None:
    writers = Writers(store)
    for pause in (0.5, 0.3, 0.4):
        await asyncio.sleep(pause)
        owner.kill()
        owner.start()
    await asyncio.sleep(0.5)
    await writers.stop()
    owner.kill()
    owner.start()
    found = await pages(store)
    assert len(writers.there) > 300
    assert writers.there <= found
    assert not writers.gone & found


async def test_the_log_alone_brings_back_what_was_acknowledged(
    owner: OwnerProcess, store: EmbeddedStore
) -> None:
    """A power cut at its worst: of the engine's files only what the last flush wrote is there, and
    the log, which was synced before each acknowledgement."""
    await store.upsert(SPACE, batch(range(300)))
    owner.stop()
    generation = owner.folder / SPACE / "g1"
    shutil.copytree(generation / "segments", owner.root / "flushed")
    owner.start()
    await store.upsert(SPACE, batch(range(300, 650)))
    assert await store.delete(SPACE, parse("page < 40")) == 40
    owner.kill()
    shutil.rmtree(generation / "segments")
    shutil.copytree(owner.root / "flushed", generation / "segments")
    owner.start()
    assert await pages(store) == set(range(40, 650))
    (hits,) = await store.search([Arm(SPACE, "bm25", 2, text="document 649")])
    assert hits[0].payload["page"] == 649


async def test_stop_finishes_writes_and_clients_go_on(
    owner: OwnerProcess, store: EmbeddedStore
) -> None:
    writers = Writers(store)
    await asyncio.sleep(0.4)
    assert await asyncio.to_thread(owner.stop) == 0
    assert not owner.socket.exists()
    owner.start()
    await asyncio.sleep(0.4)
    await writers.stop()
    found = await pages(store)
    assert writers.there <= found
    assert not writers.gone & found


# ---- compaction ---------------------------------------------------------------------------------


async def until(condition: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.05)


async def test_compaction_starts_by_itself_and_loses_nothing(
    owner: OwnerProcess, store: EmbeddedStore
) -> None:
    folder = owner.folder / SPACE
    await store.upsert(SPACE, batch(range(4000)))
    writers = Writers(store)
    assert await store.delete(SPACE, parse("page < 900")) == 900
    assert generations.current(folder) == "g1"  # a share, but not more than 1,000 points
    assert await store.delete(SPACE, parse("page < 2000")) == 1100
    await until(lambda: generations.current(folder) == "g2")
    await asyncio.sleep(0.3)
    await writers.stop()
    assert await pages(store) == writers.there | set(range(2000, 4000))
    await until(lambda: not (folder / "g1").exists())
    owner.kill()
    owner.start()
    assert await pages(store) == writers.there | set(range(2000, 4000))
    assert await store.facet(SPACE, "namespace") == [("a", len(writers.there) + 2000)]


async def test_optimize_leaves_a_clean_space_alone(
    owner: OwnerProcess, store: EmbeddedStore
) -> None:
    await store.upsert(SPACE, batch(range(50)))
    await store.optimize(SPACE)
    assert generations.current(owner.folder / SPACE) == "g1"
    assert sorted(p.name for p in (owner.folder / SPACE).glob("g[0-9]*")) == ["g1"]
    await store.delete(SPACE, parse("page < 10"))
    await asyncio.gather(store.optimize(SPACE), store.optimize(SPACE))
    assert generations.current(owner.folder / SPACE) == "g2"
    assert await pages(store) == set(range(10, 50))


def children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children()
    except psutil.NoSuchProcess:
        return []


async def test_kill_during_compaction(owner: OwnerProcess, store: EmbeddedStore) -> None:
    await store.upsert(SPACE, batch(range(3000)))
    assert await store.delete(SPACE, parse("page < 900")) == 900
    writers = Writers(store)
    compaction = asyncio.create_task(store.optimize(SPACE))
    await until(lambda: children(owner.pid))
    (child,) = children(owner.pid)
    owner.kill()
    await until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    owner.start()
    await compaction  # sent again to the new owner
    await writers.stop()
    assert await pages(store) == writers.there | set(range(900, 3000))


# ---- who may own --------------------------------------------------------------------------------


async def test_a_second_owner_is_refused(owner: OwnerProcess, store: EmbeddedStore) -> None:
    second = owner.launch()
    assert await asyncio.to_thread(second.wait, 20) == 1
    said = (owner.root / "stderr").read_text()
    assert f"in use by process {owner.pid}" in said
    assert "Traceback" not in said
    assert await store.count(SPACE) == 0


def test_a_socket_in_use_is_not_taken() -> None:
    owner = OwnerProcess()
    try:
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(owner.socket))
            other.listen()
            assert owner.launch().wait(20) == 1
        assert "another process answers" in (owner.root / "stderr").read_text()
        assert owner.socket.exists()
    finally:
        owner.close()


def test_a_socket_path_that_is_too_long() -> None:
    owner = OwnerProcess()
    owner.socket = owner.root / ("s" * 100)
    try:
        assert owner.launch().wait(20) == 1
        assert "more than 107 bytes" in (owner.root / "stderr").read_text()
    finally:
        owner.close()


def test_what_a_dead_owner_left_is_taken_over(owner: OwnerProcess) -> None:
    owner.wait_ready()
    assert stat.S_IMODE(owner.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(owner.folder.stat().st_mode) == 0o700
    owner.kill()
    assert owner.socket.exists()
    owner.start().wait_ready()
    assert owner.stop() == 0
    assert not owner.socket.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly(owner: OwnerProcess, number: int) -> None:
    owner.wait_ready()
    os.kill(owner.pid, number)
    assert owner.process is not None
    assert owner.process.wait(20) == 0
    assert not owner.socket.exists()
    assert "Traceback" not in (owner.root / "stderr").read_text()


# ---- what crashes left --------------------------------------------------------------------------


async def test_leftovers_are_swept_and_a_broken_space_harms_no_other(
    owner: OwnerProcess, store: EmbeddedStore
) -> None:
    other = "image_v1_00000000"
    await store.ensure_space(SpaceSpec(other, SPEC.dense))
    await store.upsert(SPACE, batch(range(10)))
    owner.stop()
    (owner.folder / "half_made" / "g1").mkdir(parents=True)
    (owner.folder / ".dropped-old" / "g1").mkdir(parents=True)
    (owner.folder / SPACE / "g7").mkdir()
    (owner.folder / other / "g1" / "edge_config.json").write_text("{")
    shutil.rmtree(owner.folder / other / "g1" / "segments")
    owner.start()
    assert await store.count(SPACE) == 10
    assert sorted(p.name for p in owner.folder.iterdir()) == ["LOCK", other, SPACE]
    assert sorted(p.name for p in (owner.folder / SPACE).glob("g[0-9]*")) == ["g1"]
    assert await store.spaces() == [SPACE]
    assert other in (await store.health())["broken"]
    with pytest.raises(VectorsUnavailable, match="cannot be opened"):
        await store.count(other)
    await store.drop_space(other)
    with pytest.raises(SpaceNotFound):
        await store.count(other)
    await store.ensure_space(SpaceSpec(other, SPEC.dense))
    assert await store.count(other) == 0


# ---- many clients at once -----------------------------------------------------------------------


async def test_searches_go_on_during_a_long_upsert(
    owner: OwnerProcess, store: EmbeddedStore
) -> None:
    await store.upsert(SPACE, batch(range(500)))
    upsert = asyncio.create_task(store.upsert(SPACE, batch(range(1000, 21_000))))
    await asyncio.sleep(0.05)
    answered = 0
    while not upsert.done():
        (hits,) = await store.search(
            [Arm(SPACE, "meaning", 3, vector=np.ones(DIMENSION, np.float32))]
        )
        assert len(hits) == 3
        answered += 1
    await upsert
    assert answered >= 50  # one for about each slice of 200; one in all if it did not yield
    assert await store.count(SPACE) == 20_500


async def test_cancelled_calls_mix_up_no_answers(store: EmbeddedStore) -> None:
    numbers = range(300)
    await store.upsert(SPACE, batch(numbers))

    async def ask(i: int) -> None:
        points, _ = await store.scroll(SPACE, eq("page", i))
        assert [p.payload["page"] for p in points] == [i]

    pick = random.Random(3)
    tasks = [asyncio.create_task(ask(i)) for i in numbers]
    for task in pick.sample(tasks, 120):
        await asyncio.sleep(0)
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [r for r in results if r is not None and not isinstance(r, asyncio.CancelledError)] == []
    assert sum(isinstance(r, asyncio.CancelledError) for r in results) > 10
    await ask(7)


async def test_a_cancelled_upsert_leaves_no_half_slice(store: EmbeddedStore) -> None:
    task = asyncio.create_task(store.upsert(SPACE, batch(range(5000))))
    await asyncio.sleep(0.15)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await store.upsert(SPACE, batch(range(5000)))
    assert await store.count(SPACE) == 5000


async def test_nonsense_on_the_socket_harms_nobody(
    owner: OwnerProcess, store: EmbeddedStore
) -> None:
    for nonsense in (
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00\x00\x00\x01\xc1",
        b"\x00\x00\x00\x02\x91\xa0",
        b"\xff" * 64,
    ):
        reader, writer = await asyncio.open_unix_connection(owner.socket)
        writer.write(nonsense)
        writer.write_eof()
        await reader.read()
        writer.close()
    assert await store.count(SPACE) == 0
