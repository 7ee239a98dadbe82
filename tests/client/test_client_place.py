"""Where a call goes, and where a key never goes."""

from __future__ import annotations

import json
import traceback
from pathlib import Path

import pytest
from client_service import KEY, Reply, Service, page, write_home

from workbench.client import connect
from workbench.client.place import Given, InHome, Key, address, default_home, find
from workbench.domain.errors import Code, WorkbenchError


def refused(code: Code, *told: str) -> pytest.RaisesExc[WorkbenchError]:
    def fits(error: WorkbenchError) -> bool:
        text = f"{error.message} | {error.hint}"
        return error.code is code and all(word in text for word in told)

    return pytest.RaisesExc(WorkbenchError, check=fits)


def test_address_and_key_of_the_environment_win_over_the_home(
    home: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Service(key="another_key_of_a_remote_service").start().on("GET", "/buckets", page([]))
    monkeypatch.setenv("MIXPEEK_URL", other.url + "/")
    monkeypatch.setenv("MIXPEEK_API_KEY", other.key)
    with connect() as client:
        client.buckets()
    assert [one.headers["authorization"] for one in other.seen] == [f"Bearer {other.key}"]
    assert service.seen == []
    other.stop()


def test_an_address_without_a_key_is_refused_and_the_home_key_stays(
    home: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIXPEEK_URL", service.url)
    with refused(Code.UNAUTHORIZED, "MIXPEEK_API_KEY", "never sent to another address"):
        connect()
    assert service.seen == []


def test_a_home_is_found_by_argument_then_by_environment(
    home: Path, service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    service.on("GET", "/buckets", page([]))
    with connect() as client:  # MIXPEEK_HOME is the same folder
        client.buckets()
    monkeypatch.setenv("MIXPEEK_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("MIXPEEK_URL", "https://service.example")
    monkeypatch.setenv("MIXPEEK_API_KEY", "k")
    with connect(home=home) as client:
        client.buckets()
    assert [one.headers["authorization"] for one in service.seen] == [f"Bearer {KEY}"] * 2


def test_the_default_home_is_the_users_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    finder = find(environ={})
    assert isinstance(finder, InHome)
    assert finder.home == default_home()
    assert default_home().name == "mixpeek"


def test_a_home_without_a_service_names_what_starts_one(tmp_path: Path) -> None:
    with refused(Code.SERVICE_UNREACHABLE, "no service runs in", "mixpeek up"):
        connect(home=tmp_path)
    (tmp_path / "run").write_text("a file where a folder is expected")
    with refused(Code.SERVICE_UNREACHABLE, "mixpeek up"):
        connect(home=tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.7:8080",
        "http://service.example:8080",
        "http://localhost:8080",  # a name can be made to mean another machine
        "http://127.0.0.1.example:80",
        "http://127.0.0.1@192.0.2.7:80",
        "file:///etc/passwd",
        "127.0.0.1:80",
        "",
    ],
)
def test_a_home_that_names_another_address_gets_no_request(
    url: str, tmp_path: Path, service: Service
) -> None:
    write_home(tmp_path, service)
    file = tmp_path / "run" / "service.json"
    file.write_text(json.dumps({"url": url}))
    with refused(Code.SERVICE_UNREACHABLE, "cannot be used"):
        connect(home=tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"url": null}', '"x"', "\xff"])
def test_a_broken_service_file_is_said_to_be_one(
    content: str, tmp_path: Path, service: Service
) -> None:
    write_home(tmp_path, service)
    (tmp_path / "run" / "service.json").write_bytes(content.encode("latin-1"))
    with refused(Code.SERVICE_UNREACHABLE, "service.json"):
        connect(home=tmp_path)


@pytest.mark.parametrize("key", ["", "  \n", "two words", "line\nbreak", "ümlaut", "x" * 600])
def test_a_broken_key_is_refused_without_showing_it(
    key: str, tmp_path: Path, service: Service
) -> None:
    write_home(tmp_path, service)
    (tmp_path / "key").write_text(key)
    with pytest.raises(WorkbenchError) as raised:
        connect(home=tmp_path)
    assert raised.value.code is Code.UNAUTHORIZED
    shown = f"{raised.value.message} {raised.value.hint}"
    assert not key.strip() or key.strip() not in shown


def test_a_missing_key_names_the_file(tmp_path: Path, service: Service) -> None:
    write_home(tmp_path, service)
    (tmp_path / "key").unlink()
    with refused(Code.UNAUTHORIZED, str(tmp_path / "key"), "doctor"):
        connect(home=tmp_path)


def test_the_key_follows_the_service_file_and_not_an_old_port(home: Path, service: Service) -> None:
    """The service came back elsewhere, and something else listens on its old port."""
    service.on("GET", "/buckets", page([]))
    second = Service().start().on("GET", "/buckets", page([]))
    with connect(home=home) as client:
        client.buckets()
        write_home(home, second)
        client.buckets()
    assert len(service.seen) == 1
    assert len(second.seen) == 1
    second.stop()


def test_a_redirect_is_not_followed(home: Path, service: Service) -> None:
    other = Service().start()
    service.on("GET", "/buckets", Reply({}, 307, {"Location": f"{other.url}/v1/buckets"}))
    with connect(home=home) as client, pytest.raises(WorkbenchError, match="307"):
        client.buckets()
    assert other.seen == []
    other.stop()


def test_the_key_shows_nowhere(home: Path, service: Service) -> None:
    service.on("GET", "/buckets", Reply(b"no json"))
    client = connect(home=home)
    finder = find(home)
    with pytest.raises(WorkbenchError) as raised:
        client.buckets()
    service.stop()
    with pytest.raises(WorkbenchError) as gone:
        client.changes("tsk_1")
    shown = [repr(client), repr(finder), repr(finder()), repr(Key(KEY)), str(Key(KEY))]
    for error in (raised.value, gone.value):
        shown += [repr(error), str(error), str(error.hint), str(error.details)]
        shown += traceback.format_exception(error)
        shown += traceback.TracebackException.from_exception(error, capture_locals=False).format()
    assert not any(KEY in text for text in shown)


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://host.example", "https://host.example"),
        (" https://host.example/base/ ", "https://host.example/base"),
        ("http://[::1]:81/", "http://[::1]:81"),
    ],
)
def test_addresses(url: str, clean: str) -> None:
    assert address(url) == clean


@pytest.mark.parametrize(
    "url", ["host.example", "ftp://host", "https://", "http://h:99999", "http://[", "https://u:p@h"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(WorkbenchError) as raised:
        address(url)
    assert raised.value.code is Code.INVALID
    assert "u:p" not in raised.value.message


def test_a_base_path_of_the_address_is_kept(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIXPEEK_URL", f"{service.url}/mixpeek/")
    monkeypatch.setenv("MIXPEEK_API_KEY", KEY)
    with connect() as client, pytest.raises(WorkbenchError):
        client.buckets()
    assert [one.path for one in service.seen] == ["/mixpeek/v1/buckets"]


def test_the_namespace_comes_from_argument_environment_or_default(
    home: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.on("GET", "/buckets", page([]))
    connect().buckets()
    monkeypatch.setenv("MIXPEEK_NAMESPACE", "team")
    connect().buckets()
    connect("mine").buckets()
    assert [one.headers["x-namespace"] for one in service.seen] == ["default", "team", "mine"]


@pytest.mark.parametrize("name", ["a b", "x\r\nAuthorization: y", "ä", "-x", "x" * 100])
def test_a_name_that_cannot_be_a_namespace_is_refused(name: str, home: Path) -> None:
    with refused(Code.INVALID, "namespace"):
        connect(name)


def test_only_a_service_of_a_home_is_local(home: Path) -> None:
    assert InHome(home).local
    assert not Given("https://host.example", Key("k")).local
