"""A chunk: a bounded number of objects for one extractor, and what came of them.

The manifest is written by the planner and read by the worker; the outcome is written by the worker
and read by the indexer. Both are JSON blobs under the chunk's id, so that messages between the
processes carry ids and counters only. The outcome is written last: where it exists, the chunk was
extracted, and its segment is whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any

from workbench.blobs.port import BlobNotFound, BlobStore
from workbench.domain.states import RETRYABLE, Category


@dataclass(frozen=True)
class ChunkItem:
    """``location`` is a path on the machine of the worker. ``known_sha256`` is the content whose
    documents are searchable already under the same digest: equal bytes are not extracted again."""

    object_id: str
    name: str
    mime: str
    location: str
    size: int
    fingerprint: str
    modified_at: int | None
    known_sha256: str | None = None


@dataclass(frozen=True)
class Manifest:
    chunk_id: str
    namespace_id: str
    task_id: str
    bucket: str
    collection_id: str
    collection: str
    extractor: str  # name@version
    parameters: Mapping[str, Any]
    digest: str
    items: Sequence[ChunkItem]
    #: Keys of the tables of known content, the newest last.
    known: Sequence[str] = ()


@dataclass(frozen=True)
class ObjectOutcome:
    """``documents`` is 0 when the object was ``unchanged`` and nothing was extracted. ``reused``
    is the object whose documents were taken over because its content is equal, "" when such
    content is known to give none; None when the object was extracted."""

    object_id: str
    sha256: str
    size: int
    documents: int
    unchanged: bool = False
    reused: str | None = None


@dataclass(frozen=True)
class ObjectFailure:
    """``size``: bytes that were read and hashed before it failed; None where none were."""

    object_id: str
    category: Category
    message: str
    hint: str | None
    stage: str
    traceback: str | None = None
    size: int | None = None

    @property
    def retryable(self) -> bool:
        return self.category in RETRYABLE


@dataclass(frozen=True)
class StageRow:
    stage: str
    started_at: int
    seconds: float
    rows: int
    bytes: int


@dataclass(frozen=True)
class Outcome:
    """``left`` are the objects that were not reached because the chunk was stopped."""

    chunk_id: str
    worker: str
    objects: Sequence[ObjectOutcome]
    failures: Sequence[ObjectFailure]
    left: Sequence[str]
    stages: Sequence[StageRow]
    documents: int
    segment_bytes: int
    seconds: float


def manifest_key(namespace_id: str, chunk_id: str) -> str:
    return f"{namespace_id}/chunks/{chunk_id}/manifest.json"


def outcome_key(namespace_id: str, chunk_id: str, part: str = "") -> str:
    return f"{namespace_id}/chunks/{chunk_id}/outcome{part}.json"


def segment_key(namespace_id: str, chunk_id: str, part: str = "") -> str:
    return f"{namespace_id}/segments/{chunk_id}{part}.parquet"


def write_manifest(blobs: BlobStore, manifest: Manifest) -> None:
    blobs.put(manifest_key(manifest.namespace_id, manifest.chunk_id), _dump(manifest))


def read_manifest(blobs: BlobStore, namespace_id: str, chunk_id: str) -> Manifest:
    values = json.loads(blobs.get(manifest_key(namespace_id, chunk_id)))
    values["items"] = [ChunkItem(**item) for item in values["items"]]
    return Manifest(**values)


def write_outcome(blobs: BlobStore, namespace_id: str, outcome: Outcome, part: str = "") -> None:
    blobs.put(outcome_key(namespace_id, outcome.chunk_id, part), _dump(outcome))


def read_outcome(
    blobs: BlobStore, namespace_id: str, chunk_id: str, part: str = ""
) -> Outcome | None:
    """What came of the chunk, None when it has not been extracted."""
    try:
        values = json.loads(blobs.get(outcome_key(namespace_id, chunk_id, part)))
    except BlobNotFound:
        return None
    values["objects"] = [ObjectOutcome(**row) for row in values["objects"]]
    values["failures"] = [
        ObjectFailure(**(row | {"category": Category(row["category"])}))
        for row in values["failures"]
    ]
    values["stages"] = [StageRow(**row) for row in values["stages"]]
    return Outcome(**values)


def _dump(value: Manifest | Outcome) -> bytes:
    return json.dumps(value, separators=(",", ":"), default=_fields).encode()


def _fields(value: object) -> dict[str, Any]:
    """Not ``asdict``, which copies every field of every item first."""
    if not is_dataclass(value):
        raise TypeError(f"{type(value).__name__} has no place in a chunk's files")
    return vars(value)
