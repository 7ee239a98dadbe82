"""The blob port. Keys are POSIX paths made of ids, never of a user's names.

Promises: a blob is visible only when it is complete, and a completed ``put`` survives a power loss;
putting the same key again replaces it whole. Calls block. ``location`` is a string that
``open_blobs`` turns into an equal store in another process.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class BlobNotFound(Exception):
    """There is no blob under this key."""


class BlobStore(Protocol):
    @property
    def location(self) -> str: ...

    def put(self, key: str, data: bytes | memoryview) -> None: ...

    def get(self, key: str) -> bytes:
        """Raises ``BlobNotFound``."""
        ...

    def exists(self, key: str) -> bool: ...

    def delete(self, key: str) -> None:
        """Deleting what is not there is no error."""
        ...

    def keys(self, prefix: str) -> Iterator[str]: ...
