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
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from urllib.parse import quote

from workbench.client.session import RefusedError, Session
from workbench.client.upload import listing
from workbench.domain.errors import Code
from workbench.domain.folder import Folder
from workbench.domain.wire import Sample, SourceOut, SourceRequest, TypeCount

#: Entries of a source that are compared.
SAMPLES = 8


def probe(session: Session, path: Path, bucket: str | None) -> SourceOut | None:
    """Whether the service sees what is at this path here, and where it belongs; None where the
    service is older than uploads."""
    folder = path.is_dir()
    samples = [_sample(path, "")]
    if folder:
        # A folder that cannot be listed has no samples below it; who lists it says why.
        with contextlib.suppress(OSError):
            for entry in islice(os.scandir(path), SAMPLES):
                if not entry.is_symlink() and (entry.is_file() or entry.is_dir()):
                    samples.append(_sample(path, entry.name))
    try:
        request = SourceRequest(
            path=str(path),
            host=socket.gethostname(),
            folder=folder,
            bucket=bucket,
            samples=samples,
        )
        local = {"local": "true"} if session.find.local else None
        answer, _ = session.ask(SourceOut, "POST", "/sources", local, body=request, harmless=True)
    except RefusedError as error:
        if error.service_code != Code.NOT_FOUND:
            raise
        return None
    return answer


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
