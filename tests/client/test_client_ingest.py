"""What an ingest sends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from client_service import KEY, Reply, Service, task

from workbench.client import Client, connect
from workbench.client.source import resolve
from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.states import TaskState


@pytest.fixture
def accepting(service: Service) -> Service:
    return service.on("POST", "/tasks/ingest", Reply(task(TaskState.PENDING), 202))


def test_everything_that_was_asked_for_is_sent(
    client: Client, accepting: Service, tmp_path: Path
) -> None:
    client.ingest(
        tmp_path,
        bucket="trip",
        extractors=["text"],
        parameters={"text": {"chunk_size": 80, "nothing": None}},
        exclude=["*.tmp"],
        verify=True,
    )
    assert accepting.sent("POST", "/tasks/ingest")[0].json == {
        "source": str(tmp_path.resolve()),
        "bucket": "trip",
        "extractors": ["text"],
        "parameters": {"text": {"chunk_size": 80, "nothing": None}},
        "exclude": ["*.tmp"],
        "verify": True,
        "local": True,
        "retry": None,
        "round": None,
    }


def test_a_service_by_address_is_not_told_to_read_here(
    accepting: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIXPEEK_URL", accepting.url)
    monkeypatch.setenv("MIXPEEK_API_KEY", KEY)
    with connect() as client:
        client.ingest(tmp_path)
    assert accepting.sent("POST", "/tasks/ingest")[0].json["local"] is False


def test_paths_are_absolute_whatever_way_they_were_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "ünï cödé +%20"
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = str(folder.resolve())
    assert resolve(folder.name) == expected
    assert resolve(f"./{folder.name}/../{folder.name}/") == expected
    assert resolve(f"~/{folder.name}") == expected
    assert resolve("link") == expected
    assert resolve("link/a.txt") == f"{expected}/a.txt"


def test_addresses_are_left_alone() -> None:
    assert resolve("s3://bucket/a prefix/") == "s3://bucket/a prefix/"


def test_what_is_not_there_is_named_before_anything_is_sent(
    client: Client, accepting: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WorkbenchError, match="medai") as raised:
        client.ingest("./medai")
    assert raised.value.code is Code.SOURCE_UNREADABLE
    assert str(tmp_path) in str(raised.value.hint)
    assert accepting.seen == []


def test_what_cannot_be_a_source_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    bad = tmp_path / os.fsdecode(b"\xff\xfe")
    bad.mkdir()
    for source in (tmp_path / "pipe", tmp_path / "loop", bad, "a\0b", "~nobody_of_this_name/x"):
        with pytest.raises(WorkbenchError) as raised:
            resolve(source)
        assert raised.value.code is Code.SOURCE_UNREADABLE
        raised.value.message.encode()


def test_a_request_that_cannot_be_written_is_wrong_use(client: Client, tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="UTF-8") as raised:
        client.ingest(tmp_path, bucket="\udcff")
    assert raised.value.code is Code.INVALID
