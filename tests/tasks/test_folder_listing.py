"""Listing a folder: order, resumption, and what is left out."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.domain.folder import Folder, SourceUnreadable, matches_glob
from workbench.tasks import source

names = st.text(alphabet="ab-./ 0é~", min_size=1, max_size=9).filter(
    lambda n: all(p and not p.startswith(".") for p in n.split("/"))
)


def fill(root: Path, wanted: set[str]) -> set[str]:
    """Create what can be created (a name cannot be a file and a folder)."""
    made: set[str] = set()
    for name in sorted(wanted):
        path = root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        except OSError:
            continue
        made.add(name)
    return made


@settings(max_examples=60, deadline=None)
@given(st.sets(names, max_size=12), st.data())
def test_names_come_in_byte_order_and_from_anywhere(wanted, data):
    with tempfile.TemporaryDirectory() as folder:
        made = fill(Path(folder), wanted)
        listed = [e.name for e in Folder(Path(folder)).entries()]
        assert listed == sorted(made, key=lambda n: n.encode())
        if listed:
            after = data.draw(st.sampled_from(listed) | names)
            rest = [e.name for e in Folder(Path(folder)).entries(after)]
            assert rest == [n for n in listed if n.encode() > after.encode()]


@settings(max_examples=60, deadline=None)
@given(st.sets(names, min_size=1, max_size=10), names)
def test_what_is_listed_is_held_and_nothing_else(wanted, other):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        made = fill(root, wanted | {"home/a", "Kept/a", ".hid/a", "desktop.ini"})
        links = {"out": "/etc/passwd", "in": root / "Kept/a", "dir": root / "Kept"}
        for name, target in links.items():
            (root / name).symlink_to(target)
        (root / "self").symlink_to(root / "self")
        source = Folder(root, exclude=("a*",), apart=((root / "home").resolve(),))
        listed = {e.name for e in source.entries()}
        tried = (
            made | wanted | links.keys() | {"dir/a", "self", other, f"{other}/a", "Kept", "home"}
        )
        assert {name for name in tried if source.holds(name)} == listed & tried
        assert "in" in listed


def test_what_cannot_be_looked_at_is_not_said_to_be_gone(tmp_path, monkeypatch):
    def away(*_: object, **__: object) -> object:
        raise OSError(errno.EIO, "no answer")

    monkeypatch.setattr(Path, "lstat", away)
    with pytest.raises(SourceUnreadable):
        Folder(tmp_path).holds("a/b")


@settings(max_examples=30, deadline=None)
@given(st.sets(names, min_size=1, max_size=10), st.data())
def test_a_scope_lists_just_what_is_below_it(wanted, data):
    with tempfile.TemporaryDirectory() as folder:
        made = fill(Path(folder), wanted)
        prefixes = {n.rpartition("/")[0] for n in made} | made
        scope = data.draw(st.sampled_from(sorted(prefixes - {""}) or [""]))
        listed = {e.name for e in Folder(Path(folder), scope).entries()}
        assert listed == {n for n in made if not scope or n == scope or n.startswith(scope + "/")}


def test_hidden_files_links_out_and_special_files_are_left_out(tmp_path):
    root = tmp_path / "source"
    outside = tmp_path / "outside"
    outside.mkdir(parents=True)
    (outside / "secret.txt").write_text("s")
    for name in ("a.txt", ".hidden", ".ipynb_checkpoints/a.txt", "Thumbs.db", "sub/b.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    (root / "out.txt").symlink_to(outside / "secret.txt")
    (root / "outdir").symlink_to(outside)
    (root / "in.txt").symlink_to(root / "a.txt")
    (root / "loop").symlink_to(root)
    (root / "broken").symlink_to(root / "nothing")
    os.mkfifo(root / "pipe")
    assert [e.name for e in Folder(root).entries()] == ["a.txt", "in.txt", "sub/b.txt"]


def test_excludes_match_paths_names_and_folders(tmp_path):
    for name in ("keep/a.jpg", "raw/a.cr2", "raw/deep/b.cr2", "x.tmp", "keep/y.tmp"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    listed = [e.name for e in Folder(tmp_path, exclude=("raw/", "*.tmp")).entries()]
    assert listed == ["keep/a.jpg"]
    assert matches_glob("a/b/c.txt", "a/*.txt")
    assert not matches_glob("a/b/c.txt", "b/*.md")


def test_the_home_is_never_listed(tmp_path):
    (tmp_path / "home/blobs").mkdir(parents=True)
    (tmp_path / "home/blobs/x").write_text("x")
    (tmp_path / "a").write_text("x")
    apart = ((tmp_path / "home").resolve(),)
    assert [e.name for e in Folder(tmp_path, apart=apart).entries()] == ["a"]


def test_a_name_that_is_no_utf8_is_counted_and_skipped(tmp_path):
    with open(os.fsencode(tmp_path) + b"/bad\xff.txt", "wb") as file:
        file.write(b"x")
    (entry,) = Folder(tmp_path).entries()
    assert entry.skipped


def test_a_page_never_ends_with_a_name_that_is_no_utf8(tmp_path, monkeypatch):
    """It is sorted by other bytes than it is told by: what lies between would count as gone."""
    monkeypatch.setattr(source, "PAGE", 2)
    for name in (b"a", b"az.x", b"a\xff.x", b"a\xff\xff.x", b"b"):
        (tmp_path / os.fsdecode(name)).write_text("x")
    entries = Folder(tmp_path).entries()
    pages, last = [], False
    while not last:
        page, last = source.next_page(entries)
        pages.append([entry.name for entry in page if not entry.skipped])
    assert pages == [["a", "az.x"], ["b"], []]


def test_a_file_of_which_nothing_can_be_known_is_an_error_and_not_missing(tmp_path):
    class Entry:
        name, path = b"a.x", b"/mnt/share/a.x"

        def __init__(self, number: int) -> None:
            self.number = number

        def is_symlink(self) -> bool:
            return False

        def stat(self) -> os.stat_result:
            raise OSError(self.number, os.strerror(self.number))

    folder = Folder(tmp_path)
    for number in (errno.ESTALE, errno.EIO, errno.EACCES):
        with pytest.raises(SourceUnreadable, match=r"/mnt/share/a\.x"):
            folder._file(cast(Any, Entry(number)), b"a.x")
    for number in (errno.ENOENT, errno.ELOOP):
        assert folder._file(cast(Any, Entry(number)), b"a.x") is None


def test_a_folder_that_cannot_be_read_is_an_error_and_no_short_list(tmp_path):
    with pytest.raises(SourceUnreadable):
        list(Folder(tmp_path / "nowhere").entries())
