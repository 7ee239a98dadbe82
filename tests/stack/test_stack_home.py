from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.access.keys import well_formed
from workbench.domain.errors import Code, WorkbenchError
from workbench.stack.home import lock_home, prepare_home, read_json, write_json
from workbench.stack.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    made = load_settings({}, home=tmp_path / "home")
    yield made
    shutil.rmtree(made.runtime, ignore_errors=True)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_home_is_private_and_keeps_its_key(settings: Settings) -> None:
    before = os.umask(0)
    try:
        prepare_home(settings)
    finally:
        os.umask(before)
    assert mode(settings.home) == mode(settings.runtime) == mode(settings.runtime.parent) == 0o700
    assert mode(settings.key_file) == mode(settings.ray_token_file) == 0o600
    key = settings.key_file.read_text()
    assert well_formed(key.strip())
    settings.key_file.chmod(0o644)
    prepare_home(settings)
    assert settings.key_file.read_text() == key
    assert mode(settings.key_file) == 0o600


def test_a_file_that_holds_no_key_is_not_replaced(settings: Settings) -> None:
    prepare_home(settings)
    settings.key_file.write_text("mine")
    with pytest.raises(WorkbenchError) as caught:
        prepare_home(settings)
    assert caught.value.code is Code.CONFLICT
    assert settings.key_file.read_text() == "mine"


def test_a_folder_with_other_files_is_not_made_a_home(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("")
    tmp_path.chmod(0o755)
    with pytest.raises(WorkbenchError, match="no home of this program"):
        prepare_home(load_settings({}, home=tmp_path))
    assert mode(tmp_path) == 0o755


def test_settings_may_be_there_first(settings: Settings) -> None:
    settings.home.mkdir()
    (settings.home / "settings.toml").write_text("slots = 2\n")
    prepare_home(settings)


def test_the_home_of_a_newer_version_is_left_alone(settings: Settings) -> None:
    prepare_home(settings)
    write_json(settings.home / "home.json", {"layout": 99, "version": "9.0"})
    with pytest.raises(WorkbenchError, match=r"written by version 9\.0") as caught:
        prepare_home(settings)
    assert caught.value.code is Code.VERSION_MISMATCH


def test_one_lock_for_one_home(settings: Settings) -> None:
    prepare_home(settings)
    first = lock_home(settings)
    assert first is not None
    assert lock_home(settings) is None
    os.close(first)
    again = lock_home(settings)
    assert again is not None
    os.close(again)


def test_json_files(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    assert mode(path) == 0o600
    assert read_json(path) == {"a": 1}
    path.write_text("[1]")
    assert read_json(path) is None
    path.write_text("{")
    assert read_json(path) is None
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]
