"""Searches: what is asked, what is found and why."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from workbench.domain.mime import Kind
from workbench.domain.wire.base import Answer, Model
from workbench.domain.wire.collections import DocumentOut

Mode = Literal["dense", "text", "hybrid"]


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
    folded under it. ``rerank`` names a cross-encoder that reads the best hits of a text again."""

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
    rerank: str | None = Field(default=None, min_length=1, max_length=200)


class Reason(Answer):
    """Why a hit is where it is: its place and raw score in one ranked list. ``kind`` is ``dense``
    (``feature`` says which space), ``text``, or ``rerank`` (``feature`` says which model)."""

    kind: Literal["dense", "text", "rerank"]
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
    """Seconds of encoding the query, of the engine, of reranking, and of all."""

    encode: float
    engine: float
    rerank: float = 0.0
    total: float


class SearchResponse(Answer):
    hits: list[Hit]
    mode: Mode
    collections: list[str]
    timing: SearchTiming
    warnings: list[str] = Field(default_factory=list[str])
