"""Thumbnails, made when they are first asked for and kept in a bounded folder.

A thumbnail is kept under what it was made of: the object, the version and listing of its bytes, and
the edge. When the source has changed since it was listed, the picture of the new bytes is shown and
not kept, so that nothing wrong stays. Keys hold the object's id and not its hash: no namespace can
find out whether another one holds the same file. Decoding runs in two threads of its own, so that a
screen full of pictures leaves the other routes their threads. Films, recordings and pages are shown
by their extractors, each in a process of its own; where in the object they look is part of the key.
Those may take half a minute to fail, so two other threads wait for them, and what cannot be shown
is remembered for some minutes under the same key.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import tempfile
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool

from workbench.api.filecache import FileCache
from workbench.api.hopeless import Hopeless
from workbench.api.pictures import NoPicture, shrink
from workbench.api.sources import Opened, OpenSource, open_object
from workbench.domain.errors import Code, WorkbenchError
from workbench.extraction.contract import Extractor, Part
from workbench.extraction.preview import NoPreview, Wanted, make_preview, target_of
from workbench.store.objects import ObjectRow

EDGES = (160, 320, 640, 1024)
LIMIT = 1024 * 1024 * 1024
#: Of each kind: decoding here, and waiting for processes that decode.
_THREADS = 2


@dataclass(frozen=True)
class Thumbnail:
    """``data`` is WebP; ``tag`` names it for ever, None when it must not be kept."""

    data: bytes
    tag: str | None


class Thumbnails:
    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        self._cache = FileCache(folder, limit)
        self._hopeless = Hopeless()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="thumbnail")
        self._waiting = ThreadPoolExecutor(_THREADS, thread_name_prefix="preview")

    async def get(self, row: ObjectRow, edge: int, open_source: OpenSource) -> Thumbnail:
        """``edge`` is one of ``EDGES``. Raises ``no_thumbnail``, ``source_unreadable``."""
        tag = thumbnail_tag(row, edge)
        kept = await self._kept(row, tag)
        if kept is not None:
            return kept
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._make, row, edge, open_source)

    async def preview(
        self,
        row: ObjectRow,
        extractor: type[Extractor],
        part: Part,
        edge: int,
        open_source: OpenSource,
    ) -> Thumbnail:
        """What ``extractor`` shows of the object, or of a part of it. Raises ``no_thumbnail``,
        ``source_unreadable``."""
        tag = preview_tag(row, extractor.spec.key, part, edge)
        kept = await self._kept(row, tag)
        if kept is not None:
            return kept
        wanted = Wanted(target_of(extractor), row.name, row.mime, part, edge)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._waiting, self._show, row, wanted, tag, open_source)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._waiting.shutdown(wait=False, cancel_futures=True)

    async def _kept(self, row: ObjectRow, tag: str) -> Thumbnail | None:
        """What was made of it before. Raises ``no_thumbnail`` where nothing could be."""
        reason = self._hopeless.get(tag)
        if reason is not None:
            raise no_thumbnail(row, reason)
        kept = await run_in_threadpool(self._cache.get, tag)
        return Thumbnail(kept, tag) if kept is not None and _whole(kept) else None

    def _vain(self, row: ObjectRow, tag: str, opened: Opened, problem: Exception) -> WorkbenchError:
        """The error for it; remembered unless the source has changed since it was listed."""
        if opened.is_listed(row):
            self._hopeless.put(tag, str(problem))
        return no_thumbnail(row, str(problem))

    def _show(self, row: ObjectRow, wanted: Wanted, tag: str, open_source: OpenSource) -> Thumbnail:
        reason = self._hopeless.get(tag)  # it may have been asked for twice while this one waited
        if reason is not None:
            raise no_thumbnail(row, reason)
        opened = open_object(open_source, row)
        with opened.file, _as_file(opened.file) as file:
            try:
                data = make_preview(wanted, file)
            except NoPreview as problem:
                raise self._vain(row, tag, opened, problem) from problem
        if not opened.is_listed(row):
            return Thumbnail(data, None)
        self._cache.put(tag, data)
        return Thumbnail(data, tag)

    def _make(self, row: ObjectRow, edge: int, open_source: OpenSource) -> Thumbnail:
        tag = thumbnail_tag(row, edge)
        opened = open_object(open_source, row)
        with opened.file:
            try:
                data = shrink(opened.file, edge)
            except NoPicture as problem:
                raise self._vain(row, tag, opened, problem) from problem
        if not opened.is_listed(row):
            return Thumbnail(data, None)
        self._cache.put(tag, data)
        return Thumbnail(data, tag)


def snap(size: int) -> int:
    """The smallest edge that is not below ``size``, the largest where there is none."""
    return next((edge for edge in EDGES if edge >= size), EDGES[-1])


def thumbnail_tag(row: ObjectRow, edge: int) -> str:
    made_of = f"{row.object_id}\0{row.fingerprint}\0{row.sha256}\0{row.version}\0{edge}"
    return hashlib.blake2b(made_of.encode(), digest_size=20).hexdigest()


def preview_tag(row: ObjectRow, extractor: str, part: Part, edge: int) -> str:
    place = f"{extractor}\0{part.page}\0{part.start_ms}\0{part.end_ms}"
    made_of = f"{thumbnail_tag(row, edge)}\0{place}"
    return hashlib.blake2b(made_of.encode(), digest_size=20).hexdigest()


def no_thumbnail(row: ObjectRow, reason: str) -> WorkbenchError:
    return WorkbenchError(
        Code.NO_THUMBNAIL,
        f"{row.name!r} has no thumbnail: {reason}",
        None,
        {"object_id": row.object_id},
    )


@contextmanager
def _as_file(file: BinaryIO) -> Generator[BinaryIO]:
    """A file that another process can be given: bytes in memory go into one for a while."""
    if not isinstance(file, io.BytesIO):
        yield file
        return
    with tempfile.TemporaryFile() as made:
        made.write(file.getbuffer())
        made.flush()
        yield made


def _whole(data: bytes) -> bool:
    """A power loss can leave a renamed file short; WebP says its own length."""
    return data[:4] == b"RIFF" and int.from_bytes(data[4:8], "little") + 8 == len(data)
