"""Waiting for a task, also while the service is away: by its events, and by asking for it where the
service (here one that tests script) gives none."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from client_service import Reply, Seen, Service, refusal, task, write_home

from workbench.client import Client
from workbench.client.following import StateEvent
from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.states import TaskState
from workbench.domain.wire import TaskOut


def held(seen: Seen, task: TaskOut, sequence: int) -> Reply:
    """As the service does: an answer waits while the caller knows this state already."""
    if seen.query.get("after") == str(sequence):
        time.sleep(float(seen.query["wait"]))
    return Reply(task, headers={"X-Sequence": str(sequence)})


def test_every_state_is_seen_and_the_last_returned(client: Client, service: Service) -> None:
    states = [
        task(TaskState.PENDING),
        task(TaskState.IN_PROGRESS, indexed=1, total=2),
        task(TaskState.COMPLETED, indexed=2, total=2),
    ]
    service.on(
        "GET",
        "/tasks/tsk_1",
        *[Reply(state, headers={"X-Sequence": str(n)}) for n, state in enumerate(states)],
    )
    seen: list[TaskOut] = []
    assert client.wait("tsk_1", seen.append) == states[-1]
    assert seen == states
    asked = [one.query for one in service.sent("GET", "/tasks/tsk_1")]
    assert asked == [{}, {"wait": "5", "after": "0"}, {"wait": "5", "after": "1"}]


def test_an_unchanged_task_costs_a_request_per_poll(client: Client, service: Service) -> None:
    began = time.monotonic()

    def answer(seen: Seen) -> Reply:
        if time.monotonic() - began < 1.0:
            return held(seen, task(TaskState.IN_PROGRESS), 7)
        return held(seen, task(), 8)

    service.on("GET", "/tasks/tsk_1", answer)
    client.wait("tsk_1", poll=0.4)
    assert len(service.seen) <= 5


def test_a_service_that_numbers_nothing_is_not_asked_all_the_time(
    client: Client, service: Service
) -> None:
    service.on("GET", "/tasks/tsk_1", Reply(task(TaskState.IN_PROGRESS)), Reply(task()))
    began = time.monotonic()
    client.wait("tsk_1")
    assert time.monotonic() - began > 0.4


def test_a_restart_is_waited_out_with_one_note(
    client: Client, service: Service, home: Path, notes: list[str]
) -> None:
    service.on("GET", "/tasks/tsk_1", lambda seen: held(seen, task(TaskState.IN_PROGRESS), 1))
    second = Service().on(
        "GET",
        "/tasks/tsk_1",
        refusal(503, "unavailable", "starting"),
        Reply(task(), headers={"X-Sequence": "2"}),
    )

    def restart() -> None:
        service.stop()
        time.sleep(0.7)
        second.start()
        write_home(home, second)

    thread = threading.Timer(0.3, restart)
    thread.start()
    assert client.wait("tsk_1", poll=0.2).state is TaskState.COMPLETED
    thread.join()
    second.stop()
    assert len(notes) == 1
    assert "the task goes on" in notes[0]


def test_a_service_that_stays_away_ends_the_waiting(
    client: Client, service: Service, notes: list[str]
) -> None:
    service.stop()
    with pytest.raises(WorkbenchError) as raised:
        client.wait("tsk_1", outage=0.8)
    assert raised.value.code is Code.SERVICE_UNREACHABLE
    assert len(notes) == 1


def test_a_task_that_does_not_exist_ends_the_waiting(client: Client, service: Service) -> None:
    with pytest.raises(WorkbenchError) as raised:
        client.wait("tsk_9")
    assert raised.value.code is Code.NOT_FOUND
    assert len(service.seen) == 2


def test_an_interrupt_stops_the_waiting_and_sends_nothing(client: Client, service: Service) -> None:
    service.on("GET", "/tasks/tsk_1", lambda seen: held(seen, task(TaskState.IN_PROGRESS), 1))

    def stop(_: TaskOut) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.wait("tsk_1", stop)
    assert {one.method for one in service.seen} == {"GET"}
    assert client.task("tsk_1").state is TaskState.IN_PROGRESS  # the client is still good


def stream(*events: tuple[str, object], cut: bool = False) -> Reply:
    told = [
        f"event: {kind}\ndata: {body.model_dump_json() if isinstance(body, TaskOut) else body}\n\n"
        for kind, body in events
    ]
    headers = {"Content-Type": "text/event-stream"}
    body = ("retry: 500\n\n: alive\n\n" + "".join(told)).encode()
    return Reply(body, headers=headers, chunked=True, fault="cut" if cut else None)


def state(sequence: int, name: str) -> tuple[str, str]:
    values = {"task_id": "tsk_1", "sequence": sequence, "state": name, "at": 0}
    return "state", json.dumps(values)


def test_waiting_follows_the_events_and_asks_for_nothing_else(
    client: Client, service: Service
) -> None:
    half, whole = task(TaskState.IN_PROGRESS, indexed=1, total=2), task(indexed=2, total=2)
    events = (state(0, "PENDING"), ("progress", half), ("of-tomorrow", "{}"), ("end", whole))
    service.on("GET", "/tasks/tsk_1/events", stream(*events))
    seen: list[TaskOut] = []
    assert client.wait("tsk_1", seen.append) == whole
    assert seen == [half, whole]
    assert [one.path for one in service.seen] == ["/v1/tasks/tsk_1/events"]


def test_a_cut_stream_goes_on_after_the_last_state_seen(
    client: Client, service: Service, notes: list[str]
) -> None:
    half = task(TaskState.IN_PROGRESS, indexed=1, total=2)
    service.on(
        "GET",
        "/tasks/tsk_1/events",
        stream(state(0, "PENDING"), state(3, "IN_PROGRESS"), ("progress", half), cut=True),
        stream(),
        stream(state(9, "COMPLETED"), ("end", task())),
    )
    events = list(client.events("tsk_1"))
    states = [event.state.sequence for event in events if isinstance(event, StateEvent)]
    assert states == [0, 3, 9]
    asked = [one.headers.get("last-event-id") for one in service.seen]
    assert asked == [None, "3", "3"]
    assert notes == []
