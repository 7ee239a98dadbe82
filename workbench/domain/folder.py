"""Listing a folder in order of names, from anywhere in it.

Names are POSIX paths relative to the folder, in order of their UTF-8 bytes. A folder's entries are
sorted as if folders ended in ``/``: then a depth-first walk gives whole names in order, one folder
in memory at a time, and a walk that starts after a name skips every folder that lies before it.

Left out: names that begin with a dot, ``Thumbs.db``, ``desktop.ini``, what an exclude pattern
matches, anything but regular files, links that lead out of the source, and linked folders (what
they hold inside the source is listed where it is). Names that are no UTF-8 are counted as skipped.
"""

from __future__ import annotations

import errno
import fnmatch
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.domain.mime import HEAD, sniff

IGNORED = frozenset({"Thumbs.db", "desktop.ini"})
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


@dataclass(frozen=True)
class FolderEntry:
    """A regular file. ``skipped`` when its name cannot be kept."""

    name: str
    size: int
    mtime_ns: int
    inode: int
    skipped: bool = False

    @property
    def fingerprint(self) -> str:
        return f"{self.size}:{self.mtime_ns}:{self.inode}"


class SourceUnreadable(Exception):
    """A folder of the source cannot be listed, so nothing may be concluded from the listing."""


@dataclass(frozen=True)
class Folder:
    """``scope`` is the part that is listed: "" for all, or the name of a folder or file in it.
    ``apart`` are folders that are never listed (the home)."""

    root: Path
    scope: str = ""
    exclude: Sequence[str] = ()
    apart: Sequence[Path] = ()

    def entries(self, after: str = "") -> Iterator[FolderEntry]:
        """Files with names greater than ``after``. Raises ``SourceUnreadable``."""
        start = self.root / self.scope if self.scope else self.root
        start_bytes = os.fsencode(self.scope)
        if self.scope and not start.is_dir():
            yield from self._single(start)
            return
        if not start.is_dir():
            raise SourceUnreadable(f"there is no folder {start}")
        yield from self._walk(os.fsencode(start), start_bytes, after.encode())

    def holds(self, name: str) -> bool:
        """Whether a listing of the whole source would find a file of this name now. Raises
        ``SourceUnreadable`` where that cannot be known."""
        path = self.root
        parts = name.split("/")
        try:
            for place, part in enumerate(parts, 1):
                path /= part
                if self._passed_over(part, "/".join(parts[:place])):
                    return False
                if place < len(parts):
                    if not stat.S_ISDIR(path.lstat().st_mode):
                        return False
                    if self.apart and self._apart(path):
                        return False
            if path.is_symlink() and not path.resolve().is_relative_to(self.root.resolve()):
                return False
            return stat.S_ISREG(path.stat().st_mode) and self._named_so(parts)
        except RuntimeError:  # a link to itself
            return False
        except OSError as error:
            if error.errno in _ABSENT:
                return False
            raise SourceUnreadable(f"{path}: {error.strerror}") from None

    def mime(self, entry: FolderEntry) -> str:
        """By content; by the name alone where that cannot be read: who extracts it says why."""
        try:
            with (self.root / entry.name).open("rb", buffering=0) as file:
                head = file.read(HEAD)
        except OSError:
            head = b""
        return sniff(head, entry.name)

    def _single(self, path: Path) -> Iterator[FolderEntry]:
        try:
            info = path.stat()
        except FileNotFoundError:
            return
        except OSError as error:
            raise SourceUnreadable(f"{path}: {error.strerror}") from None
        if stat.S_ISREG(info.st_mode):
            yield FolderEntry(self.scope, info.st_size, info.st_mtime_ns, info.st_ino)

    def _walk(self, folder: bytes, prefix: bytes, after: bytes) -> Iterator[FolderEntry]:
        try:
            with os.scandir(folder) as found:
                entries = sorted(
                    ((e.name + b"/" if e.is_dir(follow_symlinks=False) else e.name), e)
                    for e in found
                )
        except OSError as error:
            raise SourceUnreadable(f"{os.fsdecode(folder)}: {error.strerror}") from None
        for sort_name, entry in entries:
            name = prefix + b"/" + entry.name if prefix else entry.name
            if sort_name.endswith(b"/"):
                # Names below are all `name/...`: they lie before `after` unless it is among them.
                if name + b"0" <= after or self._left_out(entry, name):
                    continue
                yield from self._walk(entry.path, name, after)
            elif name > after and not self._left_out(entry, name):
                found_file = self._file(entry, name)
                if found_file is not None:
                    yield found_file

    def _left_out(self, entry: os.DirEntry[bytes], name: bytes) -> bool:
        if self._passed_over(os.fsdecode(entry.name), os.fsdecode(name)):
            return True
        folder = bool(self.apart) and entry.is_dir(follow_symlinks=False)
        return folder and self._apart(Path(os.fsdecode(entry.path)))

    def _named_so(self, parts: Sequence[str]) -> bool:
        """Whether folders list these very names: there are file systems that find others, too."""
        folder = self.root
        for part in parts:
            if part not in os.listdir(folder):
                return False
            folder /= part
        return True

    def _passed_over(self, base: str, name: str) -> bool:
        """Whether a name, whose last part is ``base``, is left out whatever has it."""
        if base.startswith(".") or base in IGNORED:
            return True
        return any(matches_glob(name, pattern) for pattern in self.exclude)

    def _apart(self, folder: Path) -> bool:
        return folder.resolve() in self.apart

    def _file(self, entry: os.DirEntry[bytes], name: bytes) -> FolderEntry | None:
        """None for what is no file of the source. Raises ``SourceUnreadable`` where that cannot be
        known: a file that is not listed would count as gone."""
        try:
            if entry.is_symlink() and not self._inside(entry):
                return None
            info = entry.stat()
        except (FileNotFoundError, NotADirectoryError, RuntimeError):
            return None  # gone meanwhile, or a link to nothing or to itself
        except OSError as error:
            if error.errno == errno.ELOOP:
                return None
            raise SourceUnreadable(f"{os.fsdecode(entry.path)}: {error.strerror}") from None
        if not stat.S_ISREG(info.st_mode):
            return None
        try:
            text = name.decode()
        except UnicodeDecodeError:
            return FolderEntry(name.decode(errors="backslashreplace"), 0, 0, 0, skipped=True)
        return FolderEntry(text, info.st_size, info.st_mtime_ns, info.st_ino)

    def _inside(self, entry: os.DirEntry[bytes]) -> bool:
        target = Path(os.fsdecode(entry.path)).resolve()
        return target.is_relative_to(self.root.resolve())


def matches_glob(name: str, pattern: str) -> bool:
    """Whether a name matches: the pattern is tried on the whole path, on the last part of it, and
    on each folder above (``raw`` leaves out all below ``raw/``)."""
    parts = name.split("/")
    candidates = ["/".join(parts[: i + 1]) for i in range(len(parts))] + parts
    return any(fnmatch.fnmatchcase(candidate, pattern.rstrip("/")) for candidate in candidates)
