"""Many people at once: each makes a bucket of a few files, changes its mind, and asks for what is
there. Whoever else works meanwhile, a task ends as it should, and searches tell what the files say.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from PIL import Image
from stack_journey import Stack

from workbench.client.client import Client, connect
from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.wire import FailureOut, SearchRequest, TaskOut

pytestmark = [pytest.mark.journey]

T = TypeVar("T")
PATIENCE = 120.0
MINDS = ("waits", "pauses", "cancels", "ingests twice", "deletes at once")


@dataclass(frozen=True)
class Person:
    """``calm``: no part of the stack is killed meanwhile."""

    client: Client
    folder: Path
    random: random.Random
    calm: bool

    def visit(self, number: int) -> str:
        """A bucket of one's own, from its first ingest to its end; what was done with it."""
        bucket = self.folder / f"{self.folder.name}-{number}"
        self._fill(bucket)
        mind = self.random.choice(MINDS)
        task = self._ingest(bucket)
        time.sleep(self.random.choice([0, 0.05, 0.2, 0.5]))
        others = self._change(mind, bucket, task)
        allowed = {"COMPLETED", "CANCELED"} if mind == "cancels" else {"COMPLETED"}
        for each in (task, *others):
            ended = self.client.wait(each.task_id)
            assert ended.state in allowed, (mind, ended)
        self._edit(bucket)
        if self.random.random() < 0.5:
            self._delete(bucket.name)
        return mind

    def _fill(self, bucket: Path) -> None:
        bucket.mkdir(parents=True)
        for i in range(self.random.randint(1, 12)):
            (bucket / f"{i}.txt").write_text(f"{bucket.name} text number {i}")
        if self.random.random() < 0.5:
            pixels = np.frombuffer(self.random.randbytes(64 * 64 * 3), np.uint8)
            Image.fromarray(pixels.reshape(64, 64, 3)).save(bucket / "p.png")

    def _change(self, mind: str, bucket: Path, task: TaskOut) -> Sequence[TaskOut]:
        match mind:
            case "pauses":
                self._unless_ended(self.client.pause, task)
                time.sleep(self.random.random())
                self._unless_ended(self.client.resume, task)
            case "cancels":
                self._unless_ended(self.client.cancel, task)
            case "ingests twice":
                return [self._ingest(bucket)]
            case "deletes at once":  # which is refused while the task works on it
                deletion = self._asked(self.client.delete_bucket, bucket.name)
                return [deletion] if deletion is not None else []
            case _:
                pass
        return ()

    def _edit(self, bucket: Path) -> None:
        """One file changes and one goes: what is found is what the folder holds."""
        (bucket / "0.txt").write_text("a zebra by now")
        (bucket / "p.png").unlink(missing_ok=True)
        ended = self.client.wait(self._ingest(bucket).task_id)
        assert ended.state == "COMPLETED", ended
        for name in sorted(path.name for path in bucket.iterdir()):
            text = "zebra" if name == "0.txt" else f"{bucket.name} number {name[:-4]}"
            assert self._found(bucket.name, text) >= {name}
        assert self._found(bucket.name, "zebra") == {"0.txt"}
        objects = self._patiently(lambda: self.client.objects(bucket.name, limit=100))
        assert {o.name for o in objects.results} == {path.name for path in bucket.iterdir()}

    def _delete(self, bucket: str) -> None:
        task = self._patiently(lambda: self.client.delete_bucket(bucket))
        assert self.client.wait(task.task_id).state == "COMPLETED"
        found = self._patiently(
            lambda: self.client.search(SearchRequest(text=f"{bucket} number", mode="text", top=100))
        )
        assert not [hit for hit in found.hits if hit.bucket == bucket]

    def _found(self, bucket: str, text: str) -> set[str]:
        request = SearchRequest(text=text, buckets=[bucket], mode="text", top=100)
        found = self._patiently(lambda: self.client.search(request))
        return {hit.object_name for hit in found.hits}

    def _ingest(self, folder: Path) -> TaskOut:
        return self._patiently(lambda: self.client.ingest(folder))

    def _unless_ended(self, ask: Callable[[str], TaskOut], task: TaskOut) -> None:
        self._asked(ask, task.task_id)

    def _asked(self, ask: Callable[[str], TaskOut], name: str) -> TaskOut | None:
        """None where it is refused as things are."""
        try:
            return self._patiently(lambda: ask(name))
        except WorkbenchError as error:
            if error.code not in (Code.TASK_ENDED, Code.CONFLICT):
                raise
            return None

    def _patiently(self, call: Callable[[], T]) -> T:
        """Asked again while the service is away, where it may be."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return call()
            except WorkbenchError as error:
                away = error.code in (Code.SERVICE_UNREACHABLE, Code.UNAVAILABLE)
                if self.calm or not away or time.monotonic() > until:
                    raise
                time.sleep(0.3)

    def edits(self, bucket: Path) -> None:
        """Files of a folder that others edit too come, change and go; then it is ingested."""
        for _ in range(self.random.randint(1, 4)):
            path = bucket / f"{self.random.randrange(24)}.txt"
            if self.random.random() < 0.3:
                path.unlink(missing_ok=True)
            else:
                path.write_text(f"state {self.random.randrange(1 << 40)}")
        task = self._ingest(bucket)
        if self.random.random() < 0.2:
            self._asked(self.client.cancel, task.task_id)
        ended = self.client.wait(task.task_id)
        told = [failure.category for failure in self._failures(task.task_id)]
        assert not ended.error, ended
        assert set(told) <= {"source"}, (told, ended)  # gone, or changed while it was read

    def reindexes(self, bucket: Path) -> None:
        task = self._patiently(lambda: self.client.reindex(bucket.name))
        if self.random.random() < 0.3:
            time.sleep(self.random.random() / 2)
            self._asked(self.client.cancel, task.task_id)
        assert self.client.wait(task.task_id).state in ("COMPLETED", "CANCELED")

    def settles(self, bucket: Path) -> None:
        """An ingest alone: every file is searchable as it is, once, and nothing else."""
        ended = self.client.wait(self._ingest(bucket).task_id)
        assert ended.state == "COMPLETED", ended
        page = self._patiently(lambda: self.client.documents(f"{bucket.name}.text", limit=1000))
        found = sorted((d.object_name, (d.text or "").strip()) for d in page.results)
        assert found == sorted((path.name, path.read_text()) for path in bucket.iterdir())

    def _failures(self, task_id: str) -> Sequence[FailureOut]:
        return self._patiently(lambda: self.client.failures(task_id, limit=100)).results


def together(
    stack: Stack, folder: Path, seed: int, until: Callable[[int], bool], calm: bool
) -> int:
    """Two edit and ingest one folder, a third reindexes it; how often, until ``until(times)``."""
    print(f"together, seed {seed}")
    bucket = folder / "shared"
    bucket.mkdir(parents=True)

    def one(number: int) -> int:
        with connect(home=stack.home) as client:
            person = Person(client, folder, random.Random(seed * 1000 + number), calm)
            times = 0
            while not until(times):
                person.reindexes(bucket) if number == 2 else person.edits(bucket)
                times += 1
            return times

    with connect(home=stack.home) as client:
        chief = Person(client, folder, random.Random(seed), calm)
        (bucket / "kept.txt").write_text("edited by nobody")
        chief.settles(bucket)  # there is a collection to be reindexed
        with ThreadPoolExecutor(3) as pool:
            times = sum(pool.map(one, range(3)))
        chief.settles(bucket)
    return times


def crowd(
    stack: Stack, folder: Path, people: int, seed: int, until: Callable[[int], bool], calm: bool
) -> list[str]:
    """What was done with each bucket; each of the people goes on while ``until(visits)`` is not
    said. The first one who finds something wrong ends it."""
    print(f"crowd of seed {seed}")

    def one(number: int) -> list[str]:
        with connect(home=stack.home) as client:
            chance = random.Random(seed * 1000 + number)
            person = Person(client, folder / f"p{number}", chance, calm)
            done: list[str] = []
            while not until(len(done)):
                done.append(person.visit(len(done)))
            return done

    with ThreadPoolExecutor(people) as pool:
        return [mind for done in pool.map(one, range(people)) for mind in done]


@pytest.mark.timeout(400)
def test_everyone_in_a_crowd_finds_what_is_theirs(shared_stack: Stack, tmp_path: Path) -> None:
    done = crowd(shared_stack, tmp_path, 3, 20261128, lambda visits: visits >= 3, calm=True)
    assert len(done) == 9
    assert len(set(done)) >= 3


@pytest.mark.timeout(400)
def test_those_who_ingest_one_folder_at_once_leave_what_it_holds(
    shared_stack: Stack, tmp_path: Path
) -> None:
    assert together(shared_stack, tmp_path, 20261128, lambda times: times >= 5, calm=True) == 15


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path / "home", {"MIXPEEK_EXTRACTORS": "toys:Toy"})
    stack.up()
    yield stack
    stack.down()


@pytest.mark.drill
@pytest.mark.timeout(900)
def test_everyone_in_a_crowd_finds_what_is_theirs_while_parts_are_killed(
    own_stack: Stack, tmp_path: Path
) -> None:
    """Four minutes, in which every ten seconds or so a part is killed."""
    ends = time.monotonic() + 240
    seed = random.SystemRandom().randrange(1 << 31)
    with kills(own_stack, seed) as killed:
        done = crowd(
            own_stack, tmp_path / "files", 2, seed, lambda _: time.monotonic() > ends, calm=False
        )
    print(f"{len(done)} buckets")
    assert len(done) >= 10
    assert len(killed) >= 10


@pytest.mark.drill
@pytest.mark.timeout(900)
def test_those_who_ingest_one_folder_at_once_leave_what_it_holds_while_parts_are_killed(
    own_stack: Stack, tmp_path: Path
) -> None:
    ends = time.monotonic() + 180
    seed = random.SystemRandom().randrange(1 << 31)
    with kills(own_stack, seed) as killed:
        times = together(
            own_stack, tmp_path / "files", seed, lambda _: time.monotonic() > ends, calm=False
        )
    print(f"{times} ingests and reindexes")
    assert times >= 20
    assert len(killed) >= 8


@contextlib.contextmanager
def kills(stack: Stack, seed: int) -> Generator[list[str]]:
    """Every ten seconds or so a part is killed; its name is among those given."""
    over = threading.Event()
    killed: list[str] = []

    def kill() -> None:
        chance = random.Random(seed)
        while not over.wait(chance.uniform(6, 14)):
            if parts := sorted(stack.parts().items()):
                part, pid = chance.choice(parts)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed.append(part)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield killed
    finally:
        over.set()
        killer.join()
        print(f"killed: {', '.join(sorted(killed))}")
