"""Sending the files of a folder to a service that does not see it.

The folder is listed twice: first to know how much it is, then a page of files at a time. Each page
is offered by name, size and time; the service says what it has, what it wants to know the hash of,
and what must be sent. That goes over a few connections that are kept, each file as a stream that is
checked at its end: a file that changed while it was read is never sent whole. So a run that was
interrupted is taken up by the next one, and a folder that has not changed costs a listing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from io import FileIO
from itertools import islice
from pathlib import Path
from typing import Any

from workbench.client.session import RefusedError, Session, path_of
from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.folder import Folder, FolderEntry, SourceUnreadable
from workbench.domain.wire import (
    BucketCreate,
    BucketOut,
    Offer,
    OfferOut,
    OfferRequest,
    SourceOut,
    UploadOut,
)

CONNECTIONS = 4
PAGE = 500
#: A smaller file is sent in one piece together with its header.
SMALL = 1024 * 1024
#: Seconds that a service which is away is waited for.
PATIENCE = 30.0
#: Seconds over which the rate is measured, and between two reports.
_WINDOW, _REPORT = 10.0, 0.25


@dataclass(frozen=True)
class Uploading:
    """How far it is: files and bytes in all, and done; of those done ``sent`` were sent, the others
    were there. ``rate`` is bytes a second that were sent, ``seconds_left`` what the rest takes at
    most; None while not known. ``left_out``: files that could not be sent, with the reason."""

    bucket: str
    files: int = 0
    bytes: int = 0
    done: int = 0
    done_bytes: int = 0
    sent: int = 0
    sent_bytes: int = 0
    rate: float | None = None
    seconds_left: float | None = None
    ended: bool = False
    left_out: tuple[tuple[str, str], ...] = ()


Watch = Callable[[Uploading], object]


class _Stopped(Exception):
    """The upload was interrupted."""


class Unsendable(Exception):
    """This file cannot be sent now; says why."""


@dataclass
class Uploader:
    """One run over ``folder`` into ``bucket``; ``verify`` compares hashes, not size and time."""

    session: Session
    bucket: str
    folder: Folder
    verify: bool
    watch: Watch
    round: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._state = Uploading(self.bucket)
        self._marks: list[tuple[float, int]] = []
        self._moving = 0  # bytes of large files that are under way
        self._reported = 0.0
        self._max_bytes: int | None = None

    @property
    def state(self) -> Uploading:
        return self._state

    def run(self) -> Uploading:
        """Raises ``WorkbenchError`` where the folder cannot be listed or the service refuses; an
        interrupt is passed on. Either way what was sent stays."""
        with listing():
            for entry in self._entries():
                state = self._state
                size = state.bytes + entry.size
                self._state = replace(state, files=state.files + 1, bytes=size)
                self._report()
            with ThreadPoolExecutor(CONNECTIONS, "upload") as pool:
                try:
                    self._pages(pool)
                except BaseException:
                    self._stop.set()
                    pool.shutdown(cancel_futures=True)
                    raise
        self._state = replace(self._state, ended=True)
        self.watch(self._state)
        return self._state

    def _entries(self) -> Iterator[FolderEntry]:
        return (entry for entry in self.folder.entries() if not entry.skipped)

    # ---- pages -----------------------------------------------------------------------------------

    def _pages(self, pool: ThreadPoolExecutor) -> None:
        """Files of a page are sent while the next one is offered; no more wait than a page. The
        round begins before the listing: what others offer from then on is not taken for missing."""
        self._ask([])
        entries = self._entries()
        under_way: set[Future[None]] = set()
        while page := list(islice(entries, PAGE)):
            for entry, sha256 in self._wanted(pool, page):
                if self._max_bytes is not None and entry.size > self._max_bytes:
                    self._left_out(entry, f"larger than {self._max_bytes:,} bytes")
                else:
                    under_way.add(pool.submit(self._send, entry, sha256))
            under_way = self._settled(under_way, PAGE)
        self._settled(under_way, 0)

    def _settled(self, under_way: set[Future[None]], most: int) -> set[Future[None]]:
        while len(under_way) > most:
            done, under_way = wait(under_way, timeout=_REPORT, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()
            self._report()
        return under_way

    def _wanted(
        self, pool: ThreadPoolExecutor, page: Sequence[FolderEntry]
    ) -> list[tuple[FolderEntry, str | None]]:
        """The files of the page that must be sent, with their hashes where they are known."""
        hashes: dict[str, str] = {}
        asked: Sequence[FolderEntry] = page
        if self.verify:
            asked = self._hashed(pool, page, hashes)
        wanted: list[tuple[FolderEntry, str | None]] = []
        again: list[FolderEntry] = []
        for entry, state in self._offer(asked, hashes):
            if state == "send":
                wanted.append((entry, hashes.get(entry.name)))
            elif state == "hash":
                again.append(entry)
        for entry, state in self._offer(self._hashed(pool, again, hashes), hashes):
            if state != "present":
                wanted.append((entry, hashes[entry.name]))
        return wanted

    def _offer(
        self, entries: Sequence[FolderEntry], hashes: dict[str, str]
    ) -> Sequence[tuple[FolderEntry, str]]:
        if not entries:
            return []
        offers = [
            Offer(
                name=entry.name,
                size=entry.size,
                modified_at=entry.mtime_ns // 1_000_000,
                sha256=hashes.get(entry.name),
            )
            for entry in entries
        ]
        found = list(zip(entries, self._ask(offers), strict=True))
        for entry, state in found:
            if state == "present":
                self._done(entry.size, sent=False)
        return found

    def _ask(self, offers: list[Offer]) -> Sequence[str]:
        path = path_of("buckets", self.bucket, "offers")
        request = OfferRequest(round=self.round, files=offers)
        answer, _ = self.session.ask(
            OfferOut, "POST", path, body=request, patience=PATIENCE, harmless=True
        )
        self._max_bytes = answer.max_bytes
        return answer.results

    def _hashed(
        self, pool: ThreadPoolExecutor, entries: Sequence[FolderEntry], hashes: dict[str, str]
    ) -> list[FolderEntry]:
        """Those that could be read, whose hashes are now known."""
        kept: list[FolderEntry] = []
        for entry, sha256 in zip(entries, pool.map(self._hash, entries), strict=True):
            if sha256 is not None:
                hashes[entry.name] = sha256
                kept.append(entry)
        return kept

    def _hash(self, entry: FolderEntry) -> str | None:
        if self._stop.is_set():
            raise _Stopped
        try:
            with (self.folder.root / entry.name).open("rb", buffering=0) as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            self._left_out(entry, error.strerror or type(error).__name__)
            return None

    # ---- one file --------------------------------------------------------------------------------

    def _send(self, entry: FolderEntry, sha256: str | None) -> None:
        if self._stop.is_set():
            return
        path = self.folder.root / entry.name
        try:
            kept = self._post(path, entry, sha256)
        except Unsendable as reason:
            self._left_out(entry, str(reason))
        except OSError as error:
            self._left_out(entry, error.strerror or type(error).__name__)
        except RefusedError as error:
            if error.code not in (Code.TOO_LARGE, Code.INVALID):
                raise
            self._left_out(entry, error.message)
        else:
            self._done(kept.object.size, sent=True)

    def _post(self, path: Path, entry: FolderEntry, sha256: str | None) -> UploadOut:
        size, modified = _facts(path)
        body: bytes | Callable[[], Part]
        if size <= SMALL:
            with Part(path, size, self._stop) as part:
                body = part.read(size)
        else:
            body = lambda: Part(path, size, self._stop, self._moved)  # noqa: E731
        query: dict[str, str | int | None] = {
            "name": entry.name,
            "modified_at": modified,
            "sha256": sha256,
            "round": self.round,
        }
        target = path_of("buckets", self.bucket, "objects")
        return self.session.send(UploadOut, target, query, body, size, PATIENCE)

    # ---- progress --------------------------------------------------------------------------------

    def _moved(self, count: int) -> None:
        """So many bytes of a large file are on their way."""
        with self._lock:
            self._moving += count
            self._mark(count)

    def _done(self, size: int, *, sent: bool) -> None:
        with self._lock:
            state = self._state
            self._state = replace(
                state,
                done=state.done + 1,
                done_bytes=state.done_bytes + size,
                sent=state.sent + sent,
                sent_bytes=state.sent_bytes + size * sent,
            )
            if sent and size <= SMALL:
                self._mark(size)
            elif sent:
                self._moving = max(0, self._moving - size)

    def _left_out(self, entry: FolderEntry, reason: str) -> None:
        with self._lock:
            state = self._state
            left_out = (*state.left_out, (entry.name, reason))
            self._state = replace(
                state,
                done=state.done + 1,
                done_bytes=state.done_bytes + entry.size,
                left_out=left_out,
            )

    def _mark(self, count: int) -> None:
        now = time.monotonic()
        self._marks.append((now, count))
        while self._marks and self._marks[0][0] < now - _WINDOW:
            self._marks.pop(0)

    def _report(self) -> None:
        now = time.monotonic()
        if now - self._reported < _REPORT:
            return
        self._reported = now
        with self._lock:
            state = replace(self._state, done_bytes=self._state.done_bytes + self._moving)
            marks = list(self._marks)
        if marks and now - marks[0][0] > 1.0:
            rate = sum(count for _, count in marks) / (now - marks[0][0])
            left = (state.bytes - state.done_bytes) / rate if rate else None
            state = replace(state, rate=rate, seconds_left=left)
        self.watch(state)


class Part(FileIO):
    """A file as it was when its size was taken: a read at its end fails unless it still is that,
    so a torn file is never sent whole."""

    def __init__(
        self,
        path: Path,
        size: int,
        stop: threading.Event,
        moved: Callable[[int], None] | None = None,
    ) -> None:
        super().__init__(path)
        self._left = size
        self._stop = stop
        self._moved = moved
        self._found = _state(os.fstat(self.fileno()))
        if self._found[0] != size:
            raise Unsendable("it was changed while it was read")

    def read(self, size: int | None = -1, /) -> bytes:
        if self._stop.is_set():
            raise _Stopped
        want = self._left if size is None or size < 0 else min(size, self._left)
        data = super().read(want)
        self._left -= len(data)
        torn = len(data) < want
        if torn or (self._left == 0 and _state(os.fstat(self.fileno())) != self._found):
            raise Unsendable("it was changed while it was read")
        if self._moved is not None:
            self._moved(len(data))
        return data


def upload(
    session: Session, place: SourceOut, exclude: Sequence[str], verify: bool, watch: Watch
) -> tuple[Uploading, str]:
    """Send what the service lacks of a source; what came of it, and the round."""
    create = BucketCreate(name=place.bucket, origin=place.origin)
    session.ask(BucketOut, "POST", "/buckets", body=create, harmless=True)
    folder = Folder(Path(place.root), place.scope, tuple(exclude))
    uploader = Uploader(session, place.bucket, folder, verify, watch)
    try:
        return uploader.run(), uploader.round
    except KeyboardInterrupt:
        state = uploader.state
        session.notify(
            f"interrupted: {state.done:,} of {state.files:,} files are there and stay; "
            "the same command goes on from there"
        )
        raise


@contextlib.contextmanager
def listing() -> Generator[None]:
    """A folder that cannot be listed is an error with its reason."""
    try:
        yield
    except SourceUnreadable as error:
        raise WorkbenchError(
            Code.SOURCE_UNREADABLE,
            str(error),
            "make it readable and ingest again; nothing was removed",
        ) from None


def _state(found: os.stat_result) -> tuple[int, int]:
    return found.st_size, found.st_mtime_ns


def _facts(path: Path) -> tuple[int, int]:
    found: Any = path.stat()
    return found.st_size, found.st_mtime_ns // 1_000_000
