"""What a source is to those who list it: a folder, or the objects that were uploaded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol


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
