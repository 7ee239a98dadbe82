"""The tasks view as a widget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from jupyter_ext.widgets.live import LiveView, Reply
from jupyter_ext.widgets.module import style, tasks_module
from workbench.client import Client
from workbench.domain.wire import TaskOut

_FAILURES: Final = 100
_CONTROLS: Final = ("pause", "resume", "cancel", "retry")


class TasksView(LiveView):
    """``show`` puts tasks in. ``acted`` is called with the task that a click changed or made."""

    _esm = tasks_module()
    _css = style()

    def __init__(
        self, client: Client, home: str, acted: Callable[[TaskOut], None] = lambda _: None
    ) -> None:
        self._client = client
        self._acted = acted
        answers = {"control": self._control, "failures": self._failures}
        empty = {"tasks": list[Any](), "waiting": False}
        super().__init__(answers, view=empty, home=home, namespace=client.namespace)

    def show(self, tasks: Sequence[TaskOut], waiting: bool) -> None:
        shown = [task.model_dump(mode="json", exclude={"stages"}) for task in tasks]
        self.view = {"tasks": shown, "waiting": waiting}

    def _control(self, body: Mapping[str, Any]) -> Reply:
        verb, task_id = str(body["verb"]), str(body["task_id"])
        if verb not in _CONTROLS:
            raise ValueError(f"there is no control {verb}")
        task: TaskOut = getattr(self._client, verb)(task_id)
        self._acted(task)
        return Reply({"task_id": task.task_id})

    def _failures(self, body: Mapping[str, Any]) -> Reply:
        page = self._client.failures(str(body["task_id"]), limit=_FAILURES)
        fields = {"traceback", "digest", "worker"}
        return Reply([f.model_dump(mode="json", exclude=fields) for f in page.results])
