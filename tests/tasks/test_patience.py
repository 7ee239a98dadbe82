"""Loops in the background outlive what their rounds raise, and a service does not outlive them."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any, cast

import pytest
import uvicorn
from sqlalchemy.exc import OperationalError

from workbench.stack.compose import serve_while
from workbench.store.outbox import Letter
from workbench.tasks import patience
from workbench.tasks.changes import Bell
from workbench.tasks.relay import Relay

NO_ROOM = OperationalError("UPDATE outbox", {}, Exception("database or disk is full"))


class Client:
    """Takes every start."""

    def __init__(self) -> None:
        self.started: list[str] = []

    async def start_workflow(self, *_: Any, id: str, **__: Any) -> None:
        self.started.append(id)


class FullOutbox:
    """Cannot note what was delivered before the third try."""

    def __init__(self) -> None:
        self.tries = 0
        self.noted = threading.Event()

    def open(self) -> list[Letter]:
        if self.noted.is_set():
            return []
        return [Letter(1, "ns_1", "tsk_1", "ingest", "start", 0)]

    def done(self, outbox_id: int) -> None:
        self.tries += 1
        if self.tries < 3:
            raise NO_ROOM
        self.noted.set()


async def test_a_full_disk_does_not_end_the_relay(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(patience.patiently, "__defaults__", (0.01,))
    outbox, client = FullOutbox(), Client()
    relay = Relay(cast(Any, outbox), cast(Any, client), Bell(), 2, lambda _: None)
    running = asyncio.create_task(relay.run())
    async with asyncio.timeout(10):
        await asyncio.to_thread(outbox.noted.wait)
    assert not running.done()
    running.cancel()
    assert client.started == ["tsk_1"] * 3
    said = [r.getMessage() for r in caplog.records if r.name == patience.__name__]
    assert said == ["cannot carry letters to Temporal yet: the disk is full"], "once, not each time"


async def test_a_defect_is_tried_again_and_told_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tries = iter([KeyError("x"), KeyError("x"), None])

    async def work() -> int:
        if error := next(tries):
            raise error
        return 7

    with caplog.at_level(logging.WARNING):
        assert await patience.patiently("count", work, 0.0) == 7
    (record,) = caplog.records
    assert record.exc_info


class Server:
    """Serves until it is told to stop, as uvicorn's does."""

    def __init__(self) -> None:
        self._told = asyncio.Event()

    def _set(self, told: bool) -> None:
        if told:
            self._told.set()

    should_exit = property(lambda self: self._told.is_set(), _set)

    async def serve(self) -> None:
        await self._told.wait()


async def test_a_service_ends_when_a_part_of_it_does() -> None:
    async def part() -> None:
        raise OSError("it broke")

    with pytest.raises(OSError, match="it broke"):
        await serve_while(cast(uvicorn.Server, Server()), [asyncio.create_task(part())])


async def test_a_service_that_is_told_to_stop_ends_well() -> None:
    async def part() -> None:
        await asyncio.Event().wait()

    server, task = Server(), asyncio.create_task(part())
    asyncio.get_running_loop().call_later(0.05, setattr, server, "should_exit", True)
    await serve_while(cast(uvicorn.Server, server), [task])
    assert not task.done()
    task.cancel()
