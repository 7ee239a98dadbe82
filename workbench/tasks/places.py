"""Where a source belongs, and whether the service may read it.

Where a path is readable: below the roots of the settings, which a caller on the same machine with
the home's own key extends by what it names. The home is never a source. Which bucket a path belongs
to: the one that is named; else the bucket whose source it is or lies in; else a new one that is
called like the folder. A path inside a bucket's source syncs that part only. ``uploads://BUCKET``
is what was sent to a bucket. ``probe`` tells a caller beforehand whether its path is the service's.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote

from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.wire import DryRunRequest, IngestRequest, Sample, SourceOut, SourceRequest
from workbench.store.records import BucketRecord
from workbench.store.targets import Targets
from workbench.store.uploads import UPLOADS, UploadedObjects
from workbench.tasks.uploads import SCHEME, checked_bucket

FOLDER = "folder"


@dataclass(frozen=True)
class Reach:
    """What the service may read: nothing where it listens on an ``outside`` address."""

    home: Path
    roots: Sequence[Path]
    outside: bool
    added: list[Path] = field(default_factory=list[Path])

    def check(self, path: Path, mine: bool) -> None:
        """Raises unless the path may be read. ``mine``: asked by the user whose service it is."""
        self.refuse_home(path)
        if self.outside:
            raise WorkbenchError(
                Code.SOURCE_UNREADABLE,
                "this service reads no paths of its machine, since other machines can reach it",
                "send the files: run mixpeek ingest where they are",
            )
        if mine:
            self.added.append(path)
        if not self.allows(path):
            raise WorkbenchError(
                Code.SOURCE_UNREADABLE,
                f"the service may not read {path}",
                "start it with this folder among MIXPEEK_ROOTS, or ingest as the user who runs it",
            )

    def allows(self, path: Path) -> bool:
        return any(path.is_relative_to(root.resolve()) for root in (*self.roots, *self.added))

    def refuse_home(self, path: Path) -> None:
        home = self.home.resolve()
        if path == home or path.is_relative_to(home):
            raise WorkbenchError(
                Code.SOURCE_UNREADABLE,
                f"{path} is inside the workbench's own home",
                "keep your files elsewhere",
            )


@dataclass(frozen=True)
class Place:
    """Where a source belongs."""

    bucket: str
    root: str
    scope: str
    known: BucketRecord | None
    kind: str = FOLDER


class Places:
    """Looks; makes no bucket."""

    def __init__(self, reach: Reach, targets: Targets, uploads: UploadedObjects) -> None:
        self._reach = reach
        self._targets = targets
        self._uploads = uploads

    def of(self, namespace_id: str, request: IngestRequest, mine: bool) -> Place:
        """Where the source belongs. Raises for one that is not there or may not be read."""
        if isinstance(request, DryRunRequest) and request.types is not None:
            return self._to_be_sent(namespace_id, request)
        if request.source.startswith(SCHEME):
            return self._sent(namespace_id, request)
        path = _path(request.source)
        self._reach.check(path, mine)
        if not os.path.lexists(path):
            raise WorkbenchError(
                Code.SOURCE_UNREADABLE, f"there is no file or folder {path}", "check the path"
            )
        return self._local(namespace_id, path, request.bucket)

    def probe(self, namespace_id: str, request: SourceRequest, mine: bool) -> SourceOut:
        """Whether the service sees the caller's files at their path; where they belong if not."""
        path = _path(request.path)
        if mine:
            self._reach.refuse_home(path)
        why = self._unseen(path, request, mine)
        place = (
            self._local(namespace_id, path, request.bucket)
            if why is None
            else self._uploaded(namespace_id, request)
        )
        return SourceOut(
            reachable=why is None,
            why=why,
            bucket=place.bucket,
            origin=origin(request.host, place.root),
            root=place.root,
            scope=place.scope,
        )

    def _unseen(self, path: Path, request: SourceRequest, mine: bool) -> str | None:
        """Why the path is not the caller's; None when it is and may be read. Looks at nothing
        below what the service may read anyway."""
        if self._reach.outside:
            return "the service reads no files of its machine"
        if not mine and not self._reach.allows(path):
            return "the service may not read this folder"
        if not request.samples or not all(sees(path, sample) for sample in request.samples):
            return "the service does not see this folder"
        return None

    def _local(self, namespace_id: str, path: Path, name: str | None) -> Place:
        folder = path if path.is_dir() else path.parent
        buckets = self._targets.folder_buckets(namespace_id)
        if name is None:
            around = [b for b in buckets if path.is_relative_to(b.source_uri)]
            if around:
                deepest = max(around, key=lambda b: len(b.source_uri))
                return _inside(deepest, path)
            return _new(checked_bucket(folder.name), folder, path)
        known = next((b for b in buckets if b.name == name), None)
        if known is not None and path.is_relative_to(known.source_uri):
            return _inside(known, path)
        return _new(checked_bucket(name), folder, path)

    def _sent(self, namespace_id: str, request: IngestRequest) -> Place:
        """What ``uploads://BUCKET/PART`` names."""
        name, _, scope = request.source.removeprefix(SCHEME).partition("/")
        bucket = self._uploads.bucket(namespace_id, unquote(name))
        if request.bucket not in (None, bucket.name, bucket.bucket_id):
            raise WorkbenchError(
                Code.INVALID,
                f"the source is bucket {bucket.name!r}, and --bucket names {request.bucket!r}",
                "leave --bucket out",
            )
        return Place(bucket.name, bucket.source_uri, unquote(scope), bucket, UPLOADS)

    def _to_be_sent(self, namespace_id: str, request: DryRunRequest) -> Place:
        """The bucket that the files would be uploaded to, which need not be there yet."""
        name = checked_bucket(request.bucket or "")
        known = next((b for b in self._uploads.buckets(namespace_id) if b.name == name), None)
        return Place(name, "", "", known, UPLOADS)

    def _uploaded(self, namespace_id: str, request: SourceRequest) -> Place:
        """The bucket for files of another machine, as ``_local`` finds it for those of this one."""
        path = PurePosixPath(request.path)
        folder = path if request.folder else path.parent
        mine = origin(request.host, "")
        around = {
            PurePosixPath(one.source_uri.removeprefix(SCHEME + mine)): one
            for one in self._uploads.buckets(namespace_id)
            if one.source_uri.startswith(f"{SCHEME}{mine}/") and request.bucket in (None, one.name)
        }
        roots = [root for root in around if path.is_relative_to(root)]
        if roots:
            root = max(roots, key=lambda each: len(each.parts))
            scope = path.relative_to(root).as_posix()
            known = around[root]
            return Place(known.name, str(root), "" if scope == "." else scope, known, UPLOADS)
        name = checked_bucket(folder.name if request.bucket is None else request.bucket)
        scope = "" if path == folder else path.name
        return Place(name, str(folder), scope, None, UPLOADS)


