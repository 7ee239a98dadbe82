from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from workbench.domain.errors import WorkbenchError
from workbench.stack.parts import service_url
from workbench.stack.settings import (
    NOT_SETTINGS,
    load_settings,
    secure_folder,
    without_password,
)
from workbench.stack.values import PARSERS


def test_defaults_are_embedded_and_on_loopback(tmp_path: Path) -> None:
    settings = load_settings({}, home=tmp_path)
    assert (settings.host, settings.port) == ("127.0.0.1", 0)
    assert settings.temporal_address is settings.ray_address is settings.qdrant_url is None
    assert settings.metadata_url == f"sqlite:///{tmp_path}/metadata.db"
    assert settings.blobs_location == f"{tmp_path}/blobs"
    assert Path.cwd() in settings.roots
    assert Path.home() in settings.roots


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(
        'port = 8100\nslots = 3\nextractors = ["a.b:C", "d:E"]\ntemporal_tls = true\n'
    )
    settings = load_settings({"MIXPEEK_HOME": str(tmp_path), "MIXPEEK_PORT": "8200"})
    assert settings.port == 8200
    assert settings.slots == 3
    assert settings.window == 9
    assert settings.extractors == ("a.b:C", "d:E")
    assert settings.temporal_tls


def test_a_child_loads_equal_settings(tmp_path: Path) -> None:
    given = {
        "MIXPEEK_TEMPORAL_ADDRESS": "127.0.0.1:7233",
        "MIXPEEK_EXTRACTORS": "a:B, c.d:E",
        "MIXPEEK_TEMPORAL_UI": "yes",
        "MIXPEEK_MODEL_THREADS": "2",
        "MIXPEEK_ROOTS": f"{tmp_path}{os.pathsep}/srv",
        "MIXPEEK_QDRANT_URL": "http://localhost:6333",
        "MIXPEEK_QDRANT_API_KEY": "hush",
        "MIXPEEK_BLOBS": str(tmp_path / "blobs"),
        "MIXPEEK_HOSTS": "media.example.org, [2001:db8::1]",
    }
    settings = load_settings(given, home=tmp_path)
    assert load_settings(settings.environment()) == settings
    none = load_settings({"MIXPEEK_ROOTS": ""}, home=tmp_path)
    assert none.roots == ()
    assert load_settings(none.environment()) == none


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("MIXPEEK_PROT", "80", "unknown setting MIXPEEK_PROT"),
        ("MIXPEEK_PORT", "http", "a whole number"),
        ("MIXPEEK_PORT", "70000", "not from 0 to 65535"),
        ("MIXPEEK_SLOTS", "0", "not from 1"),
        ("MIXPEEK_TEMPORAL_ADDRESS", "temporal", "HOST:PORT"),
        ("MIXPEEK_TEMPORAL_TLS", "maybe", "true or false"),
        ("MIXPEEK_QDRANT_URL", "localhost:6333", "http or https://"),
        ("MIXPEEK_DATABASE_URL", "mysql://me:hush@host/db", "sqlite or postgresql"),
        ("MIXPEEK_EXTRACTORS", "mine.py", "module:Class"),
        ("MIXPEEK_BLOBS", "s3://bucket/prefix", "a folder"),
        ("MIXPEEK_HOSTS", "http://host:80", "written without a port"),
        ("MIXPEEK_LOG_LEVEL", "loud", "debug, info"),
    ],
)
def test_a_wrong_setting_is_refused_with_a_hint(
    tmp_path: Path, variable: str, value: str, message: str
) -> None:
    with pytest.raises(WorkbenchError) as caught:
        load_settings({variable: value}, home=tmp_path)
    assert message in caught.value.message
    assert caught.value.hint
    assert "hush" not in caught.value.message + str(caught.value.hint)


