"""The blob port. Keys are POSIX paths made of ids, never of a user's names.

Promises: a blob is visible only when it is complete, and a completed ``put`` survives a power loss;
putting the same key again replaces it whole. Calls block. ``location`` is a string that
``open_blobs`` turns into an equal store in another process.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol


class BlobNotFound(Exception):
    """There is no blob under this key."""


class BlobWriter(Protocol):
    """A blob that comes in pieces and whose key is known at its end. Nothing of it is visible
    before ``commit``; whoever does not come so far calls ``abort``."""

    def write(self, data: bytes | memoryview) -> None: ...

    def flush(self) -> None:
        """Have what was written on disk already; ``commit`` sees to it as well."""
        ...

    def commit(self, key: str) -> bool:
        """It is the blob of ``key`` now. False: there is one already, and that one stays."""
        ...

    def abort(self) -> None: ...


class BlobStore(Protocol):
    @property
    def location(self) -> str: ...

    def put(self, key: str, data: bytes | memoryview) -> None: ...

    def begin(self, prefix: str) -> BlobWriter:
        """A blob whose key will begin with ``prefix``."""
        ...

    def path(self, key: str) -> Path:
        """The file that holds the blob, for those who read it in parts; it may not be there."""
        ...

    def clear_partial(self, prefix: str, before: int | None = None) -> int:
        """Remove what processes that are no more had begun: what was not written to since
        ``before`` (UTC milliseconds); without it everything, only for prefixes that no other
        process writes below. Returns how many there were. A store with folders loses the empty
        ones as well."""
        ...

    def get(self, key: str) -> bytes:
        """Raises ``BlobNotFound``."""
        ...

    def exists(self, key: str) -> bool: ...

    def delete(self, key: str) -> None:
        """Deleting what is not there is no error."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Every blob below. Those that have been given may be deleted while it goes on."""
        ...
