"""Knowing a full disk, whichever engine says so.

An error travels from SQLite, the vectors' owner or a Ray actor as text only, so it is known by the
operating system's and SQLite's own words.
"""

from __future__ import annotations

MESSAGE = "the disk is full"
HINT = "free some space in the home's file system; work goes on by itself"

_WORDS = ("No space left on device", "database or disk is full", "Disk quota exceeded")


def disk_is_full(error: BaseException) -> bool:
    """Whether this error, or one that caused it, says that there is no room."""
    seen: BaseException | None = error
    for _ in range(10):
        if seen is None:
            return False
        text = str(seen)
        if any(word in text for word in _WORDS):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
