"""What ``%mixpeek tasks`` gives: rows, and a live view of the newest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from jupyter_ext.modes import Mode
from jupyter_ext.results import Rows
from jupyter_ext.saved import MARK
from jupyter_ext.screen import Screen
from jupyter_ext.watching import Watching
from workbench.client import Client
from workbench.domain.wire import TaskOut

_COLUMNS: Final = (
    "task_id",
    "kind",
    "state",
    "bucket",
    "total",
    "indexed",
    "skipped",
    "failed",
    "documents",
    "created_at",
    "ended_at",
)
_SHOWN: Final = 200


class Tasks(Rows):
    """Rows of tasks; where somebody looks on, a view of them with bars and buttons."""

    def __init__(
        self, tasks: Sequence[TaskOut], note: str | None, client: Client, screen: Screen
    ) -> None:
        super().__init__([_flat(task) for task in tasks], _COLUMNS, note)
        self._tasks = tasks
        self._client = client
        self._screen = screen

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Any:
        static = super()._repr_mimebundle_(include, exclude)
        if self._screen.mode() is not Mode.WIDGET or not self._tasks:
            return static
        home = self._screen.home(self._client)
        watching = Watching(self._client, self._tasks[:_SHOWN], home)
        watching.start()
        return {**watching.view.mime, **static}, dict(MARK)


def _flat(task: TaskOut) -> dict[str, Any]:
    given = {**task.progress.model_dump(), **task.model_dump(mode="python")}
    return {name: given[name] for name in _COLUMNS}
