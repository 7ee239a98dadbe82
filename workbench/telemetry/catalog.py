"""The tables that SQL can name: columns, types, meaning. The API lists them, the client completes
them, the documentation prints them, and every reader builds its Arrow batches by them.

``stages`` and ``searches`` are events; the fields of an event's class are the columns here.
``tasks``, ``items``, ``funnel``, ``failures`` and ``objects`` are rows of the metadata store,
``documents`` the payloads of the vector store. ``namespace_id`` is no column: a reader always sees
one namespace.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from workbench.domain.errors import Code, WorkbenchError, not_found
from workbench.domain.states import Category
from workbench.telemetry.arrow import ArrowSchema

Source = Literal["events", "metadata", "vectors"]

TEXT = "VARCHAR"
INTEGER = "BIGINT"
NUMBER = "DOUBLE"
FLAG = "BOOLEAN"
TIME = "TIMESTAMP WITH TIME ZONE"
TEXTS = "VARCHAR[]"
NUMBERS = "DOUBLE[]"

#: Arrow types by DuckDB's names. Times are UTC and keep the milliseconds they were written with.
ARROW: Mapping[str, pa.DataType] = {
    TEXT: pa.string(),
    INTEGER: pa.int64(),
    NUMBER: pa.float64(),
    FLAG: pa.bool_(),
    TIME: pa.timestamp("ms", tz="UTC"),
    TEXTS: pa.list_(pa.string()),
    NUMBERS: pa.list_(pa.float64()),
}


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    meaning: str


@dataclass(frozen=True)
class Table:
    """``time`` is the column that ``since`` and ``until`` bound; None where there is none."""

    name: str
    meaning: str
    source: Source
    columns: tuple[Column, ...]
    time: str | None = None

    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def schema(self, names: Iterable[str] | None = None) -> ArrowSchema:
        """The Arrow schema of these columns, in the order given; of all without ``names``."""
        types = {column.name: ARROW[column.type] for column in self.columns}
        return pa.schema([(name, types[name]) for name in (names or types)])


TASKS = Table(
    "tasks",
    "Long jobs: one row per task.",
    "metadata",
    (
        Column("task_id", TEXT, "the task"),
        Column("kind", TEXT, "ingest, delete or reindex"),
        Column("state", TEXT, "PENDING, IN_PROGRESS, PAUSED or how it ended"),
        Column("requested", TEXT, "pause or cancel that is not yet done"),
        Column("bucket", TEXT, "name of the bucket"),
        Column("total", INTEGER, "items; null until listing has ended"),
        Column("pending", INTEGER, "items that wait or are worked on"),
        Column("extracted", INTEGER, "items extracted and not yet searchable"),
        Column("indexed", INTEGER, "items that became searchable"),
        Column("skipped", INTEGER, "items that had not changed"),
        Column("failed", INTEGER, "items that failed"),
        Column("canceled", INTEGER, "items given up by a cancel"),
        Column("documents", INTEGER, "documents searchable for the task's objects"),
        Column("listed", INTEGER, "objects that the source listed"),
        Column("unmatched", INTEGER, "objects that no extractor accepts"),
        Column("removed", INTEGER, "objects that were gone from the source"),
        Column("retry_of", TEXT, "the task whose failed items this one tries again"),
        Column("error_code", TEXT, "why the task failed, as a stable code"),
        Column("error_message", TEXT, "why the task failed, in words"),
        Column("created_at", TIME, "when it was accepted"),
        Column("started_at", TIME, "when work began"),
        Column("ended_at", TIME, "when it ended"),
    ),
    "created_at",
)

ITEMS = Table(
    "items",
    "One row per object and collection of a task.",
    "metadata",
    (
        Column("task_id", TEXT, "the task"),
        Column("object_id", TEXT, "the object"),
        Column("object_name", TEXT, "path of the object in its source"),
        Column("collection", TEXT, "name of the collection"),
        Column("state", TEXT, "pending, extracted, indexed, skipped, failed or canceled"),
        Column("read_bytes", INTEGER, "bytes read and hashed; null where none were"),
        Column("documents", INTEGER, "documents searchable for it when it ended"),
    ),
)

FUNNEL = Table(
    "funnel",
    "How many are left after each step: one row per task and collection.",
    "metadata",
    (
        Column("task_id", TEXT, "the task"),
        Column("collection", TEXT, "name of the collection"),
        Column("listed", INTEGER, "objects that the source listed"),
        Column("matched", INTEGER, "those of a type that the extractor takes"),
        Column("read", INTEGER, "those that were read and hashed"),
        Column("read_bytes", INTEGER, "their bytes"),
        Column("unchanged", INTEGER, "those that needed no extraction"),
        Column("extracted", INTEGER, "those that were extracted"),
        Column("documents", INTEGER, "documents searchable for them, unchanged ones included"),
        Column("indexed", INTEGER, "those that became searchable"),
        Column("canceled", INTEGER, "those given up by a cancel"),
        Column("failed", INTEGER, "those that failed"),
        *(
            Column(f"failed_{category.value}", INTEGER, f"those that failed for {category.value}")
            for category in Category
        ),
    ),
)

STAGES = Table(
    "stages",
    "What each stage of each chunk cost: one row per stage that ran.",
    "events",
    (
        Column("task_id", TEXT, "the task"),
        Column("collection", TEXT, "name of the collection; null for stages of the whole task"),
        Column("extractor", TEXT, "name@version"),
        Column(
            "stage",
            TEXT,
            "queue, list, plan, fetch, reuse, load, decode, read, infer, transcribe, write, index "
            "or reindex",
        ),
        Column("started_at", TIME, "when the stage began"),
        Column("seconds", NUMBER, "how long it took"),
        Column("rows", INTEGER, "objects or documents it handled"),
        Column("bytes", INTEGER, "bytes it handled"),
        Column("worker", TEXT, "the process that ran it"),
    ),
    "started_at",
)

FAILURES = Table(
    "failures",
    "Why items failed: one row per failed item.",
    "metadata",
    (
        Column("failure_id", TEXT, "the failure"),
        Column("task_id", TEXT, "the task"),
        Column("object_id", TEXT, "the object"),
        Column("object_name", TEXT, "path of the object in its source"),
        Column("collection", TEXT, "name of the collection"),
        Column("category", TEXT, "source, format, limits, model, resource, network, permission, …"),
        Column("message", TEXT, "what went wrong"),
        Column("hint", TEXT, "what to do next"),
        Column("stage", TEXT, "the stage that failed"),
        Column("traceback", TEXT, "end of the traceback, where there is one"),
        Column("retryable", FLAG, "whether the same content may succeed later"),
        Column("attempts", INTEGER, "how often it was tried"),
        Column("worker", TEXT, "the process that met it"),
        Column("digest", TEXT, "of the extractor: its name, version, parameters and models"),
        Column("at", TIME, "when it failed"),
    ),
    "at",
)

SEARCHES = Table(
    "searches",
    "One row per search.",
    "events",
    (
        Column("at", TIME, "when it came"),
        Column("mode", TEXT, "dense, text or hybrid"),
        Column("kind", TEXT, "what was searched with: text, media, vector or document"),
        Column("collections", INTEGER, "collections in reach"),
        Column("hits", INTEGER, "hits answered"),
        Column("encode_seconds", NUMBER, "encoding the query"),
        Column("engine_seconds", NUMBER, "in the vector engine"),
        Column("rerank_seconds", NUMBER, "reading the best hits again, where it was asked for"),
        Column("seconds", NUMBER, "from request to answer"),
        Column("error", TEXT, "code of the error, where it failed"),
    ),
    "at",
)

OBJECTS = Table(
    "objects",
    "The files of all buckets, as last listed; removed ones are left out.",
    "metadata",
    (
        Column("object_id", TEXT, "the object"),
        Column("object_name", TEXT, "path of the object in its source"),
        Column("bucket", TEXT, "name of the bucket"),
        Column("mime", TEXT, "type by content"),
        Column("size", INTEGER, "bytes"),
        Column("sha256", TEXT, "hash of the content last read"),
        Column("version", INTEGER, "from 1, up by one when the content changes"),
        Column("modified_at", TIME, "when the source says it changed"),
        Column("created_at", TIME, "when it was first listed"),
    ),
    "created_at",
)

DOCUMENTS = Table(
    "documents",
    "Everything that search can find: one row per document.",
    "vectors",
    (
        Column("document_id", TEXT, "the document"),
        Column("object_id", TEXT, "the object it is a piece of"),
        Column("object_name", TEXT, "path of the object in its source"),
        Column("bucket", TEXT, "name of the bucket"),
        Column("collection", TEXT, "name of the collection"),
        Column("extractor", TEXT, "name@version"),
        Column("mime", TEXT, "type of the object"),
        Column("kind", TEXT, "image, audio, video, text or document"),
        Column("position", INTEGER, "place among the object's documents, from 0"),
        Column("page", INTEGER, "page, from 1"),
        Column("start_ms", INTEGER, "start in the recording"),
        Column("end_ms", INTEGER, "end in the recording"),
        Column("text", TEXT, "text of the document"),
        Column("box", NUMBERS, "place in the picture"),
        Column("labels", TEXTS, "labels"),
        Column("modified_at", TIME, "when the object changed"),
        Column("payload", TEXT, "the extractor's other fields as JSON, e.g. payload->>'$.width'"),
    ),
)

TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (TASKS, ITEMS, FUNNEL, STAGES, FAILURES, SEARCHES, OBJECTS, DOCUMENTS)
}


def find(name: str) -> Table:
    """The table of this name; ``not_found`` names the others."""
    table = TABLES.get(name)
    if table is None:
        raise not_found("table", name, f"the tables are {', '.join(TABLES)}")
    return table


def choose(table: Table, names: Sequence[str] | None) -> tuple[str, ...]:
    """The columns to read: ``names`` in their order, or all. An unknown one, or none at all, is an
    ``INVALID_PARAMETER`` that says which there are."""
    if names is None:
        return table.names()
    known = table.names()
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise WorkbenchError(
                Code.INVALID_PARAMETER,
                f"table {table.name} has no column {name!r}",
                f"{hint}its columns are {', '.join(known)}",
            )
    if not names:
        raise WorkbenchError(Code.INVALID_PARAMETER, "no column was asked for")
    return tuple(dict.fromkeys(names))


def check_range(table: Table, since: int | None, until: int | None) -> None:
    """A time range needs a time column; ``since`` and ``until`` are UTC milliseconds."""
    if table.time is None and (since is not None or until is not None):
        raise WorkbenchError(
            Code.INVALID_PARAMETER,
            f"table {table.name} has no time column to bound",
            "leave out since and until",
        )
