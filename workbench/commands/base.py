"""What a verb is. The tree of verbs is data: the shell builds its parser from it, the magics their
completion, and the help of both is the same text.

A verb takes parsed arguments and a ``Context`` and gives an ``Outcome``. It prints nothing: shell
and notebook render the outcome, each in its own way.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from workbench.client import Client
from workbench.client.upload import Uploading
from workbench.domain.wire import TaskOut

#: What ``data`` is: decides how it is rendered. ``task`` TaskOut, ``tasks`` list of it, ``hits``
#: SearchResponse, ``rows`` list of flat dicts (any list verb), ``failures`` list of FailureOut as
#: dicts, ``frame`` a pandas DataFrame (sql), ``text`` a string.
Shape = Literal["task", "tasks", "hits", "rows", "failures", "frame", "text"]

DONE, NOT_CLEAN, WRONG_USE, UNREACHABLE, REFUSED, INTERRUPTED = 0, 1, 2, 3, 4, 130


@dataclass(frozen=True)
class Outcome:
    """``data`` is the model or value of ``shape``; ``json`` is what ``--json`` prints (plain JSON
    values); ``status`` the exit status; ``columns`` the order for tables; ``note`` a closing line.
    """

    shape: Shape
    data: Any
    json: Any
    status: int = DONE
    columns: tuple[str, ...] = ()
    note: str | None = None


class Watcher(Protocol):
    """Where a running task is shown. Called with every new state of the task."""

    def __call__(self, task: TaskOut) -> None: ...


@dataclass(frozen=True)
class Context:
    """What a verb works with. ``confirm`` asks a yes/no question (False where nobody can answer);
    ``frames`` are the user's own dataframes, for ``sql``; ``uploading`` shows files being sent."""

    client: Client
    watch: Watcher
    confirm: Callable[[str], bool]
    frames: Mapping[str, Any] = field(default_factory=dict[str, Any])
    uploading: Callable[[Uploading], None] = lambda _: None


@dataclass(frozen=True)
class Verb:
    name: str
    help: str
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[Context, argparse.Namespace], Outcome]
