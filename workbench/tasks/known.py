"""Known content: which tables a manifest names, kept by the service.

What was indexed is noted in memory. The first chunks of a task, and a task that has found enough
new content, write what was noted as one more table; a table is merged into the one before it unless
that is four times as large, so a million contents lie in a few tables and each is written a few
times. Tables are derived: at the first use of a digest, segments that no table names are read (only
their keys), a bounded number at a time, so that a service that was killed before it wrote
its notes, or lost the tables, knows the same again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from workbench.blobs.port import BlobNotFound, BlobStore
from workbench.domain import ids
from workbench.extraction.chunks import Manifest, Outcome, segment_key
from workbench.extraction.known import KnownTable, Place, encode_table, known_key, known_prefix
from workbench.extraction.segments import KNOWN, read_table
from workbench.store.segments import Segments

log = logging.getLogger(__name__)

#: A task writes what was noted in its course when it is at least so much.
ENOUGH = 500
FACTOR = 4
#: Segments read at once to catch up.
CATCH_UP = 200
#: A table that was merged away stays for the chunks under way, in seconds.
RETIRED_SECONDS = 600.0


@dataclass
class _Digest:
    """Tables by key with their number of entries, the oldest first; what is noted; segments that
    must still be read."""

    tables: dict[str, int] = field(default_factory=dict[str, int])
    noted: dict[bytes, Place] = field(default_factory=dict[bytes, Place])
    behind: list[str] = field(default_factory=list[str])
    retired: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])


class Known:
    def __init__(self, blobs: BlobStore, segments: Segments) -> None:
        self._blobs = blobs
        self._segments = segments
        self._digests: dict[tuple[str, str], _Digest] = {}
        self._lock = threading.Lock()

    def tables(self, namespace_id: str, digest: str, first: bool) -> tuple[str, ...]:
        """Keys of the tables to look content up in, the newest last. ``first``: for one of the
        first chunks of a task, which shall know all that was noted until now."""
        with self._lock:
            known = self._of(namespace_id, digest)
            self._catch_up(namespace_id, known)
            enough = max(ENOUGH, sum(known.tables.values()) // FACTOR)
            if known.noted and (first or len(known.noted) >= enough):
                self._write(namespace_id, digest, known)
            return tuple(known.tables)

    def note(self, manifest: Manifest, outcome: Outcome) -> None:
        """The chunk is indexed: equal content need not be extracted again."""
        with self._lock:
            known = self._digests.get((manifest.namespace_id, manifest.digest))
            if known is not None:  # else its segment is read at the first use
                known.noted.update(places(manifest, outcome))

    def forget(self, namespace_id: str, digest: str) -> None:
        """Segments of the digest were compacted: the tables are made anew of those there are."""
        with self._lock:
            self._digests.pop((namespace_id, digest), None)
            for key in list(self._blobs.keys(known_prefix(namespace_id, digest))):
                self._blobs.delete(key)

    def _of(self, namespace_id: str, digest: str) -> _Digest:
        known = self._digests.get((namespace_id, digest))
        if known is None:
            known = _Digest()
            covered: set[str] = set()
            for key in sorted(self._blobs.keys(known_prefix(namespace_id, digest))):
                table = self._read(key)
                if table is not None:
                    known.tables[key] = len(table)
                    covered.update(table.segments)
            present = self._segments.of_digest(namespace_id, digest)
            known.behind = [one for one in reversed(present) if one not in covered]
            self._digests[namespace_id, digest] = known
        return known

    def _catch_up(self, namespace_id: str, known: _Digest) -> None:
        for _ in range(min(CATCH_UP, len(known.behind))):
            segment_id = known.behind.pop()
            try:
                data = self._blobs.get(segment_key(namespace_id, segment_id))
                table = read_table(data, [KNOWN, "object_id"])
            except (BlobNotFound, ValueError, OSError):
                continue
            rows = zip(table[KNOWN].to_pylist(), table["object_id"].to_pylist(), strict=True)
            for key, place in _runs(segment_id, rows):
                known.noted.setdefault(key, place)

    def _write(self, namespace_id: str, digest: str, known: _Digest) -> None:
        entries, known.noted = known.noted, {}
        merged: list[str] = []
        while known.tables:
            last = next(reversed(known.tables))
            if known.tables[last] >= FACTOR * len(entries):
                break
            merged.append(last)
            known.tables.pop(last)
            table = self._read(last)
            entries = dict(table.entries() if table is not None else ()) | entries
        if merged:
            entries = self._present(namespace_id, entries)
        key = f"{known_prefix(namespace_id, digest)}/{ids.new_id(ids.KNOWN)}.bin"
        self._blobs.put(key, encode_table(entries))
        known.tables[key] = len(entries)
        now = time.monotonic()
        known.retired += [(now, old) for old in merged]
        while known.retired and known.retired[0][0] < now - RETIRED_SECONDS:
            self._blobs.delete(known.retired.pop(0)[1])

    def _present(self, namespace_id: str, entries: Mapping[bytes, Place]) -> dict[bytes, Place]:
        """Without places in segments that are gone."""
        named = {place.segment_id for place in entries.values()}
        present = self._segments.present(namespace_id, named) | {""}
        return {key: place for key, place in entries.items() if place.segment_id in present}

    def _read(self, key: str) -> KnownTable | None:
        try:
            return KnownTable(self._blobs.get(key))
        except (BlobNotFound, ValueError) as error:
            log.warning("a table of known content is left out: %s", error)
            return None


def places(manifest: Manifest, outcome: Outcome) -> Iterable[tuple[bytes, Place]]:
    """Where each content of the chunk lies in its segment, whose rows are in the order of the
    outcome's objects."""
    items = {item.object_id: item for item in manifest.items}
    row = 0
    for each in outcome.objects:
        if each.unchanged:
            continue
        item = items[each.object_id]
        segment = manifest.chunk_id if each.documents else ""
        yield (
            known_key(each.sha256, item.mime, item.name),
            Place(segment, row if each.documents else 0, each.documents),
        )
        row += each.documents


def _runs(segment_id: str, rows: Iterable[tuple[str, str]]) -> Iterable[tuple[bytes, Place]]:
    """Places from a segment's keys and objects, row by row."""
    row = 0
    for (key, _), group in groupby(rows):
        count = sum(1 for _ in group)
        if key:
            yield bytes.fromhex(key), Place(segment_id, row, count)
        row += count
