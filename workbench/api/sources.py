"""The bytes of an object, opened for reading, with what tells one state of them from another."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from workbench.domain.errors import Code, WorkbenchError
from workbench.store.objects import ObjectRow

#: Where the bytes of an object are: a file whose path has been checked to lie in its source, or the
#: bytes themselves. Raises ``WorkbenchError``, or OSError where they cannot be had.
OpenSource = Callable[[ObjectRow], Path | bytes]


@dataclass(frozen=True)
class Opened:
    """``tag`` differs when the bytes do. ``modified_at`` in UTC ms, None where nothing says."""

    file: BinaryIO
    size: int
    tag: str
    modified_at: int | None

    def is_listed(self, row: ObjectRow) -> bool:
        """Whether these are the bytes that the last listing saw."""
        if self.modified_at is None or row.modified_at is None:
            return self.size == row.size
        return self.size == row.size and abs(self.modified_at - row.modified_at) <= 1


def open_object(open_source: OpenSource, row: ObjectRow) -> Opened:
    """Raises ``source_unreadable`` when the bytes cannot be had. The caller closes ``file``."""
    try:
        place = open_source(row)
        return _open_bytes(place) if isinstance(place, bytes) else _open_file(place)
    except FileNotFoundError as problem:
        raise _unreadable(row, "is gone from its source", problem) from problem
    except OSError as problem:
        raise _unreadable(row, "cannot be read", problem) from problem


def _open_bytes(data: bytes) -> Opened:
    tag = hashlib.blake2b(data, digest_size=16).hexdigest()
    return Opened(io.BytesIO(data), len(data), tag, None)


def _open_file(path: Path) -> Opened:
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe must not hold us
    file = os.fdopen(handle, "rb")
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        file.close()
        raise OSError("it is no regular file")
    tag = f"{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}"
    return Opened(file, found.st_size, tag, found.st_mtime_ns // 1_000_000)


def _unreadable(row: ObjectRow, what: str, problem: OSError) -> WorkbenchError:
    reason = problem.strerror or str(problem)
    return WorkbenchError(
        Code.SOURCE_UNREADABLE,
        f"{row.name!r} {what}: {reason}",
        f"ingest {row.source_uri} again to bring the bucket up to date",
        {"object_id": row.object_id},
    )
