"""The bases of all models, the answer of every list, and the error envelope."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """Base of what the service sends: a client ignores fields that a newer service added."""

    model_config = ConfigDict(extra="ignore")


class Page(Answer, Generic[T]):
    results: list[T]
    next_cursor: str | None = None


class ErrorBody(Answer):
    code: str
    message: str
    hint: str | None = None
    details: dict[str, Any] = Field(default_factory=dict[str, Any])
    request_id: str | None = None


class ErrorEnvelope(Answer):
    error: ErrorBody
