"""Emits events for ever and prints, after each flush, how many are on disk."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from telemetry_events import NOON, stage

from workbench.telemetry.writer import Telemetry, TelemetrySettings


def main() -> None:
    # At the events' own time: days that are over would be sealed beside the writing.
    telemetry = Telemetry(Path(sys.argv[1]), TelemetrySettings(), lambda: NOON)
    number = 0
    while True:
        for _ in range(25):
            telemetry.emit(stage(f"e{number}", worker=f"w{number}"))
            number += 1
        if telemetry.flush():
            print(number, flush=True)


if __name__ == "__main__":
    main()
