"""Files that are sent to the service: what is offered, what is taken, where sources lie."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from workbench.domain.wire.base import Answer, Model
from workbench.domain.wire.buckets import ObjectOut


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
    """``round`` names one run over a folder, and no other one. It begins where the service first
    hears of it; without files, so that it can begin before the folder is listed. An ingest with
    this round removes what nobody has offered since."""

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
