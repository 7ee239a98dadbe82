"""Telemetry while no file may grow: prints the state then, the state afterwards, and how many
files were moved aside."""

from __future__ import annotations

import os
import resource
import sys
import time
from pathlib import Path

from workbench.telemetry.events import StageEvent
from workbench.telemetry.writer import Telemetry, TelemetrySettings

NOON = 1_795_521_600_000  # 2026-11-24T12:00:00Z


def event(number: int) -> StageEvent:
    noise = os.urandom(500).hex()
    return StageEvent(f"e{number}", "ns_a", "tsk_1", None, None, "list", NOON, 0.1, 1, 1, noise)


def main() -> None:
    folder = Path(sys.argv[1])
    telemetry = Telemetry(folder, TelemetrySettings(interval=0.05, slowest_retry=0.2), lambda: NOON)
    telemetry.emit(event(0))
    assert telemetry.flush()
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
    telemetry.emit(*[event(number) for number in range(1, 2000)])
    assert not telemetry.flush()
    state = telemetry.health().state
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    deadline = time.monotonic() + 20
    while telemetry.health().written < 2000 and time.monotonic() < deadline:
        time.sleep(0.05)
    health = telemetry.health()
    print(state, health.state, health.moved_aside)
    telemetry.close()
    assert health.written == 2000, health


if __name__ == "__main__":
    main()
