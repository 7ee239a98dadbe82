"""Tasks: what they are asked to do, how far they are, what failed in them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from workbench.domain.states import Category, TaskKind, TaskState
from workbench.domain.wire.base import Answer, Model


class IngestRequest(Model):
    """``source`` is an absolute path (a folder, or a file or folder inside the bucket's source).

    ``local`` is said by a client that runs on the service's machine as the service's user and found
    it through its home: the path is then added to the roots the service may read. ``retry`` are the
    settings of a ``RetryPolicy`` that change for the collections of this ingest.

    ``uploads://BUCKET/PART`` is what was uploaded to a bucket, or a part of it; with ``round`` the
    objects of it that were not offered since that round of uploads began are removed.
    """

    source: str
    bucket: str | None = None
    extractors: list[str] | None = None
    parameters: dict[str, dict[str, Any]] = Field(default_factory=dict[str, dict[str, Any]])
    exclude: list[str] = Field(default_factory=list[str])
    verify: bool = False
    local: bool = False
    retry: dict[str, Any] | None = None
    round: str | None = Field(default=None, max_length=64)


class TypeCount(Model):
    """Files of one MIME type, and their bytes."""

    files: int = Field(ge=0)
    bytes: int = Field(ge=0)


class DryRunRequest(IngestRequest):
    """``types``: what the source holds by MIME type, where the service does not see it and
    ``bucket`` is where it would be uploaded."""

    types: dict[str, TypeCount] | None = None


class ReindexRequest(Model):
    """Which collections: those of a bucket, or one, by name or id; all where nothing is said.
    ``compact`` puts small segments together and deletes what nothing uses."""

    bucket: str | None = None
    collection: str | None = None
    compact: bool = False


class RetryRequest(Model):
    """Which failed items: those for which everything holds that is said, all when nothing is.
    ``failures`` are ids of failures, ``objects`` names; ``filter`` is over the failures' fields."""

    retryable: bool = False
    objects: list[str] = Field(default_factory=list[str])
    failures: list[str] = Field(default_factory=list[str])
    filter: dict[str, Any] | str | None = None


class DryRunRow(Answer):
    """Files of one type that an extractor would take; None where none does."""

    kind: str
    mime: str
    extractor: str | None
    files: int
    bytes: int


class DryRunOut(Answer):
    """What an ingest would do. ``new``: it would make the bucket. ``unchanged`` files are known as
    they are; only a collection that has not seen them would extract them (files that would be
    uploaded first are not compared). ``complete`` is false
    where the source is too large to be listed within a request: the counts are then of its first
    files."""

    bucket: str
    new: bool
    files: int
    bytes: int
    unchanged: int
    unmatched: int
    complete: bool
    rows: list[DryRunRow]


class Progress(Answer):
    """Counts of items; ``total`` is null until listing has ended. ``rate`` is items a second over
    the last seconds, ``seconds_left`` the time that the rest takes at it: each null while it is not
    known."""

    total: int | None = None
    pending: int = 0
    extracted: int = 0
    indexed: int = 0
    skipped: int = 0
    failed: int = 0
    canceled: int = 0
    documents: int = 0
    rate: float | None = None
    seconds_left: float | None = None


class Funnel(Answer):
    """From the files of the source to what search finds: how many are left after each step.

    ``listed`` files had ``matched`` of a type that the extractor takes; ``read`` of them were read
    and hashed (``read_bytes``), ``unchanged`` needed no extraction, ``extracted`` gave what became
    ``documents`` (those of unchanged objects included) and is ``indexed``. ``failed`` is by
    category.
    """

    listed: int = 0
    matched: int = 0
    read: int = 0
    read_bytes: int = 0
    unchanged: int = 0
    extracted: int = 0
    documents: int = 0
    indexed: int = 0
    canceled: int = 0
    failed: dict[str, int] = Field(default_factory=dict[str, int])


class ObjectCounts(Answer):
    listed: int = 0
    matched: int = 0
    unmatched: int = 0
    removed: int = 0


class CollectionProgress(Progress):
    collection: str
    extractor: str
    funnel: Funnel = Field(default_factory=Funnel)


class StageProgress(Answer):
    """How far one stage is: ``list`` counts files, ``extract`` and ``index`` items that need it.
    ``total`` is null while it can still grow."""

    stage: Literal["list", "extract", "index"]
    total: int | None = None
    done: int = 0
    waiting: int = 0
    rate: float | None = None


class TaskError(Answer):
    code: str
    message: str
    hint: str | None = None


class TaskOut(Answer):
    task_id: str
    kind: TaskKind
    state: TaskState
    requested: Literal["pause", "cancel"] | None = None
    bucket: str | None = None
    retry_of: str | None = None
    progress: Progress = Field(default_factory=Progress)
    objects: ObjectCounts = Field(default_factory=ObjectCounts)
    collections: list[CollectionProgress] = Field(default_factory=list[CollectionProgress])
    stages: list[StageProgress] = Field(default_factory=list[StageProgress])
    error: TaskError | None = None
    note: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None


class TaskStateOut(Answer):
    """A state that a task took, or a request for one. ``sequence`` grows from one to the next."""

    task_id: str
    sequence: int
    state: TaskState
    requested: Literal["pause", "cancel"] | None = None
    at: datetime


class FailureOut(Answer):
    failure_id: str
    task_id: str
    object_id: str
    object_name: str
    collection: str
    category: Category
    message: str
    hint: str | None = None
    stage: str
    traceback: str | None = None
    retryable: bool
    attempts: int = 1
    worker: str | None = None
    digest: str | None = None  # of the extractor: its name, version, parameters and models
    at: datetime
