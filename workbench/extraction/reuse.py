"""Taking documents over from the segments of equal content.

One ``Shelf`` lives as long as the worker's process: it keeps the tables of known content that the
manifest at hand names, and the segments it read last. Whatever is gone or does not hold what the
table promised is as if nobody had known it: the object is extracted.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.blobs.port import BlobNotFound, BlobStore
from workbench.extraction.chunks import segment_key
from workbench.extraction.known import KnownTable, Place
from workbench.extraction.segments import KNOWN, read_table

log = logging.getLogger(__name__)

TABLES = 64
#: Segments kept in memory: neighbours in a listing mostly come from the same one.
SEGMENTS = 4


@dataclass(frozen=True)
class Copy:
    """Rows of another object with equal content; ``rows`` is an Arrow table, None for none."""

    rows: Any
    origin: str


class Shelf:
    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._tables: OrderedDict[str, KnownTable | None] = OrderedDict()
        self._segments: OrderedDict[str, Any] = OrderedDict()

    def find(self, namespace_id: str, tables: Sequence[str], key: bytes) -> Copy | None:
        """The documents of content with this key; the newest table is asked first."""
        for name in reversed(tables):
            table = self._table(name)
            place = table.find(key) if table is not None else None
            if place is None:
                continue
            copy = self._copy(namespace_id, place, key)
            if copy is not None:
                return copy
        return None

    def _copy(self, namespace_id: str, place: Place, key: bytes) -> Copy | None:
        if not place.rows:
            return Copy(None, "")
        segment = self._segment(segment_key(namespace_id, place.segment_id))
        if segment is None:
            return None
        rows = segment.slice(place.first, place.rows)
        if rows.num_rows != place.rows or set(rows[KNOWN].to_pylist()) != {key.hex()}:
            return None
        origins = set(rows["object_id"].to_pylist())
        return Copy(rows, origins.pop()) if len(origins) == 1 else None

    def _table(self, name: str) -> KnownTable | None:
        if name not in self._tables:
            self._tables[name] = self._load(name)
            while len(self._tables) > TABLES:
                self._tables.popitem(last=False)
        self._tables.move_to_end(name)
        return self._tables[name]

    def _load(self, name: str) -> KnownTable | None:
        try:
            return KnownTable(self._blobs.get(name))
        except BlobNotFound:
            return None  # a newer one has taken its place
        except ValueError as error:
            log.warning("%s: %s", name, error)
            return None

    def _segment(self, key: str) -> Any:
        if key not in self._segments:
            try:
                self._segments[key] = read_table(self._blobs.get(key))
            except (BlobNotFound, ValueError, OSError):
                return None
            while len(self._segments) > SEGMENTS:
                self._segments.popitem(last=False)
        self._segments.move_to_end(key)
        return self._segments[key]
