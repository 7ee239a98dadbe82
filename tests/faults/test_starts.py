"""The start after each thing that can end a stack in the middle of an ingest.

The tests share one stack, whose home lies on a small disk where one can be mounted. ``make faults``
runs them; that of Temporal's deleted file is in ``test_killed_parts.py``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from fault_runs import Harness
from small_disk import SmallDisk, small_disk
from stack_journey import Stack
from starting import down, restarted

from workbench.stack import processes
from workbench.stack.settings import load_settings
from workbench.stack.state import read_state

pytestmark = [pytest.mark.journey, pytest.mark.drill, pytest.mark.timeout(600)]

FILES = 200
PAUSE = 0.02
MEGABYTES = 512
HOUR = 3600
CLOCK = Path(__file__).with_name("clock")


@dataclass(frozen=True)
class Place:
    """Where the stack runs: on a disk that can be filled (None where none can be mounted), by a
    clock that can be set."""

    harness: Harness
    disk: SmallDisk | None
    offset: Path

    def down_on_a_full_disk(self, stack: Stack) -> None:
        assert self.disk is not None
        self.disk.fill()
        down(stack)
        refused = stack.run("up", "--detach")
        assert refused.status != 0
        assert "disk is full" in refused.err, refused
        assert "Traceback" not in refused.err, refused
        self.disk.free()

    def clock_back(self, stack: Stack) -> None:
        self.offset.write_text(str(-HOUR))
        assert stack.json("status")["running"] is True
        down(stack)


def power_lost(stack: Stack) -> None:
    """All at once, and what was being written to the logs is half there."""
    for process in everyone(stack):
        with suppress(psutil.NoSuchProcess):  # many end with their parents
            process.kill()
    psutil.wait_procs(everyone(stack), timeout=5)
    for name in ("metadata.db-wal", "temporal/temporal.db-wal"):
        if (stack.home / name).exists():
            with (stack.home / name).open("ab") as file:
                file.write(os.urandom(1000))
    telemetry = stack.home / "telemetry" / "events.duckdb.wal"
    if telemetry.exists() and telemetry.stat().st_size > 100:
        os.truncate(telemetry, telemetry.stat().st_size - 7)


def everyone(stack: Stack) -> list[psutil.Process]:
    settings = load_settings({}, home=stack.home)
    state = read_state(settings)
    assert state is not None
    return processes.of_stack(settings, state.identities())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("starts")
    offset = folder / "offset"
    offset.write_text("0")
    environment = {
        "CLOCK_OFFSET": str(offset),
        "PYTHONPATH": os.pathsep.join([str(CLOCK), str(CLOCK.parents[1])]),
        "MIXPEEK_SLOTS": "2",
    }
    with ExitStack() as stack:
        try:
            disk = stack.enter_context(small_disk(folder / "disk", MEGABYTES))
        except pytest.skip.Exception:
            disk = None
        home = (disk.folder if disk else folder) / "home"
        harness = Harness(folder, FILES, PAUSE, 0, home=home, extra=environment)
        stack.callback(harness.close)
        yield Place(harness, disk, offset)


def test_after_down_in_the_middle(place: Place):
    restart = restarted(place.harness, down)
    assert restart.found == [f"task {restart.task_id} goes on"]


def test_after_power_was_lost(place: Place):
    restart = restarted(place.harness, power_lost)
    assert "nothing says how it ended last time" in restart.said
    assert f"task {restart.task_id} goes on" in restart.found
    assert place.harness.stack.json("status")["health"]["state"] == "ok"


def test_after_a_full_disk_that_has_room_again(place: Place):
    if place.disk is None:
        pytest.skip("a small file system can only be mounted by root")
    restart = restarted(place.harness, place.down_on_a_full_disk)
    assert f"task {restart.task_id} goes on" in restart.found


def test_after_the_clock_went_back_and_when_it_goes_on_again(place: Place):
    restart = restarted(place.harness, place.clock_back)
    assert "the clock went back" in restart.said
    place.offset.write_text("0")
    stack = place.harness.stack
    assert stack.json("status")["running"] is True
    assert stack.json("ingest", str(place.harness.source), "--extractors", "toy")
