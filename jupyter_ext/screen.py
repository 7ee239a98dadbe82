"""Where outputs go: one display per output, and a live one for a task that is waited for.

A live task is drawn in the main thread, by the call that waits, so the output lands in the right
cell in every front end. It is updated at most four times a second; the last update replaces it by
the static ended form, which is what the saved notebook keeps. Where nobody looks on, only the ended
form is displayed, once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, cast

from jupyter_ext import task_view
from jupyter_ext.modes import Mode
from jupyter_ext.task_view import TaskView
from workbench.client.upload import Uploading
from workbench.commands.progress import upload_line
from workbench.domain.wire import FailureOut, TaskOut

Bundle = dict[str, str]
FRAME_SECONDS: Final = 0.25


class Handle(Protocol):
    """An output that can be replaced."""

    def update(self, obj: object, **options: Any) -> None: ...


@dataclass
class Screen:
    """The outputs of one kernel. ``shown`` names the tasks whose ended form stands in the running
    cell, so that a result which repeats it stays silent; the magics empty it before each cell."""

    mode: Callable[[], Mode]
    shown: set[str] = field(default_factory=set[str])

    def show(self, bundle: Bundle) -> Handle:
        from IPython.display import display  # pyright: ignore[reportUnknownVariableType]

        return cast(Handle, display(bundle, raw=True, display_id=True))

    def show_task(self, view: TaskView) -> None:
        self.show(task_bundle(view))
        if view.task.state.ended:
            self.shown.add(view.task.task_id)


def task_bundle(view: TaskView) -> Bundle:
    return {"text/html": task_view.render(view), "text/plain": task_view.plain(view)}


Failures = Callable[[str], Sequence[FailureOut]]


class LiveTask:
    """Shows a task while it is waited for: call it with each state. ``failures`` gives those of an
    ended task, by its id."""

    def __init__(
        self,
        screen: Screen,
        failures: Failures,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._screen = screen
        self._failures = failures
        self._clock = clock
        self._sleep = sleep
        self._handle: Handle | None = None
        self._upload: Handle | None = None
        self._drawn = -FRAME_SECONDS
        self.last: TaskOut | None = None

    def __call__(self, task: TaskOut) -> None:
        self.last = task
        mode = self._screen.mode()
        if mode is Mode.OFF or (mode is Mode.FINAL and not task.state.ended):
            return
        if not task.state.ended:
            self._breathe()
        self._draw(task, mode)

    def uploading(self, state: Uploading) -> None:
        """Files are being sent to the service before their task begins: one line of text."""
        mode = self._screen.mode()
        if mode is Mode.OFF or (mode is Mode.FINAL and not state.ended):
            return
        bundle = {"text/plain": upload_line(state)}
        if self._upload is None:
            self._upload = self._screen.show(bundle)
        else:
            self._upload.update(bundle, raw=True)

    def _breathe(self) -> None:
        """Sleep until the next frame is due. No state is lost by it: the service then answers with
        the newest one."""
        pause = self._drawn + FRAME_SECONDS - self._clock()
        if pause > 0:
            self._sleep(pause)

    def stopped(self) -> None:
        """The waiting was interrupted: what stays in the notebook must not say that it waits."""
        if self._handle is not None and self.last is not None and not self.last.state.ended:
            self._draw(self.last, self._screen.mode(), waiting=False)

    def _draw(self, task: TaskOut, mode: Mode, waiting: bool = True) -> None:
        failed = task.state.ended and task.progress.failed
        failures = self._failures(task.task_id) if failed else ()
        view = TaskView(task, failures, mode.stable, waiting)
        if self._handle is None:
            self._handle = self._screen.show(task_bundle(view))
        else:
            self._handle.update(task_bundle(view), raw=True)
        self._drawn = self._clock()
        if task.state.ended:
            self._screen.shown.add(task.task_id)
