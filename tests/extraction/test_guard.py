"""Limits that hold whatever a decoder does: time by a watch without Python's lock, memory by the
kernel, and what the object's failure then says."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from chunk_help import NAMESPACE, make_chunk
from toys import Toy, ToyParameters

from workbench.blobs.folder import FolderBlobs
from workbench.domain.states import Category
from workbench.extraction.careful import run_chunk
from workbench.extraction.chunks import read_outcome
from workbench.extraction.contract import Bounded, Resources
from workbench.extraction.guard import GRACE, time_of
from workbench.extraction.jobs import Job, Recipe, WorkerDied
from workbench.extraction.worker import StopFlag, extract_chunk, summarize


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )


def test_a_process_that_never_comes_back_is_ended_while_it_holds_the_lock() -> None:
    begun = time.monotonic()
    done = python(
        "import ctypes\n"
        "from workbench.extraction.guard import Watch\n"
        "with Watch(0.5)():\n"
        "    ctypes.PyDLL(None).sleep(50)\n"
        "print('came back')\n"
    )
    assert time.monotonic() - begun < 30
    assert (done.returncode, done.stdout) == (1, "")


def test_each_answer_begins_the_time_anew_and_the_end_stops_it() -> None:
    done = python(
        "import time\n"
        "from workbench.extraction.guard import Watch\n"
        "watch = Watch(1.0)\n"
        "with watch():\n"
        "    for _ in range(4):\n"
        "        time.sleep(0.4)\n"
        "        watch.answered()\n"
        "time.sleep(1.2)\n"
        "print('came back')\n"
    )
    assert (done.returncode, done.stdout) == (0, "came back\n")


def test_memory_beyond_the_limit_is_refused() -> None:
    done = python(
        "from workbench.extraction.contract import Bounded\n"
        "from workbench.extraction.guard import bound_memory\n"
        "bound_memory(Bounded(max_memory=300 * 1024**2))\n"
        "held = bytearray(200 * 1024**2)\n"
        "try:\n"
        "    more = bytearray(400 * 1024**2)\n"
        "except MemoryError:\n"
        "    print('refused')\n"
    )
    assert done.stdout == "refused\n", done.stderr


class Dying:
    """A pool whose worker dies after so many seconds, of one reason."""

    def __init__(self, seconds: float, reason: str) -> None:
        self.seconds = seconds
        self.reason = reason
        self.jobs: list[Job] = []

    async def run(self, job: Job) -> Any:
        self.jobs.append(job)
        raise WorkerDied(self.reason, self.seconds)


@pytest.mark.parametrize(
    ("seconds", "tries", "category", "told"),
    [
        (5.0 + GRACE, 1, Category.LIMITS, "not done after 15 seconds"),
        (1.0, 2, Category.INTERNAL, "died on this object: End of file."),
    ],
)
async def test_the_failure_says_whether_time_was_over(
    tmp_path: Path, seconds: float, tries: int, category: Category, told: str
) -> None:
    blobs = FolderBlobs(tmp_path / "blobs")
    make_chunk(blobs, tmp_path / "files", {"a": "one", "b": "two"})
    pool: Any = Dying(seconds, "End of file. Some common causes include: (1) memory usage")
    values = Bounded(max_seconds=5).model_dump()
    recipe = Recipe("d1", "toys:Toy", values, Resources())
    await run_chunk(pool, blobs, recipe, NAMESPACE, "chk_1")
    whole = [job for job in pool.jobs if job.only is None]
    assert len(whole) == tries
    outcome = read_outcome(blobs, NAMESPACE, "chk_1")
    assert outcome is not None
    assert [failure.category for failure in outcome.failures] == [category] * 2
    assert told in outcome.failures[0].message
    assert "common causes" not in outcome.failures[0].message


class DyingOnce:
    """A pool that extracts here; the worker of the second object dies."""

    def __init__(self, blobs: FolderBlobs) -> None:
        self.blobs = blobs

    async def run(self, job: Job) -> Any:
        if job.only is None or 1 in job.only:
            raise WorkerDied("End of file.", 1.0)
        toy = Toy(ToyParameters())
        toy.load()
        chunk = (NAMESPACE, job.chunk_id, StopFlag(), "here/1", job.only, job.part)
        return summarize(extract_chunk(toy, self.blobs, *chunk))


async def test_a_worker_that_died_is_not_called_by_the_name_of_another(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path / "blobs")
    make_chunk(blobs, tmp_path / "files", {"a": "one", "b": "two", "c": "three"})
    pool: Any = DyingOnce(blobs)
    summary = await run_chunk(
        pool, blobs, Recipe("d1", "toys:Toy", {}, Resources()), NAMESPACE, "chk_1"
    )
    assert (summary.documents, summary.failed, summary.worker) == (2, 1, "")


def test_what_has_no_limit_is_not_watched() -> None:
    assert time_of({}) is None
    assert time_of({"max_seconds": 2}) == 2 + GRACE
