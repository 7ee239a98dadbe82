"""Killing a part of a running stack at a random moment of an ingest, and what comes of it.

A run ingests the same files into a fresh bucket, kills one process with SIGKILL when a random share
of them is indexed, and waits for the task to end by itself. It is right when objects, documents and
vectors are those of an undisturbed run. Two times are measured from the kill: the longest time
without progress, and the time to the end.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "journeys"))

import itertools

from stack_journey import Stack

from workbench.client.client import Client, connect
from workbench.domain.errors import WorkbenchError
from workbench.domain.filters import eq
from workbench.domain.wire import TaskOut
from workbench.stack.settings import Settings
from workbench.stack.supervisor import Limits
from workbench.vectors import open_vectors

PARTS = ("worker", "service", "vectors", "temporal", "actor", "raylet", "up")
POLL = 0.05
RECOVERED = Limits().recovered


def source(folder: Path, files: int, brake: Path) -> Path:
    """Files of which the second half are slow while there is a file ``brake``. The first chunks of
    a task are in the other half: which of them is the first to end is open."""
    folder.mkdir(parents=True)
    for i in range(files):
        braked = f"brake {brake} " if i >= files // 2 else ""
        (folder / f"{i:05}.x").write_text(f"{braked}text number {i} of {files}")
    return folder


@dataclass(frozen=True)
class Contents:
    """What a bucket holds: how many objects and documents, and a digest of all of it."""

    objects: int
    documents: int
    digest: str


@dataclass(frozen=True)
class Kill:
    """One SIGKILL: ``at`` items were indexed; seconds without progress, and to the end."""

    part: str
    at: int
    stalled: float
    to_end: float


@dataclass(frozen=True)
class Restart:
    """What the start after a fault said and what ``status`` says was found; ``right`` when the
    task ended with every object accounted for, and the bucket is as undisturbed."""

    task_id: str
    right: bool
    said: str
    found: Sequence[str]
    seconds: float


@dataclass(frozen=True)
class FaultRun:
    state: str
    same: bool
    kills: Sequence[Kill]
    seconds: float

    @property
    def right(self) -> bool:
        return self.state == "COMPLETED" and self.same


class Harness:
    """Runs on one stack, which it starts. ``pause`` is how long the extractor takes a file (s)."""

    def __init__(
        self,
        folder: Path,
        files: int,
        pause: float,
        seed: int,
        *,
        home: Path | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self.random = random.Random(seed)
        self.files = files
        self.pause = pause
        self._brake = folder / "brake"
        self.source = source(folder / "files", files, self._brake)
        environment = {"MIXPEEK_EXTRACTORS": "toys:Toy", **(extra or {})}
        self.stack = Stack(home or folder / "home", environment)
        #: How long an undisturbed start takes (s).
        self.start_seconds = self.stack.up().seconds
        self._client: Client | None = None
        self._runs = 0
        self.undisturbed = self.contents(self._ingest_whole())

    def close(self) -> None:
        self.stack.down()

    def run(self, rounds: Sequence[Sequence[str]], limit: float = 120.0) -> FaultRun:
        """One ingest with a moment for each of ``rounds``, in which its parts are killed together.
        ``limit`` is how long it may take for each. What goes on without a part may be done before
        the last moment: then there are fewer kills."""
        bucket = self._next()
        begun = time.monotonic()
        task_id = self._start(bucket)
        share = self.files * 0.8 / len(rounds)
        moments = [int(share * (i + self.random.uniform(0.1, 0.9))) for i in range(len(rounds))]
        pending = list(zip(moments, rounds, strict=True))
        progress = [(begun, 0)]
        killed: list[tuple[str, float, int]] = []
        state = ""
        while not state:
            assert time.monotonic() < begun + limit * len(rounds), (
                killed,
                progress[-3:],
                self._tails(),
            )
            ended, indexed, found = self._look(task_id)
            if indexed > progress[-1][1]:
                progress.append((time.monotonic(), indexed))
            if ended:
                progress.append((time.monotonic(), indexed))
                state = found
            elif pending and indexed >= pending[0][0] and (victims := self._victims(pending[0][1])):
                pending.pop(0)
                for part, pid in victims:
                    os.kill(pid, signal.SIGKILL)
                    killed.append((part, time.monotonic(), indexed))
                if victims[0][0] == "up":
                    self.stack.up()
            else:
                time.sleep(POLL)
        end = progress[-1][0]
        kills = [
            Kill(part, at, _stalled(progress, moment), end - moment) for part, moment, at in killed
        ]
        same = self.contents(bucket) == self.undisturbed
        return FaultRun(state, same, kills, end - begun)

    def settle(self, part: str) -> None:
        """Wait until the part has run long enough for its next start to wait for nothing: after
        several ends in short order each start waits longer."""
        began = [psutil.Process(pid).create_time() for _, pid in self._victims([part])]
        time.sleep(max(0.0, *(moment + RECOVERED - time.time() for moment in began), 0.0))

    def restart(self, fault: Callable[[], None]) -> Restart:
        """One ingest, in the middle of which ``fault`` ends the stack, which is started again."""
        bucket, task_id = self.begin()
        try:
            fault()
            ran = self.stack.up()
        finally:
            self.release()
        task = self.end(task_id)
        found: list[str] = self.stack.json("status")["found"]
        same = self.contents(bucket) == self.undisturbed
        accounted = (task.progress.indexed, task.progress.total) == (self.files, self.files)
        right = task.state == "COMPLETED" and accounted and same
        return Restart(task_id, right, ran.out, found, ran.seconds)

    def begin(self) -> tuple[str, str]:
        """Start an ingest; its bucket and its task's id, as soon as something is indexed. Half of
        it takes a second a file until ``release``: a fault that takes its time, as a shell command
        does, meets it at work even so."""
        bucket = self._next()
        self._brake.touch()
        task_id = self._start(bucket)
        ended, indexed, _ = self._look(task_id)
        while not indexed and not ended:
            time.sleep(POLL)
            ended, indexed, _ = self._look(task_id)
        assert not ended, "it is over before anything happens to it"
        return bucket, task_id

    def release(self) -> None:
        """What was begun goes on at its own speed."""
        self._brake.unlink(missing_ok=True)

    def end(self, task_id: str) -> TaskOut:
        self._client = None
        return self._connected().wait(task_id)

    def contents(self, bucket: str) -> Contents:
        client = self._connected()
        digest = hashlib.sha256()
        objects = sorted(client.iterate(client.objects, bucket), key=lambda o: o.name)
        for each in objects:
            digest.update(f"{each.name} {each.size} {each.mime} {each.version}\n".encode())
        rows = asyncio.run(self._documents(f"{bucket}.toy"))
        for row in sorted(rows):
            digest.update(row)
        return Contents(len(objects), len(rows), digest.hexdigest()[:16])

    async def _documents(self, collection: str) -> list[bytes]:
        store = open_vectors(str(Settings(home=self.stack.home).vectors_socket))
        rows: list[bytes] = []
        try:
            for space in await store.spaces():
                cursor: str | None = None
                while True:
                    points, cursor = await store.scroll(
                        space, eq("collection", collection), cursor=cursor, vectors=True
                    )
                    for point in points:
                        name, text = point.payload["object_name"], point.payload["text"]
                        rows.append(f"{name} {text} ".encode() + point.vectors["toy"].tobytes())
                    if cursor is None:
                        break
        finally:
            await store.close()
        return rows

    def _ingest_whole(self) -> str:
        bucket = self._next()
        task = self._connected().wait(self._start(bucket))
        assert task.state == "COMPLETED", (task, self._tails())
        return bucket

    def _next(self) -> str:
        self._runs += 1
        return f"run{self._runs}"

    def _start(self, bucket: str) -> str:
        # Other parameters in each run: under the same ones nothing would be extracted again.
        pause = self.pause + 1e-6 * self._runs
        task = self._connected().ingest(
            self.source,
            bucket=bucket,
            extractors=["toy"],
            parameters={"toy": {"pause": pause}},
        )
        return task.task_id

    def _look(self, task_id: str) -> tuple[bool, int, str]:
        """Whether it has ended, how many are indexed, its state; nothing while nobody answers."""
        try:
            task, _ = self._connected().changes(task_id)
        except WorkbenchError:
            self._client = None
            return False, 0, ""
        return task.ended_at is not None, task.progress.indexed, str(task.state)

    def _connected(self) -> Client:
        if self._client is None:
            self._client = connect(home=self.stack.home)
        return self._client

    def _victims(self, parts: Sequence[str]) -> list[tuple[str, int]]:
        """The processes to kill; none while one of them is not there."""
        found = [(part, pid) for part in parts if (pid := self._victim(part))]
        return found if len(found) == len(parts) else []

    def _victim(self, part: str) -> int | None:
        """The process to kill; None while there is none."""
        if part == "up":
            return self.stack.json("status")["watcher"]
        if part in ("actor", "raylet"):
            wanted = "ray::ExtractorActor" if part == "actor" else "raylet"
            found = [p.pid for p in self._processes() if _name(p).startswith(wanted)]
            return self.random.choice(found) if found else None
        return self.stack.parts().get(part)

    def _processes(self) -> Iterator[psutil.Process]:
        watcher = self.stack.json("status", status=None)["watcher"]
        if watcher is not None:
            yield from psutil.Process(watcher).children(recursive=True)

    def _tails(self) -> str:
        return self.stack.log_tails()


def _name(process: psutil.Process) -> str:
    try:
        command = (process.cmdline() or [""])[0]
    except psutil.Error:
        return ""
    return command if command.startswith("ray::") else Path(command).name


def _stalled(progress: Sequence[tuple[float, int]], since: float) -> float:
    """The longest time from ``since`` on in which nothing more was indexed."""
    moments = [since, *(moment for moment, _ in progress if moment > since)]
    return max(b - a for a, b in itertools.pairwise(moments))
