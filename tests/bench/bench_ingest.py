"""Ingest rate of the whole stack against two threads that do the bare work.

    python tests/bench/bench_ingest.py [--files 10000] [--pairs 5] [--extractor blockmeans|image]
                                       [--threads 2]

Generated JPEGs of 640x480. The stack runs with everything on (hashes, ledger, segments, vector
index, telemetry); the baseline is a pool of two threads which call the same extractor functions and
SHA-256 on the same files. With other ``--threads`` both have so many: with one less than there are
cores, what is beside the extractors has a core of its own. Both alternate; each pair gives a ratio.
Two figures: the fixed cost (command to first item indexed, last item indexed to exit), and the
steady rate between 10 % and 90 % of the items, as the service tells it. Prints the peak memory of
each process of the stack.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

BENCH = Path(__file__).parent
sys.path[:0] = [str(BENCH), str(BENCH.parent / "journeys"), str(BENCH.parent)]

from stack_journey import Stack  # noqa: E402
from stack_processes import Processes  # noqa: E402


@dataclass(frozen=True)
class Measured:
    first: float  # command start to first item indexed, seconds
    last: float  # last item indexed to exit
    rate: float  # items per second between 10 % and 90 %
    wall: float
    steady: tuple[float, float]  # when 10 % and 90 % were indexed


def generate(folder: Path, count: int) -> list[Path]:
    """Smooth noise: decodes like a photograph, and no two files are equal."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{i // 1000:02}" / f"{i:05}.jpg" for i in range(count)]
    random = np.random.default_rng(7)
    tiles = [
        np.asarray(
            Image.fromarray(random.integers(0, 256, (30, 40, 3), np.uint8)).resize((640, 480))
        )
        for _ in range(64)
    ]
    for i, path in enumerate(paths):
        if path.exists():
            continue
        path.parent.mkdir(exist_ok=True)
        picture = np.roll(tiles[i % 64], (i * 7 % 480, i * 11 % 640), (0, 1)).copy()
        picture[:16, :16] = np.frombuffer(hashlib.sha256(str(i).encode()).digest()[:3], np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=88)
        path.write_bytes(buffer.getvalue())
    return paths


def renew(paths: Sequence[Path]) -> None:
    """Other bytes, the same pictures: what was extracted before is not extracted again, and there
    would be nothing to measure. A decoder does not look at what follows the picture."""
    stamp = os.urandom(8)
    for path in paths:
        data = path.read_bytes()
        end = data.rindex(b"\xff\xd9") + 2
        path.write_bytes(data[:end] + stamp)


def blockmeans_work() -> Callable[[Sequence[Path]], None]:
    from blockmeans import block_means

    def work(paths: Sequence[Path]) -> None:
        for path in paths:
            data = path.read_bytes()
            hashlib.sha256(data).digest()
            block_means(data)

    return work


def image_work() -> Callable[[Sequence[Path]], None]:
    from extractors.image import ImageExtractor
    from workbench.extraction.taking import ReadSource

    local = threading.local()

    def work(paths: Sequence[Path]) -> None:
        if not hasattr(local, "extractor"):
            local.extractor = ImageExtractor()
            local.extractor.load()
        sources = []
        for path in paths:
            data = path.read_bytes()
            sha256 = hashlib.sha256(data).hexdigest()
            sources.append(ReadSource(path.name, path.name, "image/jpeg", sha256, len(data), data))
        for answer in local.extractor.extract(sources):
            assert answer.failure is None, answer

    return work


def baseline(
    paths: Sequence[Path], work: Callable[[Sequence[Path]], None], threads: int
) -> tuple[float, float]:
    """Files per second of so many threads, and their CPU seconds for 10,000 files."""
    pieces = [paths[i : i + 32] for i in range(0, len(paths), 32)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, pieces[:threads]))  # models are open, as they are in the stack
        begun, spent = time.perf_counter(), time.process_time()
        list(pool.map(work, pieces))
        took, cpu = time.perf_counter() - begun, time.process_time() - spent
        return len(paths) / took, cpu / len(paths) * 10_000


