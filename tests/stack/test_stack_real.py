"""The real stack from the shell: up, Lab in front of it, down."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stack_support import gone, until

from workbench.stack import processes
from workbench.stack.demo import prepare_media
from workbench.stack.settings import load_settings
from workbench.stack.temporal import find_temporal

pytestmark = [
    pytest.mark.journey,
    pytest.mark.skipif(
        find_temporal(load_settings({})) is None, reason="no Temporal program on this machine"
    ),
]
MIXPEEK = (sys.executable, "-P", "-m", "workbench")


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    home = tmp_path / "home"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MIXPEEK_")}
    yield {
        **kept,
        "MIXPEEK_HOME": str(home),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "jupyter"),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "jupyter"),
    }
    processes.end(processes.of_stack(load_settings({}, home=home)))


def test_up_lab_and_down(environment: dict[str, str], tmp_path: Path) -> None:
    def run(*verb: str, status: int = 0) -> dict[str, Any]:
        done = subprocess.run(
            (*MIXPEEK, *verb, "--json"),
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout) if done.stdout else {}

    assert run("status", status=3)["running"] is False
    started = run("up", "--detach")
    assert started["already"] is False
    assert run("up", "--detach")["already"] is True
    pids = [part["pid"] for part in run("status")["parts"]]
    assert len(pids) == 4
    assert None not in pids

    (tmp_path / "a b.ipynb").write_text(
        '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    )
    with subprocess.Popen(
        (*MIXPEEK, "lab", "a b.ipynb", "--no-browser", "--json"),
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as lab:
        assert lab.stdout is not None
        told = json.loads(lab.stdout.readline())
        try:
            assert told["url"] == started["url"]
            assert "/lab/tree/a%20b.ipynb?token=" in told["lab"]
            with urllib.request.urlopen(told["lab"], timeout=30) as answer:
                assert answer.status == 200
        finally:
            lab.send_signal(signal.SIGTERM)
    assert run("status")["running"] is True
    assert run("down") == {"stopped": True, "home": started["home"], "left": []}
    until(lambda: all(map(gone, pids)), 1)
    assert processes.of_stack(load_settings({}, home=tmp_path / "home")) == []


def test_a_part_that_does_not_start(environment: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        (*MIXPEEK, "up", "--detach"),
        env={**environment, "MIXPEEK_TEMPORAL_BINARY": "/bin/false"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "error: the stack did not start: temporal ended with status 1" in done.stderr
    assert "hint: the logs are in" in done.stderr
    assert processes.of_stack(load_settings({}, home=tmp_path / "home")) == []


def test_media_of_the_demo(tmp_path: Path) -> None:
    count = prepare_media(tmp_path)
    assert count == 31
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")}
    assert len(times) == 31
    assert prepare_media(tmp_path) == 31
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")} == times
