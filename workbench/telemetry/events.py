"""What the system did, as rows. An event's class is its table; the fields are its columns.

``namespace_id`` scopes each row and never leaves the service. Times are UTC milliseconds,
durations seconds.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StageEvent:
    """One stage of one chunk (or of the task, where ``collection`` is None): ``queue``, ``list``,
    ``plan``, ``fetch``, ``reuse`` (objects that got the documents of equal content), ``decode``,
    ``infer``, ``write``, ``index``; of a reindex ``reindex`` and ``collect``. ``event_id`` is
    unique by what happened, so that an event told twice is one row."""

    event_id: str
    namespace_id: str
    task_id: str
    collection: str | None
    extractor: str | None
    stage: str
    started_at: int
    seconds: float
    rows: int
    bytes: int
    worker: str


@dataclass(frozen=True)
class SearchEvent:
    event_id: str
    namespace_id: str
    at: int
    mode: str
    kind: str  # text, media, vector, document
    collections: int
    hits: int
    encode_seconds: float
    engine_seconds: float
    rerank_seconds: float
    seconds: float
    error: str | None = None


Event = StageEvent | SearchEvent
