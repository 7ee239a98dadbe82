"""A folder of small files that may be lost: it never grows past its limit, the oldest go first.

A file is whole or absent (written apart, then renamed), is named by a key that says what it holds,
and so never changes. The size is counted once from the folder and then kept in mind; when it passes
the limit, the files that were not used for longest are removed until a tenth is free.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_ROOM = 0.9


class FileCache:
    """Thread-safe; calls block. Keys are hexadecimal. What cannot be read or written is treated as
    absent: a cache is in nobody's way."""

    def __init__(self, folder: Path, limit: int) -> None:
        """``limit`` in bytes."""
        self._folder = folder
        self._limit = limit
        self._lock = threading.Lock()
        self._size: int | None = None

    def get(self, key: str) -> bytes | None:
        path = self._path(key)
        try:
            data = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        return data

    def put(self, key: str, data: bytes) -> None:
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                os.replace(name, path)
            except OSError:
                os.unlink(name)
                raise
        except OSError:
            return
        with self._lock:
            self._size = self._count() if self._size is None else self._size + len(data)
            if self._size > self._limit:
                self._size = self._sweep()

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / key

    def _count(self) -> int:
        return sum(size for _, size, _ in self._files())

    def _sweep(self) -> int:
        files = sorted(self._files())
        size = sum(size for _, size, _ in files)
        for _, freed, path in files:
            if size <= self._limit * _ROOM:
                break
            with suppress(OSError):
                os.unlink(path)
                size -= freed
        return size

    def _files(self) -> Iterator[tuple[float, int, str]]:
        """(last use, bytes, path) of every file, those of interrupted writes too."""
        for folder, _, names in os.walk(self._folder):
            for name in names:
                path = os.path.join(folder, name)
                with suppress(OSError):
                    stat = os.stat(path)
                    yield stat.st_mtime, stat.st_size, path
