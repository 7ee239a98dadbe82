"""How far a running task is, how fast it goes, and the line that says so.

A rate is what was done over the last seconds, so it follows changes. Items that were skipped come
in bulk and cost nothing: they count as done, never as speed. The time left is known only when the
number of items is, that is when listing has ended; until then it is said to be unknown.
"""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Callable
from typing import TextIO

from workbench.commands.words import about, clean, plural, rate, shorten
from workbench.domain.states import TaskState
from workbench.domain.wire import CollectionProgress, Progress, TaskOut

#: Seconds that a rate looks back, and the least time that gives one.
WINDOW = 8.0
LEAST = 0.5
#: Seconds between two lines where a line cannot be drawn over.
SPARSE = 10.0
_REDRAW = 0.1


def done(progress: Progress) -> int:
    """Items at an end, whichever."""
    return progress.indexed + progress.skipped + progress.failed + progress.canceled


def worked(progress: Progress) -> int:
    """Items at an end that cost work."""
    return progress.indexed + progress.failed


class Pace:
    """Rates of a task's collections, from the states seen so far."""

    def __init__(self) -> None:
        self._readings: dict[str, deque[tuple[float, int]]] = {}

    def read(self, task: TaskOut, now: float) -> None:
        """Take in a state seen at ``now`` (seconds of any clock that only goes forward)."""
        for collection in task.collections:
            seen = self._readings.setdefault(collection.collection, deque())
            seen.append((now, worked(collection)))
            while len(seen) > 2 and seen[1][0] < now - WINDOW:
                seen.popleft()

    def rate(self, collection: str) -> float | None:
        """Items a second; None while nothing is known or nothing moves."""
        seen = self._readings.get(collection)
        if not seen:
            return None
        (began, before), (ended, after) = seen[0], seen[-1]
        if ended - began < LEAST or after <= before:
            return None
        return (after - before) / (ended - began)

    def left(self, collection: str, progress: Progress) -> float | None:
        """Seconds until all items are done at that rate; None when that is not known."""
        speed = self.rate(collection)
        if speed is None or progress.total is None:
            return None
        return max(0, progress.total - done(progress)) / speed


class ProgressLine:
    """The line about one task, from its successive states."""

    def __init__(self) -> None:
        self.pace = Pace()

    def update(self, task: TaskOut, now: float) -> str:
        self.pace.read(task, now)
        name = clean(task.bucket) if task.bucket else str(task.kind)
        parts = [said] if (said := _state(task)) is not None else []
        if task.state is not TaskState.PENDING:
            parts += [self._collection(collection) for collection in task.collections]
        if not parts:
            listed = task.objects.listed
            parts = [f"listing, {plural(listed, 'file')} so far" if listed else "listing"]
        return f"{name}: {' · '.join(parts)}"

    def _collection(self, progress: CollectionProgress) -> str:
        ended = done(progress)
        total = "?" if progress.total is None else f"{progress.total:,}"
        text = f"{clean(progress.extractor.partition('@')[0])} {ended:,}/{total}"
        if progress.failed:
            text += f" ({progress.failed:,} failed)"
        if progress.total is not None and ended >= progress.total:
            return text
        speed = self.pace.rate(progress.collection)
        left = self.pace.left(progress.collection, progress)
        pace = "" if speed is None else f" {rate(speed)},"
        return f"{text}{pace} time left {'unknown' if left is None else about(left)}"


class TerminalWatch:
    """Shows a task on a stream, usually standard error: one line drawn over and over where that is
    a terminal; elsewhere a line at each change of state and every ten seconds."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._redraws = stream.isatty()
        self._line = ProgressLine()
        self._drawn: float | None = None
        self._shown = ""
        self._state: tuple[TaskState, str | None] | None = None

    def __call__(self, task: TaskOut) -> None:
        now = self._clock()
        text = self._line.update(task, now)
        state = (task.state, task.requested)
        pause = _REDRAW if self._redraws else SPARSE
        due = self._drawn is None or now - self._drawn >= pause or state != self._state
        if not due or text == self._shown:
            return
        if self._redraws:
            columns = shutil.get_terminal_size().columns
            self._stream.write(f"\r{shorten(text, columns - 1)}\x1b[K")
        else:
            self._stream.write(text + "\n")
        self._stream.flush()
        self._drawn, self._shown, self._state = now, text, state

    def note(self, text: str) -> None:
        """Say something beside the progress."""
        self.clear()
        self._stream.write(f"note: {clean(text)}\n")
        self._stream.flush()

    def clear(self) -> None:
        """Make room: the line is drawn anew with the next state."""
        if self._redraws and self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
        self._shown = ""


def _state(task: TaskOut) -> str | None:
    if task.requested is not None and not task.state.ended:
        return {"pause": "pausing", "cancel": "canceling"}[task.requested]
    return {TaskState.PENDING: "waiting to start", TaskState.PAUSED: "paused"}.get(
        task.state, str(task.state) if task.state.ended else None
    )
