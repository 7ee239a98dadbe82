"""Following tasks by server-sent events, over a real server: each state once, also by a client that
loses its connection, or its service, again and again."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from api_stand import Stand, error_of

from jupyter_ext.server.watch import Fan, Watch
from workbench.api import events
from workbench.client import Client, connect
from workbench.client.following import ProgressEvent, StateEvent
from workbench.client.place import find
from workbench.client.session import Session
from workbench.domain.states import Event, TaskState
from workbench.store.acceptance import Acceptance, IngestOrder
from workbench.store.database import Database, now_ms
from workbench.store.namespaces import Namespaces
from workbench.store.statements import happen, touch
from workbench.store.tasks import Tasks
from workbench.tasks.feed import Feed

pytestmark = pytest.mark.stores("sqlite")


@dataclass
class Work:
    """A task, and what happens to it."""

    database: Database
    namespace_id: str
    task_id: str = ""

    def __post_init__(self) -> None:
        order = IngestOrder("b", "folder", "/media", {}, [])
        self.task_id = Acceptance(self.database).ingest(self.namespace_id, order, None)

    def __call__(self, *happens: Event, **values: Any) -> None:
        for event in happens:
            with self.database.write() as connection:
                assert happen(connection, self.namespace_id, self.task_id, event, **values)

    def count(self) -> None:
        with self.database.write() as connection:
            touch(connection, self.namespace_id, self.task_id, listed=1)

    def states(self) -> list[str]:
        reading = Tasks(self.database).reading(self.namespace_id, self.task_id)
        assert reading is not None
        return [str(state.state) for state in reading.states]


@dataclass
class Heard:
    """The events of one stream."""

    kinds: list[str] = field(default_factory=list[str])
    ids: list[str] = field(default_factory=list[str])
    data: list[Any] = field(default_factory=list[Any])
    comments: list[str] = field(default_factory=list[str])

    def of(self, kind: str) -> list[Any]:
        return [d for k, d in zip(self.kinds, self.data, strict=True) if k == kind]

    def line(self, line: str) -> None:
        name, _, value = line.partition(": ")
        if name == "event":
            self.kinds.append(value)
        elif name == "id":
            self.ids.append(value)
        elif name == "data":
            self.data.append(json.loads(value))
        elif not name and value:
            self.comments.append(value)


@pytest.fixture
async def served(stand: Stand) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the stand on a real server."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(stand.app, log_level="warning", lifespan="off"))
    serving = asyncio.create_task(server.serve([listening]))
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    headers = {"Authorization": f"Bearer {stand.key}"}
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=60) as client:
        await until(lambda: server.started)
        yield client
    stand.services.feed.close()
    server.should_exit = True
    await serving


async def hear(client: httpx.AsyncClient, path: str, heard: Heard, **headers: str) -> None:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.stream("GET", path, headers=sent) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "no-cache" in answer.headers["cache-control"]
        assert answer.headers["x-accel-buffering"] == "no"
        async for line in answer.aiter_lines():
            heard.line(line)


async def until(condition: Any, limit: float = 60) -> None:
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_api_events_tell_states_progress_and_the_end(
    stand: Stand, served: httpx.AsyncClient
) -> None:
    work = Work(stand.database, stand.default)
    path = f"/v1/tasks/{work.task_id}/events"
    heard = Heard()
    following = asyncio.create_task(hear(served, path, heard))
    await until(lambda: heard.of("progress"))
    assert (heard.of("progress")[0]["state"], heard.ids) == ("PENDING", ["0"])
    work(Event.BEGIN)
    stand.changes.changed(work.task_id)
    await until(lambda: len(heard.of("state")) == 2)
    work(Event.COMPLETED)
    stand.changes.changed(work.task_id)
    await following
    assert [s["state"] for s in heard.of("state")] == ["PENDING", "IN_PROGRESS", "COMPLETED"]
    assert heard.kinds[-2:] == ["state", "end"]
    assert heard.of("end")[0]["task_id"] == work.task_id

    again = Heard()
    await hear(served, path, again, Last_Event_ID=heard.ids[1])
    assert again.kinds == ["state", "end"], "only what came after the id, and the end"
    query = Heard()
    await hear(served, f"{path}?after={heard.ids[-1]}", query)
    assert query.kinds == ["end"]


async def test_api_events_of_what_does_not_exist(client: httpx.AsyncClient) -> None:
    missing = await client.get("/v1/tasks/tsk_none/events")
    assert (missing.status_code, error_of(missing)["code"]) == (404, "not_found")
    odd = await client.get("/v1/tasks/tsk_none/events", headers={"Last-Event-ID": "x"})
    assert odd.status_code == 422


async def test_api_events_come_at_most_four_times_a_second(
    stand: Stand, served: httpx.AsyncClient
) -> None:
    work = Work(stand.database, stand.default)
    heard = Heard()
    following = asyncio.create_task(hear(served, f"/v1/tasks/{work.task_id}/events", heard))
    await until(lambda: heard.of("progress"))
    begun = time.monotonic()
    for _ in range(30):
        work.count()
        stand.changes.changed(work.task_id)
        await asyncio.sleep(0.02)
    await until(lambda: heard.of("progress")[-1]["objects"]["listed"] == 30)
    assert len(heard.of("progress")) <= 3 + 4 * (time.monotonic() - begun)
    following.cancel()


async def test_api_events_cost_the_same_for_many_clients(
    stand: Stand, served: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(stand.database, stand.default)
    looks = 0
    read = Tasks.reading

    def counted(self: Tasks, namespace_id: str, task_id: str) -> Any:
        nonlocal looks
        looks += 1
        return read(self, namespace_id, task_id)

    monkeypatch.setattr(Tasks, "reading", counted)
    path = f"/v1/tasks/{work.task_id}/events"
    all_heard = [Heard() for _ in range(20)]
    following = [asyncio.create_task(hear(served, path, heard)) for heard in all_heard]
    await until(lambda: all(heard.of("progress") for heard in all_heard))
    work(Event.BEGIN, Event.PAUSED, Event.RESUMED, Event.COMPLETED)
    stand.changes.changed(work.task_id)
    await asyncio.gather(*following)
    told = [[s["state"] for s in heard.of("state")] for heard in all_heard]
    assert told == [work.states()] * 20
    assert looks < 20


async def test_api_events_beat_while_nothing_happens(
    stand: Stand, served: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.1)
    work = Work(stand.database, stand.default)
    heard = Heard()
    following = asyncio.create_task(hear(served, f"/v1/tasks/{work.task_id}/events", heard))
    await until(lambda: len(heard.comments) > 2)
    assert len(heard.of("progress")) == 1
    following.cancel()


async def test_api_events_of_a_namespace(stand: Stand, served: httpx.AsyncClient) -> None:
    work = Work(stand.database, stand.default)
    other = Work(stand.database, stand.rows.namespace("other"))
    heard = Heard()
    following = asyncio.create_task(hear(served, "/v1/tasks/events", heard))
    await until(lambda: heard.data)
    work(Event.BEGIN, Event.COMPLETED)
    late = Work(stand.database, stand.default)
    stand.changes.changed(late.task_id)
    await until(lambda: {d["task_id"] for d in heard.data} == {work.task_id, late.task_id})
    await until(lambda: "COMPLETED" in [d["state"] for d in heard.data])
    assert set(heard.kinds) == {"task"}
    assert "progress" in heard.data[0]
    assert other.task_id not in {d["task_id"] for d in heard.data}
    following.cancel()


async def test_api_events_of_a_namespace_tell_an_end_that_nobody_followed(
    stand: Stand, served: httpx.AsyncClient
) -> None:
    work = Work(stand.database, stand.default)
    work(Event.BEGIN)
    work(Event.COMPLETED, created_at=now_ms() - 3_600_000, ended_at=now_ms() - 5000)
    old = Work(stand.database, stand.default)
    old(Event.BEGIN)
    old(Event.COMPLETED, created_at=now_ms() - 3_600_000, ended_at=now_ms() - 120_000)
    going = Work(stand.database, stand.default)
    heard = Heard()
    following = asyncio.create_task(hear(served, "/v1/tasks/events", heard))
    await until(lambda: len(heard.data) == 2)
    assert {d["task_id"] for d in heard.data} == {work.task_id, going.task_id}
    following.cancel()


async def test_api_events_end_with_the_service_and_their_reader_with_the_last_client(
    stand: Stand, served: httpx.AsyncClient
) -> None:
    feed: Feed = stand.services.feed
    work = Work(stand.database, stand.default)
    heard = Heard()
    following = asyncio.create_task(hear(served, f"/v1/tasks/{work.task_id}/events", heard))
    await until(lambda: heard.data)
    feed.close()
    await asyncio.wait_for(following, 10)
    assert "end" not in heard.kinds
    with feed.task(stand.default, work.task_id) as follower:
        assert await follower.next(10) is not None
        loops = [t for t in asyncio.all_tasks() if "_ending" in repr(t)]
        assert len(loops) == 1
    await asyncio.wait(loops, timeout=10)
    assert all(loop.done() for loop in loops)


# ---- a client whose connections break ------------------------------------------------------------


class Killable:
    """A service in a process of its own."""

    def __init__(self, store: str, home: Path) -> None:
        self._store, self._home = store, home
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        found = self._home / "run" / "service.json"
        found.unlink(missing_ok=True)
        here = Path(__file__).parent
        paths = os.pathsep.join([str(here), str(here.parent)])
        self._process = subprocess.Popen(
            [sys.executable, str(here / "events_service.py"), self._store, str(self._home)],
            env={**os.environ, "PYTHONPATH": paths},
        )
        deadline = time.monotonic() + 120
        while not found.exists():
            assert self._process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


@pytest.fixture
def service(database: Database, tmp_path: Path) -> Iterator[Killable]:
    running = Killable(database.url, tmp_path / "home")
    yield running
    running.kill()


@pytest.fixture
def follower(service: Killable, tmp_path: Path) -> Iterator[Client]:
    with connect(home=tmp_path / "home", notify=lambda note: None) as client:
        yield client


async def test_pages_of_jupyter_are_told_an_end_that_came_while_no_stream_was_open(
    database: Database, service: Killable, tmp_path: Path
) -> None:
    work = Work(database, Namespaces(database).ensure().namespace_id)
    work(Event.BEGIN)
    told: list[Any] = []
    fan = Fan(lambda event, data: told.append(data.get("state")))
    home = {"MIXPEEK_HOME": str(tmp_path / "home")}
    watch = Watch(Session(find(environ=home), "default"), fan, lambda: False)
    watch.begin()
    await until(lambda: "IN_PROGRESS" in told)
    service.kill()
    await until(lambda: "down" in told)
    long_ago = now_ms() - 600_000
    work(Event.COMPLETED, created_at=long_ago, ended_at=long_ago)
    await asyncio.to_thread(service.start)
    await until(lambda: "COMPLETED" in told)


def test_a_client_that_drops_and_comes_back_sees_every_state_once(
    database: Database, service: Killable, follower: Client
) -> None:
    chance = random.Random(4)
    work = Work(database, Namespaces(database).ensure().namespace_id)
    work(Event.BEGIN)
    seen: list[StateEvent] = []

    def last() -> int | None:
        return seen[-1].state.sequence if seen else None

    for drop in range(50):
        for _ in range(chance.randint(0, 2)):
            work(Event.PAUSED, Event.RESUMED)
        stream = follower.events(work.task_id, last_event_id=last(), outage=120)
        for _ in range(chance.randint(1, 5)):
            event = next(stream)
            if isinstance(event, ProgressEvent):
                break  # all states are told: nothing more comes for now
            seen.append(event)
        stream.close()  # type: ignore[attr-defined]
        if drop == 25:
            service.kill()
            service.start()

    rest: list[Any] = []
    following = threading.Thread(
        target=lambda: rest.extend(follower.events(work.task_id, last(), outage=120))
    )
    following.start()
    time.sleep(0.5)
    service.kill()  # under a client that follows
    work(Event.PAUSED, Event.RESUMED)
    service.start()
    work(Event.PAUSED, Event.RESUMED, Event.COMPLETED)
    following.join(120)
    assert not following.is_alive()

    seen += [event for event in rest if isinstance(event, StateEvent)]
    assert [str(event.state.state) for event in seen] == work.states()
    sequences = [event.state.sequence for event in seen]
    assert sequences == sorted(set(sequences))
    assert len(seen) > 50
    assert isinstance(rest[-1], ProgressEvent)
    assert rest[-1].ended
    assert follower.wait(work.task_id).state is TaskState.COMPLETED
