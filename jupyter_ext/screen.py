"""Where outputs go: one display per output, and a live one for a task that is waited for.

A live task is drawn in the main thread, by the call that waits, so the output lands in the right
cell in every front end. It is updated at most four times a second, as a view that can be worked
with or as HTML; the last update replaces it by the static ended form, which is what the saved
notebook keeps. Where nobody looks on, only the ended form is displayed, once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from jupyter_ext import task_view
from jupyter_ext.modes import Mode
from jupyter_ext.saved import MARK
from jupyter_ext.task_view import TaskView
from workbench.client import Client
from workbench.client.upload import Uploading
from workbench.commands.progress import upload_line
from workbench.domain.errors import WorkbenchError
from workbench.domain.wire import FailureOut, TaskOut

if TYPE_CHECKING:
    from jupyter_ext.widgets.tasks import TasksView

Bundle = dict[str, Any]
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
    _homes: dict[Client, str] = field(default_factory=dict[Client, str])

    def show(self, bundle: Bundle, metadata: Mapping[str, Any] | None = None) -> Handle:
        from IPython.display import display  # pyright: ignore[reportUnknownVariableType]

        given = dict(metadata) if metadata else None
        return cast(Handle, display(bundle, raw=True, display_id=True, metadata=given))

    def show_task(self, view: TaskView) -> None:
        self.show(task_bundle(view))
        if view.task.state.ended:
            self.shown.add(view.task.task_id)

    def home(self, client: Client) -> str:
        """Which service this is, for a browser that knows one too; empty where it does not say."""
        if client not in self._homes:
            try:
                self._homes[client] = client.health().home_id
            except WorkbenchError:
                return ""
        return self._homes[client]


def task_bundle(view: TaskView) -> Bundle:
    return {"text/html": task_view.render(view), "text/plain": task_view.plain(view)}


def first_failures(client: Client, task_id: str) -> Sequence[FailureOut]:
    """Those that an output lists; none where the service does not answer, for the output itself
    must come."""
    try:
        return client.failures(task_id, limit=task_view.FAILURES).results
    except WorkbenchError:
        return ()


class LiveTask:
    """Shows a task while it is waited for: call it with each state."""

    def __init__(
        self,
        screen: Screen,
        client: Client,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._screen = screen
        self._client = client
        self._clock = clock
        self._sleep = sleep
        self._handle: Handle | None = None
        self._upload: Handle | None = None
        self._view: TasksView | None = None
        self._drawn = -FRAME_SECONDS
        self.last: TaskOut | None = None

    def __call__(self, task: TaskOut) -> None:
        self.last = task
        mode = self._screen.mode()
        if mode is Mode.OFF or (mode is Mode.FINAL and not task.state.ended):
            return
        if not task.state.ended:
            self._breathe()
        if mode is Mode.WIDGET and not task.state.ended:
            self._live(task)
        else:
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
        """The waiting is over before the task is: what stays in the notebook must not say that it
        waits, nor offer buttons that nobody listens to."""
        if self._handle is not None and self.last is not None and not self.last.state.ended:
            self._draw(self.last, self._screen.mode(), waiting=False)

    def _live(self, task: TaskOut) -> None:
        if self._view is None:
            from jupyter_ext.widgets.tasks import TasksView

            self._view = TasksView(self._client, self._screen.home(self._client))
        self._view.show([task], waiting=True)
        if self._handle is None:
            static = task_bundle(TaskView(task, waiting=False))
            self._handle = self._screen.show({**self._view.mime, **static}, MARK)
        self._drawn = self._clock()

    def _draw(self, task: TaskOut, mode: Mode, waiting: bool = True) -> None:
        failed = task.state.ended and task.progress.failed
        failures = first_failures(self._client, task.task_id) if failed else ()
        bundle = task_bundle(TaskView(task, failures, mode.stable, waiting))
        if self._handle is None:
            self._handle = self._screen.show(bundle)
        else:
            self._handle.update(bundle, raw=True)
        self._drawn = self._clock()
        if self._view is not None:
            self._view.over()
            self._view = None
        if task.state.ended:
            self._screen.shown.add(task.task_id)
