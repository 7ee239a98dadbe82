from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "client"))

from client_service import Service, write_home

from workbench.__main__ import main


@dataclass(frozen=True)
class Ran:
    """What a command line did."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("MIXPEEK_URL", "MIXPEEK_API_KEY", "MIXPEEK_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MIXPEEK_HOME", str(tmp_path / "home"))


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    running = Service().start()
    write_home(tmp_path / "home", running)
    yield running
    running.stop()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """``run("tasks", "--json")`` is ``mixpeek tasks --json`` in this process."""

    def call(*arguments: str) -> Ran:
        capsys.readouterr()
        status = main(list(arguments))
        shown = capsys.readouterr()
        return Ran(status, shown.out, shown.err)

    return call
