from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from telemetry_events import NOON

from workbench.telemetry.writer import Telemetry, TelemetrySettings

Opener = Callable[..., Telemetry]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opener]:
    """Opens telemetry in the test's folder; all are closed at the end."""
    all_opened: list[Telemetry] = []

    def opener(folder: Path | None = None, now: int = NOON, **settings: Any) -> Telemetry:
        telemetry = Telemetry(
            folder or tmp_path / "telemetry", TelemetrySettings(**settings), lambda: now
        )
        all_opened.append(telemetry)
        return telemetry

    yield opener
    for telemetry in all_opened:
        telemetry.close()
