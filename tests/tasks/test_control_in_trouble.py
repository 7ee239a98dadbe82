"""Pause and cancel act within seconds while the vectors' owner is away."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporal_workshop import TemporalWorkshop

from workbench.domain.states import Request

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]

FILES = 60


@pytest_asyncio.fixture
async def small(tmp_path: Path) -> AsyncIterator[TemporalWorkshop]:
    workshop = TemporalWorkshop(tmp_path)
    workshop.shop.write("b", {f"{i:04}.x": f"text number {i}" for i in range(FILES)})
    yield workshop
    await workshop.close()


async def test_what_cannot_be_indexed_waits_for_nobody_who_pauses_or_cancels(
    small: TemporalWorkshop,
):
    shop = small.shop
    async with small.running(await small.server.start()):
        shop.owner.stop()
        task = shop.accept("b")
        await small.until(task.task_id, lambda t: t.progress.extracted > 0)
        asked = time.monotonic()
        shop.acceptance.ask("ns_1", task.task_id, Request.PAUSE)
        await small.until(task.task_id, lambda t: t.state == "PAUSED")
        assert time.monotonic() - asked < 8, "five seconds, were the machine its own"
        shop.acceptance.ask("ns_1", task.task_id, Request.RESUME)
        await small.until(task.task_id, lambda t: t.state == "IN_PROGRESS")
        asked = time.monotonic()
        shop.acceptance.ask("ns_1", task.task_id, Request.CANCEL)
        ended = await small.ended(task.task_id)
        assert time.monotonic() - asked < 8, "five seconds, were the machine its own"
        assert ended.state == "CANCELED"
        assert ended.progress.canceled == ended.progress.total or ended.progress.total is None
        task = shop.accept("b")
        await small.until(task.task_id, lambda t: t.progress.extracted > 0)
        shop.acceptance.ask("ns_1", task.task_id, Request.PAUSE)
        await small.until(task.task_id, lambda t: t.state == "PAUSED")
        shop.owner.start()
        shop.acceptance.ask("ns_1", task.task_id, Request.RESUME)
        assert (await small.ended(task.task_id)).state == "COMPLETED"
    assert len(await shop.texts("b")) == len(await shop.points()) == FILES
