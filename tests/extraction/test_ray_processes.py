"""Ray's processes below this one, played by others with such names."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workbench.extraction import ray_processes

Start = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def begin(name: str) -> subprocess.Popen[bytes]:
        program = tmp_path / name
        program.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("/bin/sleep", program)
        started.append(subprocess.Popen([str(program), "600"]))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize("name", ["raylet", "gcs_server"])
async def test_the_end_of_an_engine_is_seen_at_once_and_of_nothing_else(start: Start, name: str):
    engine, other = start(f"ray/{name}"), start("ray/agent")
    start("ray/raylet" if name == "gcs_server" else "ray/gcs_server")
    seen = asyncio.create_task(ray_processes.one_ended())
    other.kill()
    await asyncio.sleep(0.5)
    assert not seen.done()
    engine.kill()
    await asyncio.wait_for(seen, 5)


def test_what_a_failed_start_left_is_ended_and_nothing_else(start: Start):
    left, other = start("ray/gcs_server"), start("elsewhere/monitor")
    ray_processes.end_all()
    assert left.poll() is not None
    assert other.poll() is None
