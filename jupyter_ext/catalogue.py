"""Names for completion, asked of the service and remembered for some seconds.

Typing must never wait for a network: a question is asked in a thread, the answer is waited for
0.3 s, and one that comes later serves the next key. A service that is away is the same as one that
has no names.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from workbench.client import Client
from workbench.client.sql import sql_tables
from workbench.domain.errors import WorkbenchError
from workbench.domain.mime import KINDS
from workbench.domain.states import Category
from workbench.domain.wire import FailureOut

REMEMBERED: Final = 10.0  # seconds
PATIENCE: Final = 0.3  # seconds
MOST: Final = 200  # names of a kind


@dataclass
class _Answer:
    names: list[str] = field(default_factory=list[str])
    at: float = float("-inf")
    asked: threading.Event | None = None  # set when the running question is answered


class Catalogue:
    """``names(kind)`` for the kinds of ``_KINDS``; ``tables()`` with their columns."""

    def __init__(
        self,
        connect: Callable[[], Client],
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        self._patience = patience
        self._clock = clock
        self._answers: dict[str, _Answer] = {}
        self._lock = threading.Lock()

    def names(self, kind: str) -> list[str]:
        with self._lock:
            answer = self._answers.setdefault(kind, _Answer())
            if self._clock() - answer.at <= REMEMBERED:
                return answer.names
            if answer.asked is None:
                answer.asked = threading.Event()
                threading.Thread(
                    target=self._ask, args=(kind, answer), name="mixpeek-names", daemon=True
                ).start()
            asked = answer.asked
        asked.wait(self._patience)
        return answer.names

    def tables(self) -> dict[str, list[str]]:
        """Columns by table of telemetry."""
        found: dict[str, list[str]] = {}
        for name in self.names("columns"):
            table, _, column = name.partition(".")
            found.setdefault(table, []).append(column)
        return found

    def _ask(self, kind: str, answer: _Answer) -> None:
        names: list[str] = []
        try:
            names = _asked(kind)(self._connect())
        except WorkbenchError:
            names = []  # away, or it refuses: completion is no place to say so
        finally:
            with self._lock:
                asked, answer.asked = answer.asked, None
                answer.names, answer.at = names, self._clock()
            if asked is not None:
                asked.set()


def _buckets(client: Client) -> list[str]:
    return [bucket.name for bucket in client.buckets(limit=MOST, sort="name").results]


def _collections(client: Client) -> list[str]:
    return [found.name for found in client.collections(limit=MOST, sort="name").results]


def _extractors(client: Client) -> list[str]:
    return [extractor.name for extractor in client.extractors(limit=MOST).results]


def _settings(client: Client) -> list[str]:
    """``extractor.param=`` for every parameter of every extractor."""
    return [
        f"{extractor.name}.{parameter}="
        for extractor in client.extractors(limit=MOST).results
        for parameter in cast("dict[str, Any]", extractor.parameters.get("properties", {}))
    ]


def _tasks(client: Client) -> list[str]:
    return [task.task_id for task in client.tasks(limit=20, sort="-created_at").results]


def _namespaces(client: Client) -> list[str]:
    return [namespace.name for namespace in client.namespaces(limit=MOST).results]


def _columns(client: Client) -> list[str]:
    """``table.column`` of all tables."""
    return [
        f"{table.name}.{column.name}" for table in sql_tables(client) for column in table.columns
    ]


def _kinds(_: Client) -> list[str]:
    return list(KINDS)


def _fields(client: Client) -> list[str]:
    """What a filter of a search can name: what all documents have, and what extractors add."""
    extractors = client.extractors(limit=MOST).results
    return list(dict.fromkeys([*_COMMON, *(name for e in extractors for name in e.fields)]))


def _failure_fields(_: Client) -> list[str]:
    return [name for name in FailureOut.model_fields if name not in ("traceback", "worker")]


def _mimes(client: Client) -> list[str]:
    extractors = client.extractors(limit=MOST).results
    return sorted({mime for e in extractors for mime in e.accepts if "*" not in mime})


def _categories(_: Client) -> list[str]:
    return [str(category) for category in Category]


def _truth(_: Client) -> list[str]:
    return ["true", "false"]


def _nothing(_: Client) -> list[str]:
    return []


def _asked(kind: str) -> Callable[[Client], list[str]]:
    noun, colon, field = kind.partition(": ")
    if not colon:
        return _KINDS[noun]
    return (_VALUES if noun == "fields" else _FAILURE_VALUES).get(field, _nothing)


_COMMON: Final = (
    *("kind", "mime", "object_name", "bucket", "collection", "labels", "page"),
    *("start_ms", "end_ms", "modified_at", "text", "object_id"),
)
_KINDS: Final[Mapping[str, Callable[[Client], list[str]]]] = {
    "buckets": _buckets,
    "collections": _collections,
    "extractors": _extractors,
    "settings": _settings,
    "tasks": _tasks,
    "namespaces": _namespaces,
    "columns": _columns,
    "kinds": _kinds,
    "fields": _fields,
    "failure fields": _failure_fields,
}
_VALUES: Final[Mapping[str, Callable[[Client], list[str]]]] = {
    "kind": _kinds,
    "mime": _mimes,
    "bucket": _buckets,
    "collection": _collections,
}
_FAILURE_VALUES: Final[Mapping[str, Callable[[Client], list[str]]]] = {
    "category": _categories,
    "collection": _collections,
    "retryable": _truth,
}
