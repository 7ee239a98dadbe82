from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from client_service import Service, write_home

from workbench.client import Client, connect


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("MIXPEEK_URL", "MIXPEEK_API_KEY", "MIXPEEK_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MIXPEEK_HOME", str(tmp_path / "home"))


@pytest.fixture
def service() -> Iterator[Service]:
    running = Service().start()
    yield running
    running.stop()


@pytest.fixture
def home(tmp_path: Path, service: Service) -> Path:
    return write_home(tmp_path / "home", service)


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def client(home: Path, notes: list[str]) -> Iterator[Client]:
    with connect(home=home, notify=notes.append) as connected:
        yield connected
