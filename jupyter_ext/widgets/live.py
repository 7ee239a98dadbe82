"""What both widgets share: questions of the browser answered by the kernel.

A question is a message ``{"ask": KIND, "id": …, "body": …}``; its answer ``{"id", "ok", "body"}``
has the same id, and bytes beside it where there are some. Each is answered in a thread of its own
small pool: a search that takes a second holds up no picture, and the thread that runs the cell is
not needed. JupyterLab 4.4 and later deliver messages to a widget in a subshell of ipykernel 7, so
they come while a cell runs; other front ends deliver them when it has ended.

Nothing secret is a trait: the key stays in the client, ``home`` says which service it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, cast

import anywidget
import traitlets as t

from jupyter_ext.errors import in_a_cell
from workbench.domain.errors import WorkbenchError

_AT_ONCE: Final = 4


@dataclass(frozen=True)
class Reply:
    """``body`` is JSON, ``data`` bytes."""

    body: Any = None
    data: bytes | None = None


Answer = Callable[[Mapping[str, Any]], Reply]


class LiveView(anywidget.AnyWidget):
    """``view`` is what is shown; ``home`` and ``namespace`` say which service it is about."""

    view = t.Dict().tag(sync=True)
    home = t.Unicode("").tag(sync=True)
    namespace = t.Unicode("").tag(sync=True)

    def __init__(self, answers: Mapping[str, Answer], **traits: Any) -> None:
        super().__init__(**traits)
        self._answers = dict(answers)
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="mixpeek-view")
        self.on_msg(self._heard)

    @property
    def mime(self) -> dict[str, Any]:
        """What shows it, without the words that stand in for it."""
        bundle = cast("tuple[dict[str, Any], dict[str, Any]]", super()._repr_mimebundle_())
        return {key: value for key, value in bundle[0].items() if not key.startswith("text/")}

    def over(self) -> None:
        """Nobody asks any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.close()

    def _heard(self, _: object, content: Mapping[str, Any], __: object) -> None:
        self._pool.submit(self._answer, content)

    def _answer(self, content: Mapping[str, Any]) -> None:
        ident = str(content.get("id"))
        given = content.get("body")
        body = cast("Mapping[str, Any]", given) if isinstance(given, dict) else {}
        answer = self._answers.get(str(content.get("ask")))
        try:
            if answer is None:
                raise ValueError("this kernel does not know the question")
            reply = answer(body)
        except Exception as error:  # noqa: BLE001 - the browser waits for an answer
            self.send({"id": ident, "ok": False, "body": _sentence(error)})
            return
        buffers = [reply.data] if reply.data is not None else None
        self.send({"id": ident, "ok": True, "body": reply.body}, buffers)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


def _sentence(error: Exception) -> str:
    if isinstance(error, WorkbenchError):
        return in_a_cell(". ".join(filter(None, (error.message, error.hint))))
    return str(error) or type(error).__name__
