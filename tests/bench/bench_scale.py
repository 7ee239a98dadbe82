"""How a task behaves with very many items: listed, planned and driven through the real workflow by
an extractor that does nothing.

    python tests/bench/bench_scale.py [--items 1000000] [--minutes 20] [--flat 200000]

Store, blobs, vectors' owner, Temporal, workflow, relay and control activities are the product's, in
one process; only Ray is left out, since what is measured is everything around it. Prints the rate
at the start and at the end (the first and last tenth of the items), the length of the workflow's
histories, and the memory of each process over time. A run that takes longer than ``--minutes`` is
canceled, and its figures are those of what was done by then. With ``--flat``: one folder of so many
files; the time to the task's id, to the first item, and from cancel to the end while it lists.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "tasks")]

from temporal_workshop import TemporalWorkshop  # noqa: E402
from temporalio.client import Client  # noqa: E402
from toys import Toy  # noqa: E402
from workshop_help import NS  # noqa: E402

from workbench.domain.states import Request  # noqa: E402
from workbench.domain.wire import TaskOut  # noqa: E402
from workbench.extraction.contract import Extracted, Source  # noqa: E402

IN_A_FOLDER = 1000


class NoOp(Toy):
    """Answers for every object with nothing, but for the last one: a task without any document
    fails, and rightly."""

    def extract(self, sources: Sequence[Source]) -> Iterator[Extracted]:
        for index, source in enumerate(sources):
            if source.name.startswith("zz"):
                yield from super().extract([source])
            else:
                yield Extracted(index, ())


@dataclass(frozen=True)
class Sample:
    seconds: float
    done: int
    memory: dict[str, int]


def nested(folder: Path, items: int) -> None:
    """Files in folders of a thousand; those of one folder are links to one file."""
    for start in range(0, items - 1, IN_A_FOLDER):
        inner = folder / f"{start // IN_A_FOLDER:05}"
        inner.mkdir(parents=True)
        first = inner / "00000.x"
        first.write_text(f"folder {start}")
        for i in range(1, min(IN_A_FOLDER, items - 1 - start)):
            os.link(first, inner / f"{i:05}.x")
    (folder / "zz.x").write_text("the only document")


def flat(folder: Path, items: int) -> None:
    folder.mkdir(parents=True)
    for start in range(0, items, IN_A_FOLDER):
        first = folder / f"{start:07}.x"
        first.write_text(f"part {start}")
        for i in range(start + 1, min(start + IN_A_FOLDER, items)):
            os.link(first, folder / f"{i:07}.x")


async def drive(root: Path, items: int, minutes: float) -> None:
    scale = TemporalWorkshop(root, kind=NoOp)
    nested(scale.shop.files / "many", items)
    client = await scale.server.start()
    async with scale.running(client):
        begun = time.monotonic()
        task_id = scale.shop.accept("many").task_id
        samples = [Sample(0.0, 0, _memory(scale))]
        while (task := scale.task(task_id)).ended_at is None:
            done = task.progress.indexed + task.progress.skipped
            if done >= samples[-1].done + items / 20:
                samples.append(Sample(time.monotonic() - begun, done, _memory(scale)))
            if time.monotonic() - begun > 60 * minutes and task.requested is None:
                print(f"{minutes:g} minutes are over: canceled")
                scale.shop.acceptance.ask(NS, task_id, Request.CANCEL)
            await asyncio.sleep(0.2)
        samples.append(Sample(time.monotonic() - begun, task.progress.indexed, _memory(scale)))
        print(f"{task.state}: {task.progress}")
        _print(samples)
        cpu = ", ".join(f"{n} {sum(p.cpu_times()[:2]):.1f}" for n, p in _processes(scale).items())
        print(f"CPU seconds: {cpu}")
        await _histories(client, task_id)
    await scale.close()


async def listing(root: Path, items: int) -> None:
    scale = TemporalWorkshop(root, kind=NoOp)
    flat(scale.shop.files / "flat", items)
    client = await scale.server.start()
    async with scale.running(client):
        begun = time.monotonic()
        task_id = scale.shop.accept("flat").task_id
        print(f"one folder of {items:,} files: id after {1000 * (time.monotonic() - begun):.0f} ms")
        task = await scale.until(
            task_id, lambda t: t.progress.indexed > 0 or t.ended_at is not None
        )
        print(f"first items after {time.monotonic() - begun:.1f} s, {task.objects.listed:,} listed")
        asked = time.monotonic()
        scale.shop.acceptance.ask(NS, task_id, Request.CANCEL)
        task = await scale.ended(task_id)
        print(
            f"{task.state} {time.monotonic() - asked:.1f} s after cancel,"
            f" {task.objects.listed:,} listed by then"
        )
    await scale.close()


def _begun(task: TaskOut) -> bool:
    return task.progress.indexed > 0 or task.ended_at is not None


def _processes(scale: TemporalWorkshop) -> dict[str, psutil.Process]:
    vectors = scale.shop.owner.process.pid
    pids = {"service": os.getpid(), "temporal": scale.server.pid, "vectors": vectors}
    return {name: psutil.Process(pid) for name, pid in pids.items()}


def _memory(scale: TemporalWorkshop) -> dict[str, int]:
    """Resident megabytes."""
    return {name: each.memory_info().rss >> 20 for name, each in _processes(scale).items()}


def _print(samples: Sequence[Sample]) -> None:
    print(f"{'seconds':>8} {'items':>10} {'items/s':>8}   memory (MB)")
    for before, now in itertools.pairwise(samples):
        rate = (now.done - before.done) / max(now.seconds - before.seconds, 1e-9)
        memory = ", ".join(f"{name} {size}" for name, size in now.memory.items())
        print(f"{now.seconds:8.1f} {now.done:10,} {rate:8.0f}   {memory}")


async def _histories(client: Client, task_id: str) -> None:
    lengths: list[int] = []
    async for run in client.list_workflows(f"WorkflowId = '{task_id}'"):
        handle = client.get_workflow_handle(task_id, run_id=run.run_id)
        lengths.append((await handle.describe()).history_length)
    print(f"{len(lengths)} runs of the workflow, at most {max(lengths)} events in one")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--flat", type=int, default=200_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.flat:
            asyncio.run(listing(Path(folder) / "flat", arguments.flat))
        if arguments.items:
            asyncio.run(drive(Path(folder) / "many", arguments.items, arguments.minutes))


if __name__ == "__main__":
    main()
