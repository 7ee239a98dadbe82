"""What an ingest would do, found out without writing anything.

The source is listed and types are told by content, as an ingest does it; what a bucket knows
already is compared. A listing that takes longer than a request may is broken off and says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.folder import SourceUnreadable
from workbench.domain.mime import kind_of
from workbench.domain.wire import DryRunOut, DryRunRow, TypeCount
from workbench.extraction.contract import ExtractorSpec
from workbench.store.ledger import Ledger
from workbench.store.records import BucketRecord
from workbench.tasks.source import Entry, Source, next_page

LONGEST_SECONDS = 20.0

#: Which extractors take a MIME type.
Taking = Callable[[str], Sequence[ExtractorSpec]]


@dataclass
class _Count:
    files: int = 0
    bytes: int = 0

    def add(self, size: int, files: int = 1) -> None:
        self.files += files
        self.bytes += size


@dataclass
class _Counts:
    listed: _Count = field(default_factory=_Count)
    unchanged: int = 0
    unmatched: int = 0
    rows: dict[tuple[str, str | None], _Count] = field(
        default_factory=dict[tuple[str, str | None], _Count]
    )


def dry_run(
    source: Source, bucket: str, known: BucketRecord | None, ledger: Ledger, taking: Taking
) -> DryRunOut:
    """Counts by type and extractor. Raises ``WorkbenchError`` when the source cannot be listed."""
    counts = _Counts()
    complete = False
    deadline = time.monotonic() + LONGEST_SECONDS
    try:
        for page, upto, after in _pages(source):
            before = (
                ledger.known(known.namespace_id, known.bucket_id, after, upto, source.scope)
                if known
                else {}
            )
            for entry in page:
                same = before.get(entry.name)
                unchanged = (
                    same is not None and not same.removed and same.fingerprint == entry.fingerprint
                )
                mime = same.mime if same is not None and unchanged else source.mime(entry)
                _count(counts, entry, mime, unchanged, taking(mime))
            if time.monotonic() > deadline:
                break
        else:
            complete = True
    except SourceUnreadable as error:
        raise WorkbenchError(Code.SOURCE_UNREADABLE, str(error), "check the path") from None
    return _out(counts, bucket, known is None, complete)


def counted(types: Mapping[str, TypeCount], bucket: str, new: bool, taking: Taking) -> DryRunOut:
    """The same for files that somebody else has listed and counted by type."""
    counts = _Counts()
    for mime, given in types.items():
        takers = taking(mime)
        counts.listed.add(given.bytes, given.files)
        counts.unmatched += given.files * (not takers)
        for name in [spec.name for spec in takers] or [None]:
            counts.rows.setdefault((mime, name), _Count()).add(given.bytes, given.files)
    return _out(counts, bucket, new, complete=True)


def _out(counts: _Counts, bucket: str, new: bool, complete: bool) -> DryRunOut:
    return DryRunOut(
        bucket=bucket,
        new=new,
        files=counts.listed.files,
        bytes=counts.listed.bytes,
        unchanged=counts.unchanged,
        unmatched=counts.unmatched,
        complete=complete,
        rows=[
            DryRunRow(
                kind=kind_of(mime), mime=mime, extractor=name, files=row.files, bytes=row.bytes
            )
            for (mime, name), row in sorted(
                counts.rows.items(), key=lambda each: (each[0][1] is None, -each[1].files, each[0])
            )
        ],
    )


def _pages(source: Source) -> Iterator[tuple[list[Entry], str | None, str]]:
    """Files page by page, with the last name of the page (None at the end) and that before it."""
    entries = source.entries()
    after = ""
    last = False
    while not last:
        page, last = next_page(entries)
        upto = None if last else page[-1].name
        yield [entry for entry in page if not entry.skipped], upto, after
        after = upto or after


def _count(
    counts: _Counts,
    entry: Entry,
    mime: str,
    unchanged: bool,
    takers: Sequence[ExtractorSpec],
) -> None:
    counts.listed.add(entry.size)
    counts.unchanged += unchanged
    counts.unmatched += not takers
    for name in [spec.name for spec in takers] or [None]:
        counts.rows.setdefault((mime, name), _Count()).add(entry.size)
