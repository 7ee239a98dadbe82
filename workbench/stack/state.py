"""What is known about the running stack of a home: written by the process that watches it, read by
``status``, ``down`` and the next ``up``.

``run/state.json`` holds the watcher, the parts and their addresses. It outlives a watcher that was
killed, so a reader asks whether the processes in it still live before it believes them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, cast

from workbench.stack.home import read_json, write_json
from workbench.stack.processes import Identity, alive
from workbench.stack.settings import Settings
from workbench.stack.supervisor import PartStatus

_UNKNOWN_END = (
    "nothing says how it ended last time: "
    "it was killed, the machine lost power, or the disk was full"
)
#: Seconds; less is how clocks are kept right.
_CLOCKS_DIFFER = 5.0


@dataclass(frozen=True)
class StackState:
    """``ready`` is set once, when the service first answered. ``found`` is what the watcher found
    at its start, a line each."""

    watcher: Identity
    began: float
    version: str
    parts: tuple[PartStatus, ...] = ()
    url: str | None = None
    ready: bool = False
    failure: str | None = None
    found: tuple[str, ...] = ()

    def running(self) -> bool:
        return alive(self.watcher)

    def identities(self) -> list[Identity]:
        """The watcher and the children, for ending them."""
        children = [
            Identity(part.pid, part.started)
            for part in self.parts
            if part.pid is not None and part.started is not None
        ]
        return [self.watcher, *children]

    def traces(self, now: float) -> list[str]:
        """What the next start finds by this one's end: that none is recorded, and a clock that has
        gone back. A clock that went forward looks like a night."""
        lines: list[str] = []
        if any(part.state != "stopped" for part in self.parts):
            lines.append(_UNKNOWN_END)
        ahead = max(self.began, *(part.since for part in self.parts), now) - now
        if ahead > _CLOCKS_DIFFER:
            lines.append(f"the clock went back: it last ran {ahead:.0f} s after the present moment")
        return lines


def state_file(settings: Settings) -> Path:
    return settings.run_folder / "state.json"


def write_state(settings: Settings, state: StackState) -> None:
    write_json(state_file(settings), asdict(state))


def read_state(settings: Settings) -> StackState | None:
    """None where no stack has run, or where the file is not understood."""
    found = read_json(state_file(settings))
    if found is None:
        return None
    try:
        watcher = Identity(**found["watcher"])
        known = {field.name for field in fields(PartStatus)}
        parts = tuple(
            PartStatus(**{name: value for name, value in part.items() if name in known})
            for part in cast("Sequence[dict[str, Any]]", found["parts"])
        )
        return StackState(
            watcher,
            float(found["began"]),
            str(found["version"]),
            parts,
            found.get("url"),
            bool(found.get("ready")),
            found.get("failure"),
            tuple(found.get("found", ())),
        )
    except (KeyError, TypeError, ValueError):
        return None


def describe(state: StackState) -> list[dict[str, Any]]:
    """The parts as rows for a person or a script."""
    now = time.time()
    return [
        {
            "part": part.name,
            "state": part.state,
            "pid": part.pid,
            "address": part.address,
            "uptime_s": round(now - part.started, 1) if part.started is not None else None,
            "since": part.since,
            "restarts": part.restarts,
            "last_exit": part.last_exit,
        }
        for part in state.parts
    ]
