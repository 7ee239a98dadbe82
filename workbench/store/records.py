"""Rows as the task system works with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.domain.states import TaskKind, TaskState


@dataclass(frozen=True)
class BucketRecord:
    bucket_id: str
    namespace_id: str
    name: str
    source_kind: str
    source_uri: str
    chosen: bool


@dataclass(frozen=True)
class CollectionRecord:
    collection_id: str
    namespace_id: str
    bucket_id: str
    name: str
    extractor: str  # name@version
    parameters: Mapping[str, Any]
    digest: str
    revision: int
    space: str


@dataclass(frozen=True)
class TaskRecord:
    task_id: str
    namespace_id: str
    kind: TaskKind
    state: TaskState
    requested: str | None
    bucket_id: str | None
    bucket: str | None
    retry_of: str | None
    request: Mapping[str, Any]
    listing_ended: bool
    listing_cursor: str | None
    created_at: int


@dataclass(frozen=True)
class ObjectRecord:
    object_id: str
    name: str
    mime: str
    size: int
    fingerprint: str
    sha256: str | None
    version: int
    removed: bool


@dataclass(frozen=True)
class ChunkRecord:
    chunk_id: str
    number: int
    collection_id: str
    state: str
    items: int
    bytes: int