def test_the_nearest_name_is_offered(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError) as caught:
        load_settings({"MIXPEEK_TEMPORAL_ADRESS": "h:1"}, home=tmp_path)
    assert caught.value.hint == "did you mean MIXPEEK_TEMPORAL_ADDRESS?"
    (tmp_path / "settings.toml").write_text("qdrant-url = 'http://h'")
    with pytest.raises(WorkbenchError) as caught:
        load_settings({}, home=tmp_path)
    assert caught.value.hint == "did you mean qdrant_url?"


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("port = ")
    with pytest.raises(WorkbenchError, match=r"settings\.toml cannot be read"):
        load_settings({}, home=tmp_path)


def test_the_clients_variables_are_not_settings(tmp_path: Path) -> None:
    names = ("URL", "API_KEY", "NAMESPACE", "PROGRESS")
    client = {f"MIXPEEK_{name}": "x" for name in names}
    assert load_settings(client, home=tmp_path) == load_settings({}, home=tmp_path)


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    settings = load_settings(
        {
            "MIXPEEK_QDRANT_API_KEY": "hush1",
            "MIXPEEK_TEMPORAL_API_KEY": "hush2",
            "MIXPEEK_DATABASE_URL": "postgresql+psycopg://me:hush3@host/db?sslpassword=hush4",
            "MIXPEEK_QDRANT_URL": "https://hush5@host:6333",
        },
        home=tmp_path,
    )
    assert "hush" not in repr(settings)
    assert "hush" not in str(settings)
    assert "me:***@host" in repr(settings)


def test_a_service_with_an_outside_address_reads_no_folders(tmp_path: Path) -> None:
    assert load_settings({"MIXPEEK_HOST": "0.0.0.0"}, home=tmp_path).roots == ()
    with pytest.raises(WorkbenchError, match="reached from outside"):
        load_settings({"MIXPEEK_HOST": "0.0.0.0", "MIXPEEK_ROOTS": "/srv"}, home=tmp_path)


def test_what_a_service_is_called_by_is_written_as_in_a_url(tmp_path: Path) -> None:
    given = {"MIXPEEK_HOST": "2001:DB8::1", "MIXPEEK_HOSTS": "Media.example.org,10.0.0.7"}
    settings = load_settings(given, home=tmp_path)
    assert settings.names == {"[2001:db8::1]", "media.example.org", "10.0.0.7"}
    assert service_url(settings).startswith("http://[2001:DB8::1]:")


def test_a_key_for_temporal_does_not_travel_in_the_clear(tmp_path: Path) -> None:
    key = {"MIXPEEK_TEMPORAL_API_KEY": "hush"}
    assert load_settings(key, home=tmp_path).temporal_tls is None, "the SDK turns it on"
    with pytest.raises(WorkbenchError, match="in the clear"):
        load_settings({**key, "MIXPEEK_TEMPORAL_TLS": "false"}, home=tmp_path)


def test_sockets_fit_into_a_path(tmp_path: Path) -> None:
    deep = load_settings({}, home=tmp_path / ("a" * 120))
    assert len(os.fsencode(deep.vectors_socket)) < 60
    session = "session_2026-11-24_22-08-13_934522_4194304/sockets/plasma_store"
    assert len(os.fsencode(deep.ray_folder / session)) < 107


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:p@h:5/db", "postgresql://u:***@h:5/db"),
        ("http://token@h", "http://***@h"),
        ("http://h/a?x=1&api_key=2", "http://h/a?x=1&api_key=***"),
        ("sqlite:////a/b.db", "sqlite:////a/b.db"),
    ],
)
def test_passwords_leave_urls(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_a_private_folder_is_made_private(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    secure_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    secure_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_link_in_place_of_a_private_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WorkbenchError, match="not a folder of the user"):
        secure_folder(tmp_path / "link")
    if os.getuid() == 0:
        os.chown(tmp_path / "elsewhere", 12345, 12345)
        with pytest.raises(WorkbenchError, match="not a folder of the user"):
            secure_folder(tmp_path / "elsewhere")


def test_every_setting_is_documented() -> None:
    told = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
    variables = set(re.findall(r"`MIXPEEK_([A-Z_]+)`", told))
    internal = {"RUNTIME", "LABEXTENSION"}
    assert variables == {name.upper() for name in PARSERS} | NOT_SETTINGS - internal
