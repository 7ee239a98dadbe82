"""What a page calls a file, as the service understands it: paths of the file browser become paths
of the machine, below the server's own root and nowhere else.

A link in the root may lead out of it, as in the file browser itself: whoever made it may read what
it leads to.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any

from workbench.domain.errors import Code, WorkbenchError


def root_of(contents_manager: Any) -> Path | None:
    """The folder that the file browser shows; None where its files are no files here."""
    root = getattr(contents_manager, "root_dir", None)
    return Path(root) if isinstance(root, str) and os.path.isdir(root) else None


def locate(root: Path | None, path: str) -> Path:
    """Raises ``source_unreadable`` for what is not in the file browser."""
    if root is None:
        raise WorkbenchError(
            Code.SOURCE_UNREADABLE,
            "the file browser does not show files of the server's machine",
            "%mixpeek ingest PATH in a notebook names a folder by its path",
        )
    parts = PurePosixPath("/" + path).parts[1:]
    if "\0" in path or any(part == ".." or part.startswith(".") for part in parts):
        raise WorkbenchError(
            Code.SOURCE_UNREADABLE, f"{path[:80]!r} is not in the file browser", None
        )
    found = root.joinpath(*parts)
    if not found.exists():
        raise WorkbenchError(
            Code.SOURCE_UNREADABLE, f"there is no {path} any more", "look at the file browser anew"
        )
    return found
