from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import PostgresStores

from workbench.stack import doctor
from workbench.stack.home import prepare_home
from workbench.stack.settings import load_settings


@pytest.fixture(autouse=True)
def few_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing all of them takes long; the import of one shows how it is done."""
    monkeypatch.setattr(doctor, "_ENGINES", {"pillow": "import PIL.Image"})


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("MIXPEEK_HOME", str(tmp_path / "home"))
    yield tmp_path / "home"
    shutil.rmtree(load_settings({}, home=tmp_path / "home").runtime, ignore_errors=True)


def findings(home: Path, **environment: str) -> dict[str, doctor.Finding]:
    settings = load_settings({f"MIXPEEK_{k}": v for k, v in environment.items()}, home=home)
    return {finding.part: finding for finding in doctor.examine(settings)}


def test_a_good_home(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare_home(load_settings())
    assert doctor.run(as_json=False) == 0
    told = capsys.readouterr().out
    assert "BROKEN" not in told
    assert "Ray listens on every interface" in told
    assert doctor.run(as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is True
    assert {"python", "home", "key", "disk", "temporal", "pillow", "ray network"} <= {
        part["part"] for part in found["parts"]
    }


def test_a_home_that_others_can_read(home: Path) -> None:
    prepare_home(load_settings())
    home.chmod(0o755)
    found = findings(home)["home"]
    assert found.broken
    assert found.hint is not None
    assert found.hint.startswith(f"chmod 700 {home}")


def test_a_file_without_a_key(home: Path) -> None:
    prepare_home(load_settings())
    (home / "key").write_text("mxp_no")
    assert findings(home)["key"].broken
    assert "mxp_no" not in repr(findings(home)["key"])


def test_engines_that_are_absent_or_crash(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crash = "import os; os.kill(os.getpid(), 11)"
    monkeypatch.setattr(
        doctor, "_ENGINES", {"no-such-engine": "", "pillow": crash, "numpy": "import nope"}
    )
    found = findings(home)
    assert found["no-such-engine"].detail == "not installed"
    assert found["pillow"].broken
    assert "No module named 'nope'" in found["numpy"].detail


def test_servers_that_the_settings_name(home: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        good = findings(home, TEMPORAL_ADDRESS=address, QDRANT_URL=f"http://u:hush@{address}")
    assert good["temporal"].ok
    assert good["vectors"].ok
    assert "hush" not in repr(good)
    bad = findings(home, TEMPORAL_ADDRESS=address, QDRANT_URL=f"http://{address}")
    assert bad["temporal"].broken
    assert bad["vectors"].broken


def test_wrong_settings_are_a_finding(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MIXPEEK_PORTT", "1")
    assert doctor.run(as_json=False) == 1
    assert "did you mean MIXPEEK_PORT?" in capsys.readouterr().out


@pytest.mark.stores("postgresql")
def test_a_database_server_is_asked(home: Path, stores: PostgresStores) -> None:
    url = stores.empty()
    found = findings(home, DATABASE_URL=url)["metadata"]
    assert found.ok
    assert found.detail.startswith("PostgreSQL 1")
    stores.stop()
    try:
        gone = findings(home, DATABASE_URL=url.replace("mixpeek@", "mixpeek:hush@"))["metadata"]
    finally:
        stores.start()
    assert gone.broken
    assert gone.detail.endswith("does not answer")
    assert "hush" not in gone.detail
    assert gone.hint is not None
