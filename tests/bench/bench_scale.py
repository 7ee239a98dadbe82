"""How a task behaves with very many items: listed, planned and driven through the whole stack by an
extractor that does nothing.

    python tests/bench/bench_scale.py [--items 1000000] [--minutes 20] [--flat 200000]

The stack is the one that ``mixpeek up`` starts, with every process it has. Each file has a content
of its own. Prints the rate over time (of the first and the last tenth, too), the length of the
workflow's histories, and the memory of each process over time. A run that takes longer than
``--minutes`` is canceled, and its figures are those of what was done by then. With ``--flat``: one
folder of so many files; the time to the task's id, to the first item, and from cancel to the end
while it lists.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

BENCH = Path(__file__).parent
sys.path[:0] = [str(BENCH), str(BENCH.parent / "journeys"), str(BENCH.parent)]

import temporalio.client  # noqa: E402
from noop import GIVES_ONE  # noqa: E402
from stack_journey import Stack  # noqa: E402
from stack_processes import Processes  # noqa: E402

from workbench.client.client import Client, connect  # noqa: E402
from workbench.domain.wire import TaskOut  # noqa: E402

IN_A_FOLDER = 1000
#: Seconds between two lines.
EVERY = 30.0
SETTLE = 0.2


@dataclass(frozen=True)
class Sample:
    seconds: float
    listed: int
    done: int
    memory: Mapping[str, int]


def write(folder: Path, items: int, in_a_folder: int) -> None:
    """``items`` files, no two of the same content, in folders of so many."""
    for i in range(items - 1):
        if i % in_a_folder == 0:
            inner = folder / f"{i // in_a_folder:05}"
            inner.mkdir(parents=True)
            print(f"\r{i:,} files written", end="", file=sys.stderr, flush=True)
        (inner / f"{i:07}.txt").write_text(f"{folder.name}, text {i}")
    (inner / GIVES_ONE).write_text(f"the only document of {folder.name}")
    print(f"\r{items:,} files written", file=sys.stderr, flush=True)


def drive(stack: Stack, client: Client, folder: Path, items: int, minutes: float) -> None:
    with Processes(stack) as processes:
        begun = time.time()
        task_id = client.ingest(folder, bucket="many", extractors=["noop"]).task_id
        print(f"id of {items:,} files after {1000 * (time.time() - begun):.0f} ms")
        samples = [Sample(0.0, 0, 0, {})]
        while (task := client.task(task_id)).ended_at is None:
            passed = time.time() - begun
            if passed >= samples[-1].seconds + EVERY:
                samples.append(_sample(task, passed, processes))
                _tell(samples[-2], samples[-1])
            if passed > 60 * minutes and task.requested is None:
                print(f"{minutes:g} minutes are over: canceled")
                client.cancel(task_id)
            time.sleep(SETTLE)
        ended = time.time()
        samples.append(_sample(task, ended - begun, processes))
        _tell(samples[-2], samples[-1])
        print(f"{task.state} after {ended - begun:.0f} s: {task.progress}; {task.objects}")
        _ends(samples)
        for label, cpu in sorted(processes.spent(begun, ended).items(), key=lambda i: -i[1]):
            peak = processes.peaks[label] >> 20
            print(f"{label}: {cpu:.0f} CPU seconds, at most {peak} MiB")
    asyncio.run(_histories(stack, task_id))
    for path in sorted(stack.home.rglob("*")):
        if path.is_file() and path.stat().st_size > 20 << 20:
            print(f"{path.relative_to(stack.home)}: {path.stat().st_size >> 20} MiB")


def listing(client: Client, folder: Path, items: int) -> None:
    begun = time.monotonic()
    task_id = client.ingest(folder, bucket="flat", extractors=["noop"]).task_id
    print(f"one folder of {items:,} files: id after {1000 * (time.monotonic() - begun):.0f} ms")
    while not ((task := client.task(task_id)).progress.indexed > 0 or task.ended_at is not None):
        time.sleep(0.02)
    print(f"first items after {time.monotonic() - begun:.1f} s, {task.objects.listed:,} listed")
    asked = time.monotonic()
    client.cancel(task_id)
    while (task := client.task(task_id)).ended_at is None:
        time.sleep(0.02)
    print(
        f"{task.state} {time.monotonic() - asked:.1f} s after cancel,"
        f" {task.objects.listed:,} listed by then"
    )


def _sample(task: TaskOut, seconds: float, processes: Processes) -> Sample:
    done = task.progress.indexed + task.progress.skipped
    return Sample(seconds, task.objects.listed, done, dict(processes.resident()))


def _tell(before: Sample, now: Sample) -> None:
    memory = ", ".join(f"{name} {size >> 20}" for name, size in now.memory.items())
    print(
        f"{now.seconds:7.1f} s, {now.listed:9,} listed, {now.done:9,} done,"
        f" {_rate(before, now):6.0f} items/s; MiB: {memory}",
        flush=True,
    )


def _rate(before: Sample, now: Sample) -> float:
    return (now.done - before.done) / max(now.seconds - before.seconds, 1e-9)


def _ends(samples: Sequence[Sample]) -> None:
    """The rates of the first and of the last tenth of what was done."""
    tenth = samples[-1].done / 10
    first = next(s for s in samples if s.done >= tenth)
    last = next(s for s in reversed(samples) if s.done <= 9 * tenth)
    print(
        f"the first tenth {_rate(samples[0], first):.0f} items/s,"
        f" the last {_rate(last, samples[-1]):.0f} items/s"
    )


async def _histories(stack: Stack, task_id: str) -> None:
    parts = stack.json("status", status=None)["parts"]
    address = next(part["address"] for part in parts if part["part"] == "temporal")
    client = await temporalio.client.Client.connect(address)
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
    with tempfile.TemporaryDirectory() as place:
        many, flat = Path(place) / "many", Path(place) / "flat"
        warm = Path(place) / "warm"
        write(warm, 100, IN_A_FOLDER)
        extra = {
            "MIXPEEK_EXTRACTORS": "noop:NoOp",
            "PYTHONPATH": os.pathsep.join([str(BENCH), str(BENCH.parent)]),
        }
        stack = Stack(Path(place) / "home", extra)
        stack.up()
        try:
            stack.json("ingest", str(warm), "--bucket", "warm", "--extractors", "noop")
            client = connect(home=stack.home)
            if arguments.flat:
                write(flat, arguments.flat, arguments.flat)
                listing(client, flat, arguments.flat)
            if arguments.items:
                write(many, arguments.items, IN_A_FOLDER)
                drive(stack, client, many, arguments.items, arguments.minutes)
        finally:
            stack.down()


if __name__ == "__main__":
    main()