def ingest(stack: Stack, folder: Path, bucket: str, extractor: str, count: int) -> Measured:
    command = ["ingest", str(folder), "--bucket", bucket, "--extractors", extractor, "--json"]
    begun = time.time()
    done = subprocess.run(
        [sys.executable, "-P", "-m", "workbench", *command],
        env=stack.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    ended = time.time()
    task = json.loads(done.stdout)
    assert task["state"] == "COMPLETED", task
    assert task["progress"]["indexed"] == count, task
    series = indexed(stack, task["task_id"])
    assert series[-1][1] == count, series
    low, high = _when(series, begun, 0.1 * count), _when(series, begun, 0.9 * count)
    return Measured(
        first=series[0][0] - begun,
        last=ended - series[-1][0],
        rate=0.8 * count / (high - low),
        wall=ended - begun,
        steady=(low, high),
    )


def indexed(stack: Stack, task_id: str) -> list[tuple[float, int]]:
    """When each chunk was indexed (Unix seconds) and how many items were until then, from the
    telemetry: whoever asked meanwhile would be part of what is measured."""
    found = stack.json(
        "sql",
        "SELECT epoch(started_at) + seconds AS at, sum(rows) OVER (ORDER BY started_at + to_seconds"
        f"(seconds)) AS items FROM stages WHERE stage = 'index' AND task_id = '{task_id}'"
        " ORDER BY at",
    )
    return [(float(row["at"]), int(row["items"])) for row in found]


def _when(series: Sequence[tuple[float, int]], begun: float, count: float) -> float:
    """The time at which ``count`` items were indexed, between the two chunks around it."""
    before = (begun, 0)
    for at, n in series:
        if n >= count:
            return before[0] + (at - before[0]) * (count - before[1]) / (n - before[1])
        before = (at, n)
    raise AssertionError("the series does not reach the count")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--extractor", default="blockmeans", choices=["blockmeans", "image"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--media", type=Path, default=Path(tempfile.gettempdir()) / "mixpeek-bench")
    options = parser.parse_args()
    paths = generate(options.media / f"jpeg-{options.files}", options.files)
    work = blockmeans_work() if options.extractor == "blockmeans" else image_work()
    home = Path(tempfile.mkdtemp(prefix="mxbench")) / "home"
    extra = {
        "MIXPEEK_EXTRACTORS": "blockmeans:BlockMeans",
        "PYTHONPATH": os.pathsep.join([str(BENCH), str(BENCH.parent)]),
        "MIXPEEK_SLOTS": str(options.threads),
        # Ray runs its workers at lower priority than the rest; the threads beside them are not.
        "RAY_worker_niceness": "0",
    }
    stack = Stack(home, extra)
    stack.up()
    try:
        run(stack, paths, options, work)
    finally:
        stack.down()


def run(
    stack: Stack,
    paths: Sequence[Path],
    options: argparse.Namespace,
    work: Callable[[Sequence[Path]], None],
) -> None:
    folder = paths[0].parents[1]
    warm = folder / "00"
    stack.json("ingest", str(warm), "--bucket", "warm", "--extractors", options.extractor)
    stack.json("delete", "bucket", "warm", "--yes")
    ratios: list[float] = []
    fixed: list[float] = []
    costs: dict[str, list[float]] = {}
    print(f"{options.extractor}: {len(paths)} files, {options.pairs} pairs, {os.cpu_count()} cores")
    with Processes(stack) as processes:
        for pair in range(options.pairs):
            renew(paths)
            bare, cpu = baseline(paths, work, options.threads)
            costs.setdefault("the bare threads", []).append(cpu)
            found = ingest(stack, folder, f"bench{pair}", options.extractor, len(paths))
            spent = processes.spent(*found.steady)
            stack.json("delete", "bucket", f"bench{pair}", "--yes")
            ratios.append(found.rate / bare)
            fixed.append(found.first + found.last)
            print(
                f"pair {pair}: baseline {bare:.0f}/s, stack {found.rate:.0f}/s,"
                f" ratio {ratios[-1]:.3f}; first {found.first:.2f} s + last {found.last:.2f} s;"
                f" wall {found.wall:.1f} s",
                flush=True,
            )
            for label, cpu in sorted(spent.items(), key=lambda item: -item[1]):
                costs.setdefault(label, []).append(cpu / len(paths) / 0.8 * 10_000)
    print(
        f"ratio median {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f});"
        f" fixed cost median {statistics.median(fixed):.2f} s"
        f" ({min(fixed):.2f} to {max(fixed):.2f})"
    )
    print("CPU seconds for 10,000 files at the steady rate, median:")
    for label, cpus in sorted(costs.items(), key=lambda item: -statistics.median(item[1])):
        print(f"cpu {statistics.median(cpus):7.2f} s    {label}")
    for label, size in sorted(processes.peaks.items(), key=lambda pair: -pair[1]):
        print(f"peak {size / 2**20:7.0f} MiB  {label}")
    stages = stack.json(
        "sql",
        "SELECT stage, round(sum(seconds), 1) AS seconds, sum(rows) AS rows FROM stages"
        " GROUP BY stage ORDER BY seconds DESC",
    )
    print(json.dumps(stages))


if __name__ == "__main__":
    main()
