"""Blobs in a folder.

A blob is written beside its place, flushed to disk, and renamed: a reader sees all of it or
nothing, and after a power loss either the whole blob is there or none of it.
"""

from __future__ import annotations

import contextlib
import io
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

from workbench.blobs.port import BlobNotFound, BlobStore

_PARTIAL = ".partial"


class FolderBlobs:
    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def location(self) -> str:
        return self._folder.as_uri()

    def put(self, key: str, data: bytes | memoryview) -> None:
        path = self._path(key)
        partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}{_PARTIAL}")
        try:
            with _create(partial) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)

    def begin(self, prefix: str) -> FolderWriter:
        folder = self._path(prefix)
        _make(folder)
        return FolderWriter(folder / f"{uuid.uuid4().hex}{_PARTIAL}", self._path)

    def path(self, key: str) -> Path:
        return self._path(key)

    def clear_partial(self, prefix: str, before: int | None = None) -> int:
        count = 0
        top = self._path(prefix)
        for folder, _, names in os.walk(top, topdown=False):
            for name in names:
                path = Path(folder, name)
                if name.endswith(_PARTIAL) and _untouched(path, before):
                    path.unlink(missing_ok=True)
                    count += 1
            if Path(folder) != top and _untouched(Path(folder), before):
                with contextlib.suppress(OSError):  # there is something in it
                    Path(folder).rmdir()
        return count

    def get(self, key: str) -> bytes:
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            raise BlobNotFound(key) from None

    def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def keys(self, prefix: str) -> Iterator[str]:
        for folder, _, names in os.walk(self._path(prefix)):
            for name in sorted(names):
                if not name.endswith(_PARTIAL):
                    yield Path(folder, name).relative_to(self._folder).as_posix()

    def _path(self, key: str) -> Path:
        path = (self._folder / key).resolve()
        if not path.is_relative_to(self._folder):
            raise ValueError(f"blob key leads out of the store: {key!r}")
        return path


class FolderWriter:
    """A partial file that becomes the blob by being renamed."""

    def __init__(self, partial: Path, place: Callable[[str], Path]) -> None:
        self._partial = partial
        self._place = place
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._file = io.FileIO(descriptor, "w")

    def write(self, data: bytes | memoryview) -> None:
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) :]

    def flush(self) -> None:
        os.fsync(self._file.fileno())

    def commit(self, key: str) -> bool:
        path = self._place(key)
        if path.is_file():
            self.abort()
            return False
        self.flush()
        self._file.close()
        _make(path.parent)
        self._partial.replace(path)
        _sync_folder(path.parent)
        return True

    def abort(self) -> None:
        self._file.close()
        self._partial.unlink(missing_ok=True)


def _create(path: Path) -> BinaryIO:
    """The new file, in a folder that may be missing, or be removed at this moment as an empty
    one."""
    for _ in range(10):
        _make(path.parent)
        with contextlib.suppress(FileNotFoundError):
            return path.open("xb")
    return path.open("xb")


def _make(folder: Path) -> None:
    """The folder with those above it; each survives a power loss."""
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(exist_ok=True, mode=0o700)
        _sync_folder(folder.parent)


def _untouched(path: Path, before: int | None) -> bool:
    """Whether nobody has written to it since that moment, in UTC milliseconds; None for now."""
    try:
        return before is None or path.stat().st_mtime_ns < before * 1_000_000
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_blobs(location: str) -> BlobStore:
    """The store at ``location``: a folder, as a path or as a ``file:`` URI."""
    scheme, separator, path = location.partition("://")
    if not separator:
        return FolderBlobs(Path(location))
    if scheme != "file":
        raise ValueError(f"there is no blob store for {scheme!r}: give a folder")
    return FolderBlobs(Path(unquote(path)))
