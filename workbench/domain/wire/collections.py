"""Collections, their documents, and the extractors that make them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from workbench.domain.retries import RetryPolicy
from workbench.domain.wire.base import Answer
from workbench.domain.wire.buckets import ObjectOut


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
