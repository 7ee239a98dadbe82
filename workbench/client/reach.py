"""Whether the service sees a path of this machine.

A path alone says nothing: the service may run elsewhere and have another folder there, or a copy.
So it is told what this system says of the folder and of some of its entries (size, time, inode),
and compares that with what it sees itself. A shared file system passes, a copy does not.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import islice
from pathlib import Path
from urllib.parse import quote

from workbench.client.session import RefusedError, Session
from workbench.client.upload import listing
from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.folder import Folder
from workbench.domain.wire import Sample, SourceOut, SourceRequest, TypeCount

#: Entries of a source that are compared, and how often one may change before it says nothing.
SAMPLES, RESTLESS = 8, 3


def probe(session: Session, path: Path, bucket: str | None) -> SourceOut | None:
    """Whether the service sees what is at this path here, and where it belongs; None where the
    service is older than uploads. What changed while the service looked at it says nothing: it is
    asked again, in the end without that. Raises ``WorkbenchError`` where everything goes on
    changing."""
    changes: Counter[str] = Counter()
    while samples := _samples(path, {name for name, times in changes.items() if times >= RESTLESS}):
        answer = _ask(session, path, bucket, samples)
        if answer is None or answer.reachable:
            return answer
        changed = {sample.name for sample in samples if not _steady(path, sample)}
        if not changed:
            return answer
        changes.update(changed)
    raise WorkbenchError(
        Code.SOURCE_UNREADABLE,
        f"{path} changes so fast that it cannot be told whether the service sees it",
        "ingest it when less is written there",
    )


def _ask(
    session: Session, path: Path, bucket: str | None, samples: Sequence[Sample]
) -> SourceOut | None:
    request = SourceRequest(
        path=str(path),
        host=socket.gethostname(),
        folder=path.is_dir(),
        bucket=bucket,
        samples=list(samples),
    )
    local = {"local": "true"} if session.find.local else None
    try:
        answer, _ = session.ask(SourceOut, "POST", "/sources", local, body=request, harmless=True)
    except RefusedError as error:
        if error.service_code != Code.NOT_FOUND:
            raise
        return None
    return answer


def _samples(path: Path, restless: Collection[str]) -> list[Sample]:
    """The source itself and some of what is in it, but the ``restless``."""
    samples = [] if "" in restless else [_sample(path, "")]
    if path.is_dir():
        # A folder that cannot be listed has no samples below it; who lists it says why.
        with contextlib.suppress(OSError):
            entries = (entry for entry in os.scandir(path) if entry.name not in restless)
            for entry in islice(entries, SAMPLES):
                if not entry.is_symlink() and (entry.is_file() or entry.is_dir()):
                    samples.append(_sample(path, entry.name))
    return samples


def _steady(path: Path, sample: Sample) -> bool:
    """Whether it is still as it was described."""
    try:
        return _sample(path, sample.name) == sample
    except OSError:
        return False


def counted(place: SourceOut, exclude: Sequence[str]) -> dict[str, TypeCount]:
    """What the source holds, by MIME type."""
    folder = Folder(Path(place.root), place.scope, tuple(exclude))
    found: dict[str, TypeCount] = {}
    with listing():
        for entry in folder.entries():
            count = found.setdefault(folder.mime(entry), TypeCount(files=0, bytes=0))
            count.files += 1
            count.bytes += entry.size
    return found


def address(place: SourceOut) -> str:
    """What was uploaded, as the source of an ingest."""
    part = f"/{quote(place.scope)}" if place.scope else ""
    return f"uploads://{quote(place.bucket, safe='')}{part}"


def _sample(path: Path, name: str) -> Sample:
    found = (path / name if name else path).lstat()
    return Sample(
        name=name,
        size=found.st_size,
        mtime_ns=found.st_mtime_ns,
        inode=found.st_ino,
        folder=stat.S_ISDIR(found.st_mode),
    )
