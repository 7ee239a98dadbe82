"""How far a running task is, how fast it goes, and the line that says so.

Rate and time left are the service's (it measures them in its own ledger), so every client, whenever
it came, shows the same. What is not known is said to be unknown.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from typing import TextIO

from workbench.client.upload import Uploading
from workbench.commands.words import about, clean, plural, rate, shorten, size
from workbench.domain.states import TaskState
from workbench.domain.wire import CollectionProgress, Progress, TaskOut

#: Seconds between two lines where a line cannot be drawn over.
SPARSE = 10.0
_REDRAW = 0.1


def done(progress: Progress) -> int:
    """Items at an end, whichever."""
    return progress.indexed + progress.skipped + progress.failed + progress.canceled


def line(task: TaskOut) -> str:
    """The line about one task."""
    name = clean(task.bucket) if task.bucket else str(task.kind)
    parts = [said] if (said := _state(task)) is not None else []
    if task.state is not TaskState.PENDING:
        parts += [_collection(collection) for collection in task.collections]
    if not parts:
        listed = task.objects.listed
        parts = [f"listing, {plural(listed, 'file')} so far" if listed else "listing"]
    return f"{name}: {' · '.join(parts)}"


def upload_line(state: Uploading) -> str:
    """The line about files that are being sent."""
    name = clean(state.bucket)
    if state.ended:
        there = state.done - state.sent - len(state.left_out)
        parts = [f"uploaded {plural(state.sent, 'file')}, {size(state.sent_bytes)}"]
        parts += [f"{there:,} were there"] * bool(there)
        parts += [f"{len(state.left_out):,} left out"] * bool(state.left_out)
        return f"{name}: {', '.join(parts)}"
    files = f"{state.done:,}/{state.files:,} files"
    text = f"{name}: uploading {files}, {size(state.done_bytes)} of {size(state.bytes)}"
    pace = "" if state.rate is None else f" {size(round(state.rate))}/s,"
    left = state.seconds_left
    return f"{text}{pace} time left {'unknown' if left is None else about(left)}"


def _collection(progress: CollectionProgress) -> str:
    ended = done(progress)
    total = "?" if progress.total is None else f"{progress.total:,}"
    text = f"{clean(progress.extractor.partition('@')[0])} {ended:,}/{total}"
    if progress.failed:
        text += f" ({progress.failed:,} failed)"
    if progress.total is not None and ended >= progress.total:
        return text
    pace = "" if progress.rate is None else f" {rate(progress.rate)},"
    left = progress.seconds_left
    return f"{text}{pace} time left {'unknown' if left is None else about(left)}"


class TerminalWatch:
    """Shows a task on a stream, usually standard error: one line drawn over and over where that is
    a terminal; elsewhere a line at each change of state and every ten seconds."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._redraws = stream.isatty()
        self._drawn: float | None = None
        self._shown = ""
        self._state: object = None

    def __call__(self, task: TaskOut) -> None:
        self._show(line(task), (task.state, task.requested))

    def uploading(self, state: Uploading) -> None:
        self._show(upload_line(state), ("upload", state.ended))

    def _show(self, text: str, state: object) -> None:
        now = self._clock()
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
