"""Errors of the operating system that pass by themselves, and those that do not.

A mount that is away, a server that does not answer, no room, too many open files: nothing is wrong
with the object, and another attempt may succeed, so these are ``network`` or ``resource``. What the
object itself is to blame for is not: it is gone, closed, or no file.
"""

from __future__ import annotations

import errno

from workbench.domain.room import HINT, MESSAGE, disk_is_full
from workbench.domain.states import Category
from workbench.extraction.contract import Failed

#: A bad disk says EIO as well as a mount that has lost its server; trying again harms neither.
NETWORK = frozenset(
    {
        errno.EIO,
        errno.ESTALE,
        errno.ETIMEDOUT,
        errno.ENOTCONN,
        errno.ENOLINK,
        errno.ECONNABORTED,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETRESET,
        errno.ENETUNREACH,
    }
)
RESOURCE = frozenset(
    {errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOLCK, errno.ENOMEM}
)
_AWAY = "look whether the disk, the mount or the share that it lies on is well, and retry"
_SHORT = "the worker's machine was short of it: retry, or run fewer workers there"
#: An extractor has ``max_memory`` and no more: another attempt would end alike.
_MEMORY = Failed(
    Category.LIMITS,
    "it needs more memory than a worker may take",
    "raise the parameter max_memory, or exclude the file with --exclude",
)


def passing(error: BaseException, stage: str = "extract") -> Failed | None:
    """The failure, where the error is one that passes by itself or memory that was refused; None
    for any other."""
    if disk_is_full(error):
        return Failed(Category.RESOURCE, MESSAGE, HINT, stage)
    if not isinstance(error, OSError):
        return None
    reason = error.strerror or str(error) or type(error).__name__
    if error.errno in NETWORK or (error.errno is None and isinstance(error, ConnectionError)):
        return Failed(Category.NETWORK, f"it cannot be read now: {reason}", _AWAY, stage)
    if error.errno == errno.ENOMEM and stage == "extract":
        return _MEMORY
    if error.errno in RESOURCE:
        return Failed(Category.RESOURCE, f"it cannot be read now: {reason}", _SHORT, stage)
    return None


def unreadable(error: OSError) -> Failed:
    """Why an object's bytes could not be read."""
    if isinstance(error, FileNotFoundError):
        return Failed(
            Category.SOURCE,
            "the file is gone since it was listed",
            "ingest again: what is missing leaves the bucket",
            stage="fetch",
        )
    if isinstance(error, PermissionError):
        return Failed(
            Category.PERMISSION,
            "the file may not be read by the worker",
            "make it readable and retry",
            stage="fetch",
        )
    reason = error.strerror or type(error).__name__
    other = Failed(Category.SOURCE, f"the file cannot be read: {reason}", stage="fetch")
    return passing(error, "fetch") or other
