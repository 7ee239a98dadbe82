"""People attach to a running task from anywhere: all see the same states, also across a killed
service; an interrupt stops the waiting only; and the counts of the end add up, here and in SQL."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from stack_journey import Stack

from workbench.client import connect
from workbench.client.following import ProgressEvent, StateEvent

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]

FILES = 60


def waiting(stack: Stack, task_id: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "workbench", "wait", task_id, "--json"],
        env=stack.environment(),
        # whoever started the tests in the background ignores it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def has_begun(task: Any) -> bool:
    return task["progress"]["indexed"] > 0


def is_listed(task: Any) -> bool:
    return task["state"] == "IN_PROGRESS" and task["objects"]["listed"] == FILES + 2


def is_paused(task: Any) -> bool:
    return task["state"] == "PAUSED"


def test_everyone_who_follows_a_task_sees_the_same(shared_stack: Stack, tmp_path: Path):
    stack = shared_stack
    folder = tmp_path / "followed"
    folder.mkdir()
    # Each takes a second until the service has been killed, however long the shell takes to get
    # there; what is left then is quick.
    brake = tmp_path / "brake"
    brake.touch()
    for i in range(FILES):
        (folder / f"{i:04}.x").write_text(f"brake {brake} followed text {i}")
    (folder / "bad.x").write_text("fail format it is cut off")
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    service = stack.parts()["service"]
    words = ("--extractors", "toy", "--detach")
    task_id = stack.json("ingest", str(folder), *words)["task_id"]

    heard: list[Any] = []
    with connect(home=stack.home, notify=lambda note: None) as client:
        following = threading.Thread(
            target=lambda: heard.extend(client.events(task_id, outage=120)), daemon=True
        )
        following.start()
        # Not until something is indexed: that may be half of everything, and on a busy machine the
        # other half ends while the shell starts.
        stack.wait_for(task_id, is_listed, limit=240)
        stack.json("pause", task_id)
        stopped, attached = waiting(stack, task_id), waiting(stack, task_id)
        assert stopped.stderr is not None
        stopped.stderr.readline()  # its view has begun
        stopped.send_signal(signal.SIGINT)
        out, err = stopped.communicate(timeout=60)
        assert (stopped.returncode, json.loads(out)["task_id"]) == (130, task_id), err
        paused = stack.wait_for(task_id, is_paused, limit=60)
        assert paused["progress"]["pending"] > 0
        stack.json("resume", task_id)
        os.kill(service, signal.SIGKILL)
        brake.unlink()
        following.join(240)
        assert not following.is_alive()
    out, err = attached.communicate(timeout=120)
    assert attached.returncode == 1, (out, err)
    ended = json.loads(out)

    told = [str(event.state.state) for event in heard if isinstance(event, StateEvent)]
    states = [state for state, _ in groupby(told)]  # that a pause is asked for is told too
    going_on = ["PENDING", "IN_PROGRESS", "PAUSED", "IN_PROGRESS"]
    assert states == [*going_on, "COMPLETED_WITH_ERRORS"]
    last = heard[-1]
    assert isinstance(last, ProgressEvent)
    assert last.task.model_dump(mode="json") == ended

    (collection,) = ended["collections"]
    funnel = collection["funnel"]
    assert (funnel["listed"], funnel["matched"]) == (FILES + 2, FILES + 1)
    assert (funnel["indexed"], funnel["documents"]) == (FILES, FILES)
    assert funnel["failed"] == {"format": 1}
    stack.wait_for(task_id, has_begun, limit=120)  # the service is back
    (row,) = stack.json("sql", f"SELECT * FROM funnel WHERE task_id = '{task_id}'")
    for name in ("listed", "matched", "read", "read_bytes", "extracted", "indexed", "documents"):
        assert row[name] == funnel[name], name
    assert row["failed_format"] == 1
    counted = f"SELECT count(*) AS n FROM items WHERE task_id = '{task_id}' AND state = 'indexed'"
    assert stack.json("sql", counted)[0]["n"] == FILES
    assert f"{FILES + 2} listed > {FILES + 1} matched" in stack.run("tasks", task_id).out
