"""Blobs in a folder: what a killed writer leaves goes, and what was put outlives a power loss."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from workbench.blobs.folder import FolderBlobs

HOUR = 3600


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_blobs_left_half_written_go_once_they_are_old(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    blobs.put("ns/chunks/one/manifest.json", b"{}")
    folder = tmp_path / "ns/chunks/one"
    for name in ("old", "new"):
        (folder / f"outcome.json.{name}.partial").write_bytes(b"half")
    age(folder / "outcome.json.old.partial", 2 * HOUR)
    age(folder / "manifest.json", 2 * HOUR)
    before = int(1000 * (time.time() - HOUR))
    assert blobs.clear_partial("ns/chunks", before) == 1
    left = {path.name for path in folder.iterdir()}
    assert left == {"manifest.json", "outcome.json.new.partial"}


def test_blobs_leave_no_empty_folders(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    for name in ("old", "new", "full"):
        blobs.put(f"ns/chunks/{name}/manifest.json", b"{}")
    for name in ("old", "new"):
        blobs.delete(f"ns/chunks/{name}/manifest.json")
    for name in ("old", "full"):
        age(tmp_path / "ns/chunks" / name, 2 * HOUR)
    blobs.clear_partial("ns/chunks", int(1000 * (time.time() - HOUR)))
    assert {path.name for path in (tmp_path / "ns/chunks").iterdir()} == {"new", "full"}
    blobs.clear_partial("ns/chunks")
    assert list(blobs.keys("ns")) == ["ns/chunks/full/manifest.json"]
    assert (tmp_path / "ns/chunks").is_dir()


def test_blobs_flush_every_folder_that_they_make(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: set[int] = set()
    real = os.fsync

    def fsync(descriptor: int) -> None:
        flushed.add(os.fstat(descriptor).st_ino)
        real(descriptor)

    blobs = FolderBlobs(tmp_path)
    monkeypatch.setattr(os, "fsync", fsync)
    blobs.put("ns/chunks/one/manifest.json", b"{}")
    path = tmp_path / "ns/chunks/one/manifest.json"
    folders = {parent.stat().st_ino for parent in path.parents if parent.is_relative_to(tmp_path)}
    assert flushed == folders | {path.stat().st_ino}
