"""What a source is to those who list it: a folder, or the objects that were uploaded."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Protocol

#: Entries that are written in one transaction.
PAGE = 1000


class Entry(Protocol):
    """A file; ``skipped`` when it cannot be an object. ``fingerprint`` tells whether it changed."""

    @property
    def name(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def mtime_ns(self) -> int: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def skipped(self) -> bool: ...


class Source(Protocol):
    """``scope``: the part that is listed, "" for all. ``entries`` come in order of their names,
    from those after ``after`` on; ``mime`` is of one of these."""

    @property
    def scope(self) -> str: ...

    def entries(self, after: str = "") -> Iterator[Entry]: ...

    def mime(self, entry: Any) -> str: ...


def next_page(entries: Iterator[Entry]) -> tuple[list[Entry], bool]:
    """About ``PAGE`` entries, and whether they are the last. A page ends with a name that is kept:
    one that is no UTF-8 is listed under other bytes than it is sorted by, so it bounds nothing."""
    page = list(itertools.islice(entries, PAGE))
    while page and page[-1].skipped and (more := next(entries, None)) is not None:
        page.append(more)
    return page, len(page) < PAGE or page[-1].skipped
