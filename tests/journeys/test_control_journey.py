"""A person steers a task: pause, resume, cancel and retry, also while an object takes a minute and
does not listen; items that fail for the network are tried again by the task itself."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from stack_journey import Stack

from workbench.client import connect
from workbench.domain.wire import TaskOut

pytestmark = [pytest.mark.journey, pytest.mark.timeout(420)]

FILES = 60


def source(folder: Path, **files: str) -> Path:
    folder.mkdir()
    for i in range(FILES):
        (folder / f"{i:04}.x").write_text(f"{folder.name} text number {i}")
    for name, text in files.items():
        (folder / f"{name}.x").write_text(text)
    return folder


def start(stack: Stack, folder: Path, *options: str) -> str:
    words = ("--extractors", "toy", *options, "--detach")
    return stack.json("ingest", str(folder), *words)["task_id"]


def at_work(stack: Stack, task_id: str) -> None:
    """Until something is indexed: the long call has come to its turn, or soon does."""
    stack.wait_for(task_id, lambda t: t["progress"]["indexed"] > 0, limit=240)


def within(stack: Stack, verb: str, task_id: str, state: str, seconds: float) -> TaskOut:
    """The task when it is in this state. A client is asked: two shell commands would take longer
    than what is measured."""
    with connect(home=stack.home) as client:
        begun = time.monotonic()
        task = getattr(client, verb)(task_id)
        while task.state != state or task.requested:
            assert time.monotonic() - begun < seconds, (verb, task)
            time.sleep(0.05)
            task = client.task(task_id)
    took = time.monotonic() - begun
    print(f"{verb}: {state} after {took:.2f} s")
    assert took < seconds, (verb, task)
    return task


def refused(stack: Stack, verb: str, task_id: str) -> str:
    ran = stack.run(verb, task_id, "--json")
    assert ran.status == 4, ran
    return ran.err


#: Three seconds for an object that does not listen, and one here, more on a slower machine.
ACTS = 8.0


def test_a_task_with_a_deaf_call_pauses_survives_a_restart_and_goes_on(
    shared_stack: Stack, tmp_path: Path
):
    stack = shared_stack
    folder = source(tmp_path / "steered", zz="sleep 60")
    task_id = start(stack, folder)
    at_work(stack, task_id)
    time.sleep(1)
    task = within(stack, "pause", task_id, "PAUSED", ACTS)
    assert task.progress.pending >= 1
    assert "paused already" in refused(stack, "pause", task_id)
    stack.down()
    stack.up()
    progress = task.progress.model_dump(mode="json")
    assert stack.json("tasks", task_id)["progress"] == progress, "work went on"
    (folder / "zz.x").write_text("quick now")
    within(stack, "resume", task_id, "COMPLETED", 60)
    assert "has ended" in refused(stack, "pause", task_id)
    assert "has ended" in refused(stack, "resume", task_id)


def test_a_deaf_call_and_a_paused_task_are_canceled(shared_stack: Stack, tmp_path: Path):
    stack = shared_stack
    task_id = start(stack, source(tmp_path / "given-up", zz="sleep 60"))
    at_work(stack, task_id)
    time.sleep(1)
    task = within(stack, "cancel", task_id, "CANCELED", ACTS)
    assert task.progress.canceled >= 1
    # So slow that each task is far from its end while the shell starts.
    slowly = ("--set", "toy.pause=1")
    held = start(stack, source(tmp_path / "held"), *slowly)
    stack.wait_for(held, lambda t: t["objects"]["listed"] == FILES)
    within(stack, "pause", held, "PAUSED", ACTS)
    within(stack, "cancel", held, "CANCELED", ACTS)
    again = start(stack, tmp_path / "held", *slowly)
    assert "not paused" in refused(stack, "resume", again)
    within(stack, "cancel", again, "CANCELED", ACTS)


def test_the_task_tries_again_itself_and_a_chosen_retry_the_rest(
    shared_stack: Stack, tmp_path: Path
):
    stack = shared_stack
    folder = source(
        tmp_path / "shaky",
        often=f"flaky 2 {tmp_path}/often",
        ever=f"flaky 99 {tmp_path}/ever",
        broken="fail format no good",
    )
    words = ("--extractors", "toy", "--retry", "attempts=4,backoff=0.2", "--bucket", "flaky")
    task = stack.json("ingest", str(folder), *words, status=1)
    assert task["state"] == "COMPLETED_WITH_ERRORS", task
    rows = stack.json("failures", task["task_id"])
    found = {row["object_name"]: row for row in rows}
    assert {name: row["attempts"] for name, row in found.items()} == {"ever.x": 4, "broken.x": 1}
    assert (tmp_path / "often").read_text() == "3"
    assert all(row["worker"] and row["digest"] for row in rows)
    (shown,) = (c for c in stack.json("collections") if c["name"] == "flaky.toy")
    assert (shown["retry"]["attempts"], shown["retry"]["backoff"]) == (4, 0.2)
    sql = "SELECT worker, digest, attempts FROM failures WHERE object_name = 'ever.x'"
    (row,) = stack.json("sql", sql)
    assert row["attempts"] == 4
    assert row["digest"] == shown["digest"]
    (tmp_path / "ever").write_text("99")
    again = stack.json("retry", task["task_id"], "--retryable")
    assert (again["state"], again["progress"]["total"]) == ("COMPLETED", 1)
    chosen = stack.json("retry", task["task_id"], "--filter", "category = format", status=1)
    assert (chosen["state"], chosen["progress"]["failed"]) == ("FAILED", 1)
    assert stack.run("retry", task["task_id"], "--object", "none.x").status == 4
