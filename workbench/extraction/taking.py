"""Taking objects to be extracted: in batches bounded by number and bytes, read and hashed.

What was hashed is what is extracted: small objects are held, larger ones are left in their file,
which is looked at again afterwards.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from workbench.extraction.chunks import ChunkItem

#: Bytes of sources held in memory at once, beyond the first of a batch.
BATCH_BYTES = 64 * 1024 * 1024
#: A larger object is hashed in pieces and not held: extractors open its file.
HELD_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class ReadSource:
    """An object whose bytes have been read."""

    object_id: str
    name: str
    mime: str
    sha256: str
    size: int
    data: bytes

    def read(self) -> bytes:
        return self.data

    def open(self) -> BinaryIO:
        return io.BytesIO(self.data)

    def changed(self) -> bool:
        return False


@dataclass(frozen=True)
class FileSource:
    """An object that is too large to be held, hashed and left in its file. ``state`` is what the
    file was when it was hashed; what an extractor reads later is only believed while it is that."""

    object_id: str
    name: str
    mime: str
    sha256: str
    size: int
    path: str
    state: tuple[int, int, int]

    def read(self) -> bytes:
        with self.open() as file:
            return file.read()

    def open(self) -> BinaryIO:
        return open(self.path, "rb")

    def changed(self) -> bool:
        try:
            return _state(os.stat(self.path)) != self.state
        except OSError:
            return True


TakenSource = ReadSource | FileSource


def take(item: ChunkItem) -> TakenSource:
    """The object, hashed; its bytes too where they are few. Raises OSError."""
    with open(item.location, "rb", buffering=0) as file:
        found = os.fstat(file.fileno())
        if found.st_size <= HELD_BYTES:
            data = file.read()
            sha256 = hashlib.sha256(data).hexdigest()
            return ReadSource(item.object_id, item.name, item.mime, sha256, len(data), data)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return FileSource(
            item.object_id,
            item.name,
            item.mime,
            sha256,
            found.st_size,
            item.location,
            _state(found),
        )


def _state(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns


def batches(
    items: Sequence[ChunkItem], most: int, most_bytes: int
) -> Iterator[Sequence[ChunkItem]]:
    """Items in order, cut so that no batch has more than ``most`` of them or, unless it is a single
    one, more bytes than allowed."""
    limit = min(most_bytes, BATCH_BYTES)
    batch: list[ChunkItem] = []
    size = 0
    for item in items:
        if batch and (len(batch) >= most or size + item.size > limit):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += item.size
    if batch:
        yield batch
