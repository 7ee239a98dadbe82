"""The start after each thing that can end a stack in the middle of an ingest: it is quick, it says
what it found, and the task ends with every object accounted for.

The tests share one stack, whose home lies on a small disk where one can be mounted. ``make test``
runs that of Temporal's file, ``make faults`` all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from fault_runs import Harness, Restart
from small_disk import SmallDisk, small_disk

from workbench.stack import processes
from workbench.stack.settings import load_settings
from workbench.stack.state import read_state

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]

FILES = 60
PAUSE = 0.2
#: A start takes no longer, on a machine that does nothing else.
SECONDS = 10.0
MEGABYTES = 512
HOUR = 3600
CLOCK = Path(__file__).with_name("clock")


@dataclass(frozen=True)
class Starts:
    harness: Harness
    disk: SmallDisk | None
    offset: Path

    def after(self, fault: str) -> Restart:
        """The restart after the method of that name; it was right and quick."""
        restart = self.harness.restart(getattr(self, fault))
        print(f"{fault}: {restart.seconds:.1f} s, undisturbed {self.harness.start_seconds:.1f} s")
        print("\n".join(restart.found))
        assert restart.right, (restart, self.harness.stack.log_tails())
        # Where others compute too a start is compared with an undisturbed one.
        assert restart.seconds < max(SECONDS, 2 * self.harness.start_seconds), restart
        assert f"{restart.task_id} had not ended" in restart.said or (
            restart.task_id in restart.said and "found" in restart.said
        ), restart.said
        return restart

    def down(self) -> None:
        assert self.harness.stack.down().status == 0

    def power_lost(self) -> None:
        """All at once, and what was being written to the logs is half there."""
        for process in self._everyone():
            process.kill()
        psutil.wait_procs(self._everyone(), timeout=5)
        home = self.harness.stack.home
        for name in ("metadata.db-wal", "temporal/temporal.db-wal"):
            if (home / name).exists():
                with (home / name).open("ab") as file:
                    file.write(os.urandom(1000))
        telemetry = home / "telemetry" / "events.duckdb.wal"
        if telemetry.exists() and telemetry.stat().st_size > 100:
            os.truncate(telemetry, telemetry.stat().st_size - 7)

    def down_on_a_full_disk(self) -> None:
        assert self.disk is not None
        self.disk.fill()
        self.down()
        refused = self.harness.stack.run("up", "--detach")
        assert refused.status != 0
        assert "disk is full" in refused.err, refused
        assert "Traceback" not in refused.err, refused
        self.disk.free()

    def clock_back(self) -> None:
        self.offset.write_text(str(-HOUR))
        assert self.harness.stack.json("status")["running"] is True
        self.down()

    def temporal_deleted(self) -> None:
        self.down()
        for path in (self.harness.stack.home / "temporal").iterdir():
            path.unlink()

    def _everyone(self) -> list[psutil.Process]:
        settings = load_settings({}, home=self.harness.stack.home)
        state = read_state(settings)
        assert state is not None
        return processes.of_stack(settings, state.identities())


@pytest.fixture(scope="module")
def starts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starts]:
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
        yield Starts(harness, disk, offset)


@pytest.mark.drill
def test_after_down_in_the_middle(starts: Starts):
    restart = starts.after("down")
    assert restart.found == [f"task {restart.task_id} goes on"]


@pytest.mark.drill
def test_after_power_was_lost(starts: Starts):
    restart = starts.after("power_lost")
    assert "nothing says how it ended last time" in restart.said
    assert f"task {restart.task_id} goes on" in restart.found
    assert starts.harness.stack.json("status")["health"]["state"] == "ok"


@pytest.mark.drill
def test_after_a_full_disk_that_has_room_again(starts: Starts):
    if starts.disk is None:
        pytest.skip("a small file system can only be mounted by root")
    restart = starts.after("down_on_a_full_disk")
    assert f"task {restart.task_id} goes on" in restart.found


def test_after_temporals_file_was_deleted(starts: Starts):
    restart = starts.after("temporal_deleted")
    assert any("started again" in line for line in restart.found), restart


@pytest.mark.drill
def test_after_the_clock_went_back_and_when_it_goes_on_again(starts: Starts):
    restart = starts.after("clock_back")
    assert "the clock went back" in restart.said
    starts.offset.write_text("0")
    stack = starts.harness.stack
    assert stack.json("status")["running"] is True
    assert stack.json("ingest", str(starts.harness.source), "--extractors", "toy")
