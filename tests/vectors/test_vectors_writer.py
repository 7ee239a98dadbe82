"""One sync acknowledges what was queued, and only what was synced is acknowledged."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from workbench.vectors import writer as module
from workbench.vectors.port import VectorsUnavailable
from workbench.vectors.writer import Writer


class Disk:
    """Counts what a shard would be asked; ``broken`` makes it fail."""

    def __init__(self) -> None:
        self.applied: list[int] = []
        self.synced: list[int] = []
        self.flushes = 0
        self.backlog = 0
        self.broken = False
        self.threads: set[int] = set()

    def sync(self) -> None:
        self.threads.add(threading.get_ident())
        if self.broken:
            raise OSError("no space left")
        self.synced = list(self.applied)

    def flush(self) -> None:
        self.flushes += 1
        self.backlog = 0

    async def write(self, number: int) -> int:
        await asyncio.sleep(0)
        if number < 0:
            raise ValueError("negative")
        self.applied.append(number)
        self.backlog += 1
        return number


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
async def writer(disk: Disk) -> AsyncIterator[Writer]:
    made = Writer(disk.sync, disk.flush, lambda: disk.backlog)
    yield made
    await made.close()


async def test_acknowledged_means_synced(disk: Disk, writer: Writer) -> None:
    assert await writer.submit(lambda: disk.write(1)) == 1
    assert disk.synced == [1]
    assert threading.get_ident() not in disk.threads


async def test_one_sync_for_all_that_waits(disk: Disk, writer: Writer) -> None:
    syncs = 0
    real = disk.sync

    def sync() -> None:
        nonlocal syncs
        syncs += 1
        real()

    counting = Writer(sync, disk.flush, lambda: disk.backlog)
    done = await asyncio.gather(*(counting.submit(lambda i=i: disk.write(i)) for i in range(20)))
    assert list(done) == list(range(20)) == disk.synced
    assert syncs == 1
    await counting.close()


async def test_a_bad_job_harms_only_itself(disk: Disk, writer: Writer) -> None:
    results = await asyncio.gather(
        *(writer.submit(lambda i=i: disk.write(i)) for i in (1, -1, 2)), return_exceptions=True
    )
    assert results[0] == 1
    assert isinstance(results[1], ValueError)
    assert results[2] == 2


async def test_nothing_is_acknowledged_that_was_not_synced(disk: Disk, writer: Writer) -> None:
    disk.broken = True
    results = await asyncio.gather(
        *(writer.submit(lambda i=i: disk.write(i)) for i in range(3)), return_exceptions=True
    )
    assert all(isinstance(r, OSError) for r in results)
    disk.broken = False
    assert await writer.submit(lambda: disk.write(9)) == 9


async def test_a_flush_follows_a_pause(
    disk: Disk, monkeypatch: pytest.MonkeyPatch, writer: Writer
) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.05)
    await writer.submit(lambda: disk.write(1))
    assert disk.flushes == 0
    await asyncio.sleep(0.3)
    assert disk.flushes == 1  # once: nothing is left to flush


async def test_closing_finishes_what_is_at_hand_and_refuses_the_rest(disk: Disk) -> None:
    made = Writer(disk.sync, disk.flush, lambda: disk.backlog)
    begun = asyncio.Event()
    go = asyncio.Event()

    async def slow() -> str:
        begun.set()
        await go.wait()
        return "done"

    first = asyncio.create_task(made.submit(slow))
    await begun.wait()
    second = asyncio.create_task(made.submit(lambda: disk.write(2)))
    await asyncio.sleep(0)
    closing = asyncio.create_task(made.close())
    await asyncio.sleep(0)
    go.set()
    await closing
    assert await first == "done"
    for refused in (second, made.submit(lambda: disk.write(3))):
        with pytest.raises(VectorsUnavailable):
            await refused
    assert disk.applied == []


async def test_a_caller_that_went_away(disk: Disk, writer: Writer) -> None:
    task = asyncio.create_task(writer.submit(lambda: disk.write(1)))
    await asyncio.sleep(0)
    task.cancel()
    assert await writer.submit(lambda: disk.write(2)) == 2
    assert disk.synced == [1, 2]
