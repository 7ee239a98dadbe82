"""Keys and the home key's authenticator."""

from __future__ import annotations

import string
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.access.authenticate import Access, HomeKey
from workbench.access.keys import ensure_key, new_key, read_key, well_formed
from workbench.access.principal import Principal
from workbench.domain.errors import Code, WorkbenchError


def test_access_new_keys_are_well_formed_and_differ() -> None:
    keys = {new_key() for _ in range(50)}
    assert len(keys) == 50
    assert all(well_formed(key) and len(key) == 40 for key in keys)


@given(st.integers(0, 39), st.sampled_from(string.ascii_letters + string.digits + "-_é"))
def test_access_one_wrong_character_is_a_typo(place: int, other: str) -> None:
    key = new_key()
    typo = key[:place] + other + key[place + 1 :]
    assert well_formed(typo) == (typo == key)


@pytest.mark.parametrize("text", ["", "mxp_", "sk_123", "mxp_" + "0" * 35, "mxp_" + "é" * 36])
def test_access_other_texts_are_no_keys(text: str) -> None:
    assert not well_formed(text)


def test_access_key_file_is_private_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "key"
    key = ensure_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert ensure_key(path) == key == read_key(path)
    path.chmod(0o644)
    assert read_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]


def test_access_racing_starts_get_one_key(tmp_path: Path) -> None:
    path, found, ready = tmp_path / "key", list[str](), threading.Barrier(8)

    def start() -> None:
        ready.wait()
        found.append(ensure_key(path))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_access_damaged_key_file_is_an_error_without_its_content(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("mxp_secret-but-broken")
    with pytest.raises(ValueError, match="holds no key") as raised:
        read_key(path)
    assert "secret" not in str(raised.value)


def test_access_home_key_opens_and_nothing_else_does() -> None:
    key = new_key()
    access = Access([HomeKey(key)])
    assert access.authenticate(f"Bearer {key}") == Principal("home", None, home=True)
    assert access.authenticate(f"bearer  {key} ") == Principal("home", None, home=True)
    for header in [None, "", key, f"Basic {key}", "Bearer", "Bearer ", f"Bearer {new_key()}"]:
        with pytest.raises(WorkbenchError) as raised:
            access.authenticate(header)
        assert raised.value.code is Code.UNAUTHORIZED


def test_access_errors_and_reprs_never_show_the_key() -> None:
    key = new_key()
    cut = key[:-1]
    with pytest.raises(WorkbenchError) as raised:
        Access([HomeKey(key)]).authenticate(f"Bearer {cut}")
    error = raised.value
    assert "mistyped" in error.message
    assert cut not in f"{error.message}{error.hint}{error.details}{HomeKey(key)!r}"


def test_access_authenticators_are_asked_in_turn() -> None:
    class Team:
        def authenticate(self, credential: str) -> Principal | None:
            return Principal("team", frozenset({"ns_1"})) if credential == "tok" else None

    access = Access([HomeKey(new_key()), Team()])
    principal = access.authenticate("Bearer tok")
    assert principal.reaches("ns_1")
    assert not principal.reaches("ns_2")
    assert Principal("home").reaches("ns_2")
