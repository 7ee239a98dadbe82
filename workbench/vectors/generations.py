"""Where a space lives on disk: ``space.json``, ``CURRENT`` and the generation that it names.

A generation (``g1``, ``g2``, ...) is one folder of the engine. ``CURRENT`` is replaced in one step
when a compacted copy takes over, so that after a crash either the old or the new generation is
whole and current; any other is a leftover and is removed at the next start.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_CURRENT = "CURRENT"
_DROPPED = ".dropped-"
FIRST = "g1"


def current(space: Path) -> str | None:
    """The name of the space's generation; None when the space was never finished."""
    try:
        return (space / _CURRENT).read_text().strip()
    except FileNotFoundError:
        return None


def point(space: Path, generation: str) -> None:
    """Make ``generation`` the one that counts; on disk when this returns."""
    write(space / _CURRENT, generation)


def following(generation: str) -> str:
    return f"g{int(generation[1:]) + 1}"


def write(path: Path, text: str) -> None:
    """Replace a small file in one step; on disk when this returns."""
    fresh = path.with_name(path.name + ".new")
    with fresh.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def drop(space: Path) -> Path:
    """Take the space away in one step; the folder that is left to delete."""
    aside = space.with_name(_DROPPED + space.name)
    shutil.rmtree(aside, ignore_errors=True)
    space.rename(aside)
    sync_folder(space.parent)
    return aside


def sweep(folder: Path) -> list[Path]:
    """Remove what crashes left behind; the folders of the spaces that are there."""
    found: list[Path] = []
    for space in sorted(p for p in folder.iterdir() if p.is_dir()):
        generation = None if space.name.startswith(_DROPPED) else current(space)
        if generation is None:
            shutil.rmtree(space)
            continue
        for leftover in space.glob("g[0-9]*"):
            if leftover.name != generation:
                shutil.rmtree(leftover)
        found.append(space)
    return found
