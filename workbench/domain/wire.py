"""The models on the wire: what the HTTP API takes and answers. Service and client share them.

Times are UTC in ISO 8601. Absent values are null. ``Page`` is the answer of every list.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from workbench.domain.mime import Kind
from workbench.domain.retries import RetryPolicy
from workbench.domain.states import Category, TaskKind, TaskState

T = TypeVar("T")
Mode = Literal["dense", "text", "hybrid"]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """Base of what the service sends: a client ignores fields that a newer service added."""

    model_config = ConfigDict(extra="ignore")


class Page(Answer, Generic[T]):
    results: list[T]
    next_cursor: str | None = None


# ---- errors -------------------------------------------------------------------------------------


class ErrorBody(Answer):
    code: str
    message: str
    hint: str | None = None
    details: dict[str, Any] = Field(default_factory=dict[str, Any])
    request_id: str | None = None


class ErrorEnvelope(Answer):
    error: ErrorBody


# ---- nouns --------------------------------------------------------------------------------------


class NamespaceCreate(Model):
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")


class NamespaceOut(Answer):
    namespace_id: str
    name: str
    created_at: datetime


class BucketSource(Answer):
    kind: Literal["folder", "s3", "uploads"]
    uri: str


class BucketOut(Answer):
    bucket_id: str
    name: str
    source: BucketSource
    objects: int
    bytes: int
    created_at: datetime


class BucketCreate(Model):
    """A bucket whose objects are uploaded. ``origin`` says where they come from, as the sender
    names it: files of another origin are refused a bucket of the same name."""

    name: str
    origin: str = Field(default="", max_length=4096)


class ObjectOut(Answer):
    object_id: str
    bucket: str
    name: str
    mime: str
    size: int
    sha256: str | None
    version: int
    modified_at: datetime | None
    created_at: datetime


class Duplicate(Answer):
    """Another object of the bucket with equal content."""

    name: str


class UploadOut(Answer):
    """``created``: there was no such object; ``unchanged``: it had this content already."""

    object: ObjectOut
    created: bool
    unchanged: bool
    duplicate_of: Duplicate | None = None


class Offer(Model):
    """A file that a sender has; ``modified_at`` in UTC milliseconds."""

    name: str
    size: int = Field(ge=0)
    modified_at: int
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")


class OfferRequest(Model):
    """``round`` marks all files of one run over a folder: an ingest with this round removes what
    it did not name."""

    round: str = Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")
    files: list[Offer] = Field(max_length=1000)


class OfferOut(Answer):
    """For each file: ``present``, ``send``, or ``hash`` (offer it again with its hash: it may be
    present). A file of more than ``max_bytes`` is refused."""

    results: list[Literal["present", "hash", "send"]]
    max_bytes: int


class Sample(Model):
    """A file or folder of a source as the caller's system describes it; ``name`` is relative to
    the source, "" for the source itself."""

    name: str
    size: int
    mtime_ns: int
    inode: int
    folder: bool


class SourceRequest(Model):
    """A path on the caller's machine, called ``host``, with some of what is there."""

    path: str
    host: str = Field(max_length=255)
    folder: bool
    bucket: str | None = None
    samples: list[Sample] = Field(max_length=32)


class SourceOut(Answer):
    """``reachable``: the service sees the same files at this path and may read them. Otherwise the
    files are to be uploaded to ``bucket`` from ``origin``, named from ``root`` on; ``scope`` is the
    part of it that the path is."""

    reachable: bool
    why: str | None = None
    bucket: str
    origin: str
    root: str
    scope: str


class SearchableOut(Answer):
    """What is searchable of an object in a collection. ``digest`` says by which revision of the
    extractor it was made, ``reused`` the object whose documents were taken over."""

    sha256: str
    version: int | None
    digest: str
    segment_id: str
    documents: int
    at: datetime
    task_id: str
    reused: str | None = None


class ExplainedTask(Answer):
    task_id: str
    at: datetime
    state: str
    why: str


class ExplainedCollection(Answer):
    """``next`` says what an ingest would do now, ``tasks`` what the last ones did, newest first."""

    collection: str
    extractor: str
    digest: str
    takes: bool
    searchable: SearchableOut | None
    next: str
    tasks: list[ExplainedTask]


class ExplainOut(Answer):
    """``listed`` is what the last listing saw of the file, in words."""

    object: ObjectOut
    removed_at: datetime | None
    listed: str
    collections: list[ExplainedCollection]


class FeatureOut(Answer):
    address: str
    name: str
    dimension: int
    distance: str
    model: str
    queries: list[str]


