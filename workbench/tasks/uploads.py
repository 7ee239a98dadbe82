"""Objects that are sent to the service: taken in, found again, listed, collected.

Bytes come in pieces; they are hashed while they are written beside the blobs, flushed to disk and
then, under one lock, moved to the place that their hash names and recorded. So a crash at any
moment, or a full disk, leaves either the whole object or a partial file that the next start
removes; content that a bucket has already is kept once. Collecting takes the same lock, so that it
never deletes content that is being recorded.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from workbench.blobs.port import BlobStore, BlobWriter
from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.folder import matches_glob
from workbench.domain.mime import HEAD, sniff
from workbench.domain.wire import Duplicate, Offer, UploadOut
from workbench.store.records import BucketRecord
from workbench.store.uploads import (
    UPLOADS,
    Content,
    Present,
    Recorded,
    UploadedObjects,
    hash_of,
)

SCHEME = "uploads://"
NAME_BYTES = 1024
MIB = 1024 * 1024

OfferState = Literal["present", "hash", "send"]


@dataclass(frozen=True)
class Told:
    """What a sender says of an object. ``sha256`` is checked against what comes."""

    name: str
    modified_at: int
    sha256: str | None = None
    round: str | None = None


class Uploads:
    """``limit``: bytes of one object at most."""

    def __init__(self, rows: UploadedObjects, blobs: BlobStore, limit: int) -> None:
        self.rows = rows
        self.limit = limit
        self._blobs = blobs
        self._lock = threading.Lock()

    def clear(self, namespace_ids: Sequence[str]) -> int:
        """Remove what uploads of an earlier process left half written. Call it at the start."""
        return sum(self._blobs.clear_partial(_prefix(each)) for each in namespace_ids)

    def ensure_bucket(self, namespace_id: str, name: str, origin: str) -> bool:
        """A bucket for uploads from ``origin``; whether it was made now."""
        return self.rows.ensure_bucket(namespace_id, checked_bucket(name), SCHEME + origin)[1]

    # ---- taking in -------------------------------------------------------------------------------

    def begin(self, namespace_id: str, bucket: str) -> Incoming:
        """Raises ``not_found``, or ``conflict`` for a bucket that follows another source."""
        record = self.rows.bucket(namespace_id, bucket)
        return Incoming(self, record, self._blobs.begin(_prefix(namespace_id)))

    def keep(
        self, bucket: BucketRecord, writer: BlobWriter, content: Content
    ) -> tuple[Recorded, bool]:
        """The written bytes become the object; whether the bucket had them before."""
        with self._lock:
            new = writer.commit(key_of(bucket.namespace_id, bucket.bucket_id, content.sha256))
            return self.rows.record(bucket, [content])[0], not new

    def offer(
        self, namespace_id: str, bucket: str, round: str, offers: Sequence[Offer]
    ) -> list[OfferState]:
        """What of these files must be sent. A file is present where the object has its hash, or,
        where none is said, its size and time; and where the bucket has its content under another
        name. ``hash``: say the hash first, it may be there. The round has begun, without files
        too; what is present stays, whatever a task was about to remove."""
        record = self.rows.bucket(namespace_id, bucket)
        for offer in offers:
            checked_name(offer.name)
        contents: list[Content] = []
        states: list[OfferState] = []
        with self._lock:
            known = self.rows.named(record.bucket_id, [offer.name for offer in offers])
            some = bool(known) or self.rows.any(record.bucket_id)
            same = [_same(known.get(offer.name), offer) for offer in offers]
            # A task may have removed some since they were read: only what is marked is there.
            marked = self.rows.mark(record, {each for each in same if each is not None}, round)
            for offer, object_id in zip(offers, same, strict=True):
                if object_id in marked:
                    states.append("present")
                elif offer.sha256 is not None and self._has(record, offer):
                    contents.append(self._linked(record, offer, offer.sha256, round))
                    states.append("present")
                else:
                    states.append("hash" if some and offer.sha256 is None else "send")
            if contents:
                self.rows.record(record, contents)
        return states

    def _has(self, bucket: BucketRecord, offer: Offer) -> bool:
        path = self._blobs.path(key_of(bucket.namespace_id, bucket.bucket_id, offer.sha256 or ""))
        return path.is_file() and path.stat().st_size == offer.size

    def _linked(self, bucket: BucketRecord, offer: Offer, sha256: str, round: str) -> Content:
        with self._blobs.path(key_of(bucket.namespace_id, bucket.bucket_id, sha256)).open(
            "rb", buffering=0
        ) as file:
            mime = sniff(file.read(HEAD), offer.name)
        return Content(offer.name, mime, offer.size, sha256, offer.modified_at, round)

    # ---- finding again ---------------------------------------------------------------------------

    def collect(self, namespace_id: str) -> tuple[int, int]:
        """Delete contents that no object has any more; their number and bytes. A bucket that has a
        task is left alone, since that may still read what was replaced meanwhile."""
        prefix = _prefix(namespace_id)
        hashes: dict[str, list[str]] = defaultdict(list)
        for key in self._blobs.keys(prefix):
            parts = PurePosixPath(key).relative_to(prefix).parts
            if len(parts) == 3:
                hashes[parts[0]].append(parts[2])
        count = size = 0
        for bucket_id, found in hashes.items():
            with self._lock:
                if self.rows.in_use(namespace_id, bucket_id):
                    continue
                for sha256 in self.rows.unused(namespace_id, bucket_id, found):
                    key = key_of(namespace_id, bucket_id, sha256)
                    size += self._blobs.path(key).stat().st_size
                    self._blobs.delete(key)
                    count += 1
        return count, size


class Incoming:
    """One object on its way in. Calls block; ``finish`` or ``abort`` ends it."""

    def __init__(self, uploads: Uploads, bucket: BucketRecord, writer: BlobWriter) -> None:
        self._uploads = uploads
        self._bucket = bucket
        self._writer = writer
        self._hash = hashlib.sha256()
        self._head = b""
        self._size = 0

    def write(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._uploads.limit:
            raise too_large(self._uploads.limit)
        if len(self._head) < HEAD:
            self._head += data[: HEAD - len(self._head)]
        self._hash.update(data)
        self._writer.write(data)

    def finish(self, told: Told) -> UploadOut:
        """Raises ``invalid_request`` where the bytes are others than was said."""
        checked_name(told.name)
        sha256 = self._hash.hexdigest()
        if told.sha256 is not None and told.sha256 != sha256:
            raise WorkbenchError(
                Code.INVALID,
                f"the bytes that came for {told.name!r} have another hash than was said",
                "the file was changed on the way or while it was read: send it again",
            )
        mime = sniff(self._head, told.name)
        content = Content(told.name, mime, self._size, sha256, told.modified_at, told.round)
        self._writer.flush()
        recorded, had = self._uploads.keep(self._bucket, self._writer, content)
        twin = self._uploads.rows.equal(self._bucket.bucket_id, sha256, told.name) if had else None
        return UploadOut(
            object=recorded.object,
            created=recorded.created,
            unchanged=recorded.same,
            duplicate_of=Duplicate(name=twin) if twin is not None else None,
        )

    def abort(self) -> None:
        self._writer.abort()


@dataclass(frozen=True)
class UploadedEntry:
    """An object as a file of the listing."""

    name: str
    size: int
    mtime_ns: int
    fingerprint: str
    mime: str
    skipped: bool = False


@dataclass(frozen=True)
class UploadedSource:
    """The objects of a bucket of uploads as its source; ``task_id`` is the task that lists it."""

    rows: UploadedObjects
    bucket_id: str
    scope: str = ""
    exclude: Sequence[str] = ()
    task_id: str | None = None

    def entries(self, after: str = "") -> Iterator[UploadedEntry]:
        for row in self.rows.after(self.bucket_id, self.scope, self.task_id, after):
            if not any(matches_glob(row.name, pattern) for pattern in self.exclude):
                modified = row.modified_at * 1_000_000
                yield UploadedEntry(row.name, row.size, modified, row.fingerprint, row.mime)

    def mime(self, entry: UploadedEntry) -> str:
        return entry.mime


def location(blobs: BlobStore, bucket: BucketRecord, name: str, fingerprint: str) -> str:
    """The file that a worker reads for an object of the bucket."""
    if bucket.source_kind == UPLOADS:
        key = key_of(bucket.namespace_id, bucket.bucket_id, hash_of(fingerprint))
        return str(blobs.path(key))
    # No path object, which takes eight times as long: each item of a plan comes here.
    return os.path.join(bucket.source_uri, name)


def key_of(namespace_id: str, bucket_id: str, sha256: str) -> str:
    return f"{_prefix(namespace_id)}/{bucket_id}/{sha256[:2]}/{sha256}"


def _prefix(namespace_id: str) -> str:
    return f"{namespace_id}/uploads"


def _same(present: Present | None, offer: Offer) -> str | None:
    """The object's id where nothing of it is to be written. One that was only touched gets its new
    time as if it were made from equal content."""
    if present is None:
        return None
    hashed = offer.sha256 is None or hash_of(present.fingerprint) == offer.sha256
    alike = hashed and (present.size, present.modified_at) == (offer.size, offer.modified_at)
    return present.object_id if alike else None


def checked_name(name: str) -> str:
    """An object's name: a relative POSIX path that means the same to everybody."""
    parts = name.split("/")
    wrong = "\0" in name or len(name.encode()) > NAME_BYTES or not {"", ".", ".."}.isdisjoint(parts)
    if wrong:
        raise WorkbenchError(
            Code.INVALID,
            f"{name[:80]!r} cannot be an object's name",
            f"a relative path without . and .., at most {NAME_BYTES} bytes, e.g. trip/cat.jpg",
        )
    return name


def checked_bucket(name: str) -> str:
    """A bucket's name, or ``invalid_request``."""
    if not name or len(name) > 100 or "/" in name or not name.isprintable():
        raise WorkbenchError(
            Code.INVALID,
            f"{name[:100]!r} cannot be a bucket's name",
            "at most 100 printable characters without a slash: --bucket NAME",
        )
    return name


def too_large(limit: int) -> WorkbenchError:
    return WorkbenchError(
        Code.TOO_LARGE,
        f"an object is at most {limit // MIB:,} MiB",
        "MIXPEEK_MAX_UPLOAD_MIB of the service sets this limit",
    )
