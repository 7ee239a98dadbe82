"""A folder that the service cannot see: it is uploaded by ``ingest`` itself, found by a search, and
survives a killed service; what leaves the folder leaves the search."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from stack_journey import Stack

from workbench.stack.home import read_json

pytestmark = [pytest.mark.journey, pytest.mark.timeout(420)]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """It may read no folder, as a service on another machine would."""
    stack = Stack(tmp_path / "home", {"MIXPEEK_EXTRACTORS": "toys:Toy", "MIXPEEK_ROOTS": ""})
    stack.up()
    yield stack
    stack.down()


def from_afar(stack: Stack) -> Stack:
    """The same service, called by its address."""
    place = read_json(stack.home / "run" / "service.json") or {}
    key = (stack.home / "key").read_text().strip()
    extra = {**stack.extra, "MIXPEEK_URL": str(place["url"]), "MIXPEEK_API_KEY": key}
    return Stack(stack.home, extra)


def size(path: Path) -> int:
    """0 for a file that is there no longer."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def test_a_folder_that_the_service_does_not_see_is_uploaded(stack: Stack, tmp_path: Path):
    folder = tmp_path / "shelf"
    folder.mkdir()
    for i in range(40):
        (folder / f"{i:02}.x").write_text(f"far text number {i}")
    big = folder / "big.bin"
    with big.open("wb") as file:
        for _ in range(300):
            file.write(os.urandom(1 << 20))
    far = from_afar(stack)

    # The service is killed while it takes the large file in: who it is is asked before, since the
    # file may be there by the time that a shell command has answered.
    service = stack.parts()["service"]
    command = [
        sys.executable,
        "-P",
        "-m",
        "workbench",
        "ingest",
        str(folder),
        "--extractors",
        "toy",
    ]
    with subprocess.Popen(
        [*command, "--extractors", "toy", "--json"],
        env=far.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        blobs = stack.home / "blobs"
        deadline = time.monotonic() + 60
        while not any(size(path) > 1 << 20 for path in blobs.rglob("*.partial")):
            assert running.poll() is None, running.communicate()
            assert time.monotonic() < deadline, "the upload does not begin"
            time.sleep(0.01)
        os.kill(service, signal.SIGKILL)
        assert any(size(path) > 1 << 20 for path in blobs.rglob("*.partial")), "it was all there"
        out, err = running.communicate(timeout=120)
    assert running.returncode == 0, (out, err, stack.log_tails())
    assert b"its files are uploaded" in err
    assert b"uploaded 41 files" in err
    assert not list(blobs.rglob("*.partial"))

    bucket = far.json("buckets")[0]
    assert (bucket["name"], bucket["objects"]) == ("shelf", 41)
    assert bucket["source"]["kind"] == "uploads"
    hits = far.json("search", "far text number 17", "--mode", "text", "--top", "1")["hits"]
    assert hits[0]["object_name"] == "17.x"

    (folder / "17.x").unlink()
    (folder / "18.x").write_text("nearer now")
    task = far.json("ingest", str(folder))
    assert (task["progress"]["indexed"], task["progress"]["skipped"]) == (1, 38)
    assert task["objects"]["removed"] == 1
    hits = far.json("search", "far text number 17", "--mode", "text", "--top", "50")["hits"]
    assert "17.x" not in {hit["object_name"] for hit in hits}
    again = far.run("ingest", str(folder))
    assert again.status == 0
    assert "uploaded 0 files, 0 B, 40 were there" in again.err
