"""Keeps a view of tasks true after its cell has ended.

A daemon thread asks for the tasks that have not ended, once a second, and for those that a click
made or changed at once. It ends with the last of them, and begins again after a retry. It prints
nothing and displays nothing: traits are updated from a thread in every front end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from workbench.client import Client
from workbench.domain.errors import WorkbenchError
from workbench.domain.wire import TaskOut

if TYPE_CHECKING:
    from jupyter_ext.widgets.tasks import TasksView

SECONDS: Final = 1.0
AWAY: Final = 600.0  # seconds that a service may be away before nobody asks any more


class Watching:
    """``tasks`` as last seen, newest first. ``ended`` is called when all have."""

    def __init__(
        self,
        client: Client,
        tasks: Sequence[TaskOut],
        home: str,
        ended: Callable[[Sequence[TaskOut]], None] = lambda _: None,
    ) -> None:
        from jupyter_ext.widgets.tasks import TasksView

        self._client = client
        self._tasks = {task.task_id: task for task in tasks}
        self._ended = ended
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._runs = False
        self.view: TasksView = TasksView(client, home, self._acted)
        self.view.show(self.tasks, waiting=False)

    @property
    def tasks(self) -> list[TaskOut]:
        return list(self._tasks.values())

    def start(self) -> None:
        with self._lock:
            if self._runs or all(task.state.ended for task in self.tasks):
                return
            self._runs = True
        threading.Thread(target=self._watch, name="mixpeek-watch", daemon=True).start()

    def _acted(self, task: TaskOut) -> None:
        self._seen([task])
        self._woken.set()
        self.start()

    def _watch(self) -> None:
        away = 0.0
        while running := self._to_ask(away < AWAY):
            try:
                seen = [self._client.changes(task.task_id)[0] for task in running]
                away = 0.0
            except WorkbenchError:
                seen = []
                away += SECONDS
            if seen:
                self._seen(seen)
            if any(not task.state.ended for task in self.tasks):
                self._woken.wait(SECONDS)
                self._woken.clear()
        if all(task.state.ended for task in self.tasks):
            self._ended(self.tasks)

    def _to_ask(self, patient: bool) -> list[TaskOut]:
        """The tasks that have not ended; with none, or without patience, the thread is at its end.
        A task that a click adds is either among them or starts another thread."""
        with self._lock:
            running = [task for task in self.tasks if not task.state.ended] if patient else []
            self._runs = bool(running)
            return running

    def _seen(self, tasks: Sequence[TaskOut]) -> None:
        """The tasks as they were told, new ones before the others. Shown under the lock too, so
        that what stays in sight is what is kept."""
        with self._lock:
            new = {task.task_id: task for task in tasks if task.task_id not in self._tasks}
            self._tasks = {**new, **self._tasks, **{task.task_id: task for task in tasks}}
            self.view.show(self.tasks, waiting=False)
