"""A click that makes a task while the thread that watches comes to its end, or takes an answer in:
whatever the order, the task is watched to its end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from jupyter_samples import ended, task

from jupyter_ext import watching
from jupyter_ext.watching import Watching
from workbench.client import Client
from workbench.domain.states import TaskState
from workbench.domain.wire import TaskOut

PATIENCE = 10.0
#: The answer is taken in, and the thread looks whether it goes on: each takes the lock and lets go.
MOMENTS = 4


class Answered(TaskOut):
    """Calls ``read`` when the thread that watches reads the task's id."""

    def __getattribute__(self, name: str) -> Any:
        if name == "task_id":
            super().__getattribute__("__dict__").get("read", lambda: None)()
        return super().__getattribute__(name)


@dataclass
class FakeClient:
    """Every task is at its end; ``answered`` wraps the first answer."""

    namespace: str = "default"
    answered: Callable[[TaskOut], TaskOut] = lambda task: task
    asked: list[str] = field(default_factory=list)

    def changes(self, task_id: str) -> tuple[TaskOut, int]:
        self.asked.append(task_id)
        found = ended(TaskState.COMPLETED, task_id=task_id)
        return (self.answered(found) if len(self.asked) == 1 else found), 1


class Passing:
    """A lock that says when the watching thread is about to take it, and has let it go."""

    def __init__(self, passes: Callable[[], None]) -> None:
        self._lock = threading.Lock()
        self._passes = passes

    def __enter__(self) -> None:
        self._tell()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        self._tell()

    def _tell(self) -> None:
        if threading.current_thread().name == "mixpeek-watch":
            self._passes()


def click(watched: Watching) -> None:
    """Another thread makes a task; it is given the time to be done with it, which it needs not use:
    the lock may be taken."""
    retry = task(TaskState.PENDING, task_id="tsk_again")
    thread = threading.Thread(target=watched._acted, args=(retry,), name="click")
    thread.start()
    thread.join(0.2)


def watch(client: FakeClient) -> Watching:
    running = task(TaskState.IN_PROGRESS, task_id="tsk_1")
    return Watching(cast("Client", client), [running], "home")


def at_its_end(watched: Watching) -> bool:
    shown = [(one["task_id"], one["state"]) for one in watched.view.view["tasks"]]
    return shown == [("tsk_again", "COMPLETED"), ("tsk_1", "COMPLETED")]


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "SECONDS", 0.05)


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_retry_is_watched_whenever_it_comes_while_the_thread_ends(moment: int) -> None:
    client = FakeClient()
    watched = watch(client)
    passed = 0

    def passes() -> None:
        nonlocal passed
        passed += bool(client.asked)
        if passed > moment and not clicked.is_set():
            clicked.set()
            click(watched)

    clicked = threading.Event()
    watched._lock = cast("Any", Passing(passes))
    watched.start()
    until(clicked.is_set)
    until(lambda: at_its_end(watched))


def test_a_retry_that_comes_while_an_answer_is_taken_in_is_kept() -> None:
    clicked = threading.Event()

    def answered(found: TaskOut) -> TaskOut:
        def read() -> None:
            if threading.current_thread().name == "mixpeek-watch" and not clicked.is_set():
                clicked.set()
                click(watched)

        slow = Answered(**found.model_dump())
        slow.__dict__["read"] = read
        return slow

    watched = watch(FakeClient(answered=answered))
    watched.start()
    until(clicked.is_set)
    until(lambda: at_its_end(watched))