class CollectionOut(Answer):
    collection_id: str
    name: str
    bucket: str
    extractor: str
    parameters: dict[str, Any]
    digest: str
    revision: int
    features: list[FeatureOut]
    documents: int
    retry: RetryPolicy = Field(default_factory=RetryPolicy)
    created_at: datetime


class DocumentOut(Answer):
    document_id: str
    object_id: str
    object_name: str
    bucket: str
    collection: str
    extractor: str
    mime: str
    text: str | None = None
    page: int | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    box: list[float] | None = None
    labels: list[str] = Field(default_factory=list[str])
    payload: dict[str, Any] = Field(default_factory=dict[str, Any])


class ExtractorOut(Answer):
    name: str
    version: int
    description: str
    accepts: list[str]
    default: bool
    isolated: bool
    parameters: dict[str, Any]  # JSON schema
    features: list[FeatureOut]
    fields: dict[str, str]
    resources: dict[str, Any]


# ---- tasks --------------------------------------------------------------------------------------


class IngestRequest(Model):
    """``source`` is an absolute path (a folder, or a file or folder inside the bucket's source).

    ``local`` is said by a client that runs on the service's machine as the service's user and found
    it through its home: the path is then added to the roots the service may read. ``retry`` are the
    settings of a ``RetryPolicy`` that change for the collections of this ingest.

    ``uploads://BUCKET/PART`` is what was uploaded to a bucket, or a part of it; with ``round`` the
    objects of it that were not offered in that round of uploads are removed.
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


# ---- search -------------------------------------------------------------------------------------


class Media(Model):
    """An example to search with: its bytes in base64."""

    data: str
    name: str = "example"


class GivenVector(Model):
    """A vector of one feature's space, e.g. ``mixpeek://text@1/semantic``. ``values`` are floats,
    or ``data`` is base64 of little-endian float32."""

    feature: str
    values: list[float] | None = None
    data: str | None = None


class SearchRequest(Model):
    """One of ``text``, ``media``, ``vector``, ``document_id`` (more like this document). ``kinds``
    narrows to kinds of object; ``group`` gives the best hit of each object, with its other hits
    folded under it."""

    text: str | None = None
    media: Media | None = None
    vector: GivenVector | None = None
    document_id: str | None = None
    buckets: list[str] = Field(default_factory=list[str])
    collections: list[str] = Field(default_factory=list[str])
    kinds: list[Kind] = Field(default_factory=list[Kind])
    filter: dict[str, Any] | str | None = None
    mode: Mode = "hybrid"
    group: bool = False
    top: int = Field(default=10, ge=1, le=1000)
    offset: int = Field(default=0, ge=0, le=10_000)
    exact: bool = False


class Reason(Answer):
    """Why a hit is where it is: its place and raw score in one ranked list. ``kind`` is ``dense``
    (``feature`` says which space) or ``text``."""

    kind: Literal["dense", "text"]
    feature: str | None = None
    score: float
    rank: int


class Folded(Answer):
    """A further hit in the same object, below the best one."""

    document_id: str
    collection: str
    score: float
    text: str | None = None
    page: int | None = None
    start_ms: int | None = None
    end_ms: int | None = None


class Hit(DocumentOut):
    """``others`` are further hits in the same object, best first, where hits are grouped."""

    rank: int
    score: float
    reasons: list[Reason] = Field(default_factory=list[Reason])
    others: list[Folded] = Field(default_factory=list[Folded])


class SearchTiming(Answer):
    """Seconds of encoding the query, of the engine, and of all."""

    encode: float
    engine: float
    total: float


class SearchResponse(Answer):
    hits: list[Hit]
    mode: Mode
    collections: list[str]
    timing: SearchTiming
    warnings: list[str] = Field(default_factory=list[str])


# ---- the stack ----------------------------------------------------------------------------------


class PartHealth(Answer):
    state: Literal["ok", "starting", "idle", "down"]
    detail: str = ""
    version: str | None = None


class HealthOut(Answer):
    """``state`` is ``ok`` when every part that is needed to accept and search is."""

    state: Literal["ok", "degraded"]
    version: str
    home_id: str
    started_at: datetime
    parts: dict[str, PartHealth]


# ---- telemetry ----------------------------------------------------------------------------------


class SqlColumnOut(Answer):
    """``type`` is DuckDB's name of it, e.g. ``BIGINT`` or ``TIMESTAMP WITH TIME ZONE``."""

    name: str
    type: str
    meaning: str


class SqlTableOut(Answer):
    """A table that ``mixpeek sql`` knows. ``time`` names the column that ``since`` and ``until``
    bound; None where a table has none."""

    name: str
    meaning: str
    columns: list[SqlColumnOut]
    time: str | None = None
