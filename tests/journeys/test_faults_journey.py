"""Parts are killed in the middle of an ingest; it ends by itself and nothing is lost or doubled."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from stack_journey import Stack

pytestmark = [pytest.mark.journey, pytest.mark.timeout(420)]

FILES = 600


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("faults") / "home", {"MIXPEEK_EXTRACTORS": "toys:Toy"})
    stack.up()
    yield stack
    stack.down()


def source(folder: Path) -> Path:
    folder.mkdir()
    for i in range(FILES):
        (folder / f"{i:04}.x").write_text(f"{folder.name} text number {i}")
    return folder


def start(stack: Stack, folder: Path) -> str:
    """An ingest that has indexed something and has most of its work before it."""
    slow = ("--extractors", "toy", "--set", "toy.pause=0.02")
    task_id = stack.json("ingest", str(folder), *slow, "--detach")["task_id"]
    task = stack.wait_for(task_id, lambda t: t["progress"]["indexed"] > 20)
    assert task["progress"]["indexed"] < FILES - 100, "the fault would come too late"
    return task_id


def check(stack: Stack, task_id: str, bucket: str) -> None:
    task = stack.wait_for(task_id, lambda t: t["ended_at"], limit=180)
    assert task["state"] == "COMPLETED", (task, stack.log_tails())
    assert task["progress"]["indexed"] == task["progress"]["total"] == FILES
    assert task["progress"]["documents"] == FILES
    (row,) = stack.json(
        "sql",
        "SELECT count(*) AS n, count(DISTINCT object_id) AS objects,"
        " count(DISTINCT document_id) AS documents, count(DISTINCT text) AS texts"
        f" FROM documents WHERE collection = '{bucket}.toy'",
    )
    assert row == {"n": FILES, "objects": FILES, "documents": FILES, "texts": FILES}
    found = stack.json("search", f"{bucket} text number 599", "--mode", "text", "--top", "1")
    assert found["hits"][0]["object_name"] == "0599.x"


@pytest.mark.parametrize("part", ["worker", "service", "vectors", "temporal"])
def test_a_killed_part_comes_back_and_the_ingest_ends(stack: Stack, tmp_path: Path, part: str):
    folder = source(tmp_path / f"kill-{part}")
    before = stack.parts()
    task_id = start(stack, folder)
    os.kill(before[part], signal.SIGKILL)
    check(stack, task_id, folder.name)
    assert stack.parts()[part] != before[part]


def test_a_killed_stack_is_started_again_and_the_ingest_ends(stack: Stack, tmp_path: Path):
    folder = source(tmp_path / "kill-up")
    task_id = start(stack, folder)
    children = stack.parts()
    watcher = stack.json("status")["watcher"]
    os.kill(watcher, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while any(_alive(pid) for pid in children.values()):
        assert time.monotonic() < deadline, "children outlive the watcher"
        time.sleep(0.05)
    stack.up()
    check(stack, task_id, folder.name)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
