"""Namespaces, buckets and the objects in them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from workbench.domain.wire.base import Answer, Model


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