def _path(source: str) -> Path:
    if source.startswith("s3://"):
        raise WorkbenchError(
            Code.INVALID,
            "sources in S3 are not in this version",
            "copy the files to a folder, and ingest that",
        )
    if "\0" in source or not source.startswith("/"):
        raise WorkbenchError(
            Code.INVALID,
            f"the source is not an absolute path: {source[:80]!r}",
            "give the whole path of a folder or file",
        )
    return Path(source).resolve()


def _inside(bucket: BucketRecord, path: Path) -> Place:
    root = Path(bucket.source_uri)
    scope = path.relative_to(root).as_posix()
    return Place(bucket.name, str(root), "" if scope == "." else scope, bucket)


def _new(name: str, folder: Path, path: Path) -> Place:
    return Place(name, str(folder), "" if path == folder else path.name, None)


def origin(host: str, root: str) -> str:
    """Where uploaded files come from: ``HOST/abs/folder``."""
    return f"{quote(host, safe='.-')}{root}"


def sees(path: Path, sample: Sample) -> bool:
    """Whether the same file or folder is at this place here, and can be read. Inodes tell it from
    a copy; devices are numbered by each machine for itself and say nothing."""
    name = PurePosixPath(sample.name)
    if name.is_absolute() or ".." in name.parts:
        return False
    here = path / sample.name if sample.name else path
    try:
        found = here.lstat()
        if not here.resolve().is_relative_to(path):
            return False
    except (OSError, ValueError):
        return False
    kind = stat.S_ISDIR if sample.folder else stat.S_ISREG
    same = (found.st_mtime_ns, found.st_ino) == (sample.mtime_ns, sample.inode)
    size = sample.folder or found.st_size == sample.size
    return same and size and kind(found.st_mode) and os.access(here, os.R_OK)
