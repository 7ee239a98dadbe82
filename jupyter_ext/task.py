"""A task in Python: what ``%mixpeek ingest``, ``wait``, ``pause``, ``resume``, ``cancel`` and
``retry`` give."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from jupyter_ext import task_view
from jupyter_ext.errors import (
    MixpeekUsageError,
    TaskCanceled,
    TaskFailed,
    WaitInterrupted,
    from_workbench,
)
from jupyter_ext.modes import Mode
from jupyter_ext.saved import MARK
from jupyter_ext.screen import LiveTask, Screen, first_failures, task_bundle
from jupyter_ext.task_view import TaskView
from jupyter_ext.watching import Watching
from workbench.client import Client
from workbench.domain.errors import WorkbenchError
from workbench.domain.states import TaskState
from workbench.domain.wire import FailureOut, RetryRequest, TaskOut

if TYPE_CHECKING:
    import pandas as pd

_ITEMS: Final = ("total", "pending", "extracted", "indexed", "skipped", "failed", "canceled")


class Task:
    """A handle of one task. It holds the state last seen: ``refresh`` asks, ``wait`` waits and
    shows progress, ``pause``, ``resume`` and ``cancel`` do that. ``.df`` has a row per collection,
    ``.failures`` one per item that failed. Nothing here runs in the background."""

    def __init__(self, task: TaskOut, client: Client, screen: Screen) -> None:
        self.out = task
        self._client = client
        self._screen = screen

    @property
    def task_id(self) -> str:
        return self.out.task_id

    @property
    def state(self) -> TaskState:
        return self.out.state

    @property
    def df(self) -> pd.DataFrame:
        """Progress: counts of items, and documents, by collection."""
        import pandas as pd

        names = ["collection", "extractor", *_ITEMS, "documents"]
        rows = [[getattr(c, name) for name in names] for c in self.out.collections]
        return pd.DataFrame(rows, columns=names).astype({"total": "Int64"})

    @property
    def failures(self) -> pd.DataFrame:
        """What failed so far, why, and what to do."""
        import pandas as pd

        names = list(FailureOut.model_fields)
        try:
            found = list(self._client.iterate(self._client.failures, self.task_id))
        except WorkbenchError as error:
            raise from_workbench(error) from error
        return pd.DataFrame([[getattr(f, n) for n in names] for f in found], columns=names)

    def refresh(self) -> Task:
        """Ask the service for the present state."""
        self.out = self._ask(lambda: self._client.task(self.task_id))
        return self

    def wait(self, strict: bool = False) -> Task:
        """Wait for the end and show progress. Raises as ``%mixpeek wait`` does: on FAILED and
        CANCELED, and with ``strict`` on failures too."""
        live = LiveTask(self._screen, self._client)
        try:
            self.out = self._ask(lambda: self._client.wait(self.task_id, live))
        except KeyboardInterrupt:
            self.out = live.last or self.out
            raise WaitInterrupted(self.task_id) from None
        finally:
            live.stopped()
        raise_unless_good(self.out, strict)
        return self

    def cancel(self) -> Task:
        """Ask for an end; the task stops within seconds."""
        self.out = self._ask(lambda: self._client.cancel(self.task_id))
        return self

    def pause(self) -> Task:
        """Let the task hold; within seconds nothing of it runs any more."""
        self.out = self._ask(lambda: self._client.pause(self.task_id))
        return self

    def resume(self) -> Task:
        """Let the paused task go on."""
        self.out = self._ask(lambda: self._client.resume(self.task_id))
        return self

    def retry(
        self,
        failures: pd.DataFrame | Iterable[str] | None = None,
        *,
        retryable: bool = False,
        objects: Sequence[str] = (),
        filter: str | None = None,
    ) -> Task:
        """A new task of failed items: all, or those for which everything holds that is said.

        ``failures`` is a part of ``.failures`` (or any dataframe with its ``failure_id``), or ids
        of failures; ``objects`` are names; ``filter`` is over the columns of ``.failures``.
        """
        chosen = _failure_ids(failures)
        which = RetryRequest(
            retryable=retryable, objects=list(objects), failures=chosen, filter=filter
        )
        task = self._ask(lambda: self._client.retry(self.task_id, which))
        return Task(task, self._client, self._screen)

    def _ask(self, call: Callable[[], TaskOut]) -> TaskOut:
        try:
            return call()
        except WorkbenchError as error:
            raise from_workbench(error) from error

    def _ipython_display_(self) -> None:
        """The present state; nothing where the running cell has shown the end already."""
        if self.state.ended and self.task_id in self._screen.shown:
            return
        if not self.state.ended:
            self._look()
        if not self.state.ended and self._screen.mode() is Mode.WIDGET:
            self._show_live()
            return
        self._screen.show_task(self._seen(self.out))

    def _seen(self, task: TaskOut) -> TaskView:
        failed = task.state.ended and task.progress.failed
        failures = first_failures(self._client, task.task_id) if failed else ()
        return TaskView(task, failures, stable=self._screen.mode().stable)

    def _show_live(self) -> None:
        """A view that follows the task and becomes static when it has ended."""

        def ended(tasks: Sequence[TaskOut]) -> None:
            self.out = next(task for task in tasks if task.task_id == self.task_id)
            handle.update(task_bundle(self._seen(self.out)), raw=True)
            watching.view.over()

        home = self._screen.home(self._client)
        watching = Watching(self._client, [self.out], home, ended)
        bundle = {**watching.view.mime, **task_bundle(self._seen(self.out))}
        handle = self._screen.show(bundle, MARK)
        watching.start()

    def _look(self) -> None:
        """The present state, or the last one seen where the service does not answer."""
        try:
            self.out = self._client.changes(self.task_id)[0]
        except WorkbenchError:
            return

    def __repr__(self) -> str:
        said = ", ".join(task_view.counts(self.out))
        return f"<Task {task_view.title(self.out)}: {self.state}, {said}>"


def _failure_ids(failures: pd.DataFrame | Iterable[str] | None) -> list[str]:
    """The ids of failures that are given; none where nothing is said."""
    if failures is None:
        return []
    columns: Any = getattr(failures, "columns", None)
    if columns is None:
        chosen = [str(each) for each in failures]
    elif "failure_id" in columns:
        frame: Any = failures
        chosen = [str(each) for each in frame["failure_id"]]
    else:
        raise MixpeekUsageError(
            "the dataframe has no column failure_id",
            "choose rows of task.failures, or name objects: task.retry(objects=[…])",
        )
    if not chosen:
        raise MixpeekUsageError("no failure is chosen", "task.retry() tries all of them again")
    return chosen


def raise_unless_good(task: TaskOut, strict: bool) -> None:
    """A run of a notebook must stop at a task that did not do its work."""
    name = task_view.title(task)
    if task.state is TaskState.CANCELED:
        raise TaskCanceled(f"{name} was canceled")
    if task.state is TaskState.FAILED:
        error = task.error
        why = f": {error.message}" if error else ""
        raise TaskFailed(f"{name} failed{why}", error.hint if error else None)
    if strict and task.progress.failed:
        raise TaskFailed(
            f"{name}: {task.progress.failed:,} of {task.progress.total:,} items failed",
            "the output above lists them; without --strict this is no error",
        )
