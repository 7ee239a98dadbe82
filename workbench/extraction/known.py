"""What content has been extracted already: a sorted table of keys, each with its place.

A key stands for everything that documents are made of besides the extractor's digest: the bytes,
the MIME type and the ending of the name. A place is a range of rows in a feature segment. Tables
are immutable blobs; a worker loads each once and looks keys up by bisection over their first eight
bytes, so that asking for content that nobody has seen costs microseconds.

Layout, little-endian: number of entries, number of bytes of segment names; then the entries of 28
bytes (16 key, 4 segment, 4 first row, 4 rows), sorted by key; then the names, a line each.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from workbench.domain.names import ending

_HEAD = struct.Struct("<II")
_PLACE = struct.Struct("<III")
KEY_BYTES = 16
_ENTRY = KEY_BYTES + _PLACE.size


@dataclass(frozen=True)
class Place:
    """Rows of a segment; without ``rows`` the content gave no documents and has no segment."""

    segment_id: str
    first: int
    rows: int


def known_key(sha256: str, mime: str, name: str) -> bytes:
    return hashlib.sha256(f"{sha256}/{mime}/{ending(name).lower()}".encode()).digest()[:KEY_BYTES]


class KnownTable:
    """A table as it was encoded. Raises ValueError for bytes that are none."""

    def __init__(self, data: bytes) -> None:
        if len(data) < _HEAD.size:
            raise ValueError("no table of known content")
        self._count, names = _HEAD.unpack_from(data)
        self._end = _HEAD.size + self._count * _ENTRY
        if len(data) != self._end + names:
            raise ValueError("a table of known content is cut")
        self._data = data
        layout = np.dtype([("start", ">u8"), ("rest", f"V{_ENTRY - 8}")])
        entries = np.frombuffer(data, layout, self._count, _HEAD.size)
        self._starts = entries["start"].astype(np.uint64)
        self.segments = data[self._end :].decode().split("\n")

    def __len__(self) -> int:
        return self._count

    def find(self, key: bytes) -> Place | None:
        start = np.uint64(int.from_bytes(key[:8], "big"))
        index = int(self._starts.searchsorted(start))
        while index < self._count and self._starts[index] == start:
            if self._key(index) == key:
                return self._place(index)
            index += 1
        return None

    def entries(self) -> Iterator[tuple[bytes, Place]]:
        for index in range(self._count):
            yield self._key(index), self._place(index)

    def _key(self, index: int) -> bytes:
        start = _HEAD.size + index * _ENTRY
        return self._data[start : start + KEY_BYTES]

    def _place(self, index: int) -> Place:
        start = _HEAD.size + index * _ENTRY + KEY_BYTES
        segment, first, rows = _PLACE.unpack_from(self._data, start)
        return Place(self.segments[segment], first, rows)


def encode_table(entries: Mapping[bytes, Place]) -> bytes:
    numbers: dict[str, int] = {}
    body = bytearray()
    for key in sorted(entries):
        place = entries[key]
        segment = numbers.setdefault(place.segment_id, len(numbers))
        body += key + _PLACE.pack(segment, place.first, place.rows)
    names = "\n".join(numbers).encode()
    return _HEAD.pack(len(entries), len(names)) + bytes(body) + names


def known_prefix(namespace_id: str, digest: str = "") -> str:
    return f"{namespace_id}/known/{digest}".rstrip("/")
