"""Starts the stack when a page asks for it: the shell's ``mixpeek up --detach`` as a child.

One start at a time. What the child says is told as it comes; when it does not end well its last
words are the reason. The stack belongs to nobody's server: it goes on when this one ends.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Final, Protocol

from workbench.commands.words import clean

#: The command, without a folder of the user's that is named like one of our packages.
UP: Final = (sys.executable, "-P", "-m", "workbench", "up", "--detach", "--json")
_LONGEST: Final = 300


class Told(Protocol):
    """Told how the start goes. ``state`` is ``starting``, ``up`` or ``down``."""

    def __call__(self, state: str, note: str | None, /) -> None: ...


class Launcher:
    def __init__(self, told: Told, command: Sequence[str] = UP) -> None:
        self._told = told
        self._command = command
        self._task: asyncio.Task[None] | None = None
        self.note: str | None = None
        self.failure: str | None = None

    @property
    def starting(self) -> bool:
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Begin, unless a start is under way. Call it in a running loop."""
        if not self.starting:
            self.note, self.failure = None, None
            self._told("starting", None)
            self._task = asyncio.create_task(self._run(), name="mixpeek up")

    async def _run(self) -> None:
        try:
            child = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
            assert child.stderr is not None
            async for line in child.stderr:
                self._say(line)
            status = await child.wait()
        except (OSError, ValueError) as error:  # ValueError: a line without an end
            self._end(f"mixpeek up cannot be run: {error}")
            return
        self._end(None if status == 0 else self.note or f"mixpeek up ended with status {status}")

    def _say(self, line: bytes) -> None:
        text = clean(line.decode(errors="replace")).strip()[:_LONGEST]
        if text:
            self.note = text
            self._told("starting", text)

    def _end(self, failure: str | None) -> None:
        self.failure = failure
        self._told("down" if failure else "up", failure)
