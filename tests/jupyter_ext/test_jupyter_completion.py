"""Completion in a real IPython shell, through its ``Completer``."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from conftest import Notebook

from jupyter_ext.catalogue import Catalogue
from workbench.client import connect
from workbench.domain.errors import Code, WorkbenchError


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("%mixpeek ing", ["%mixpeek ingest"]),
        ("x = %mixpeek sea", ["x = %mixpeek search"]),
        ("%mixpeek doc", ["%mixpeek documents", "%mixpeek doctor"]),
        ("%mixpeek ingest ./m --bu", ["%mixpeek ingest ./m --bucket"]),
        ("%mixpeek search dog --mode ", [f"{m}" for m in ("dense", "text", "hybrid")]),
        ("%mixpeek search dog --mode=te", ["text"]),
        ("%mixpeek search dog --bucket tr", ["trip"]),
        ("%mixpeek objects ", ["holidays", "trip"]),
        ("%mixpeek documents trip.i", ["trip.image"]),
        ("%mixpeek delete b", ["bucket"]),
        ("%mixpeek delete collection ", ["trip.image", "trip.text"]),
        ("%mixpeek ingest ./m --extractors image,te", ["text"]),
        ("%mixpeek ingest ./m --set te", ["text.chunk_size="]),
        ("%mixpeek wait tsk", ["tsk_0193000000007000800000000000007k"]),
        ("%mixpeek search dog --kind image,vi", ["video"]),
        ("%%search --filter 'ki", ["kind"]),
        ("%%search --filter chunk", ["chunk_count"]),
        ("%%search --filter 'kind = ", [f'"{k}"' for k in ("image", "audio", "text", "video")]),
        ("%%search --filter 'page > 3 and kind = \"im", ['"image"']),
        ("%%search --filter 'page > 3 an", ["and"]),
        ("%%search --filter 'kind in (image, vi", ['"video"']),
        ("%%search --filter 'page ", ["page >", "contains"]),
        ("%mixpeek search dog --filter bucket=tr", ["bucket=trip"]),
        ("%mixpeek failures tsk_1 --filter 'cat", ["category"]),
        ("%mixpeek failures tsk_1 --filter 'category = fo", ['"format"']),
        ("%%search --to", ["%%search --top"]),
        ("%%search found << --bucket h", ["holidays"]),
        ("%%search --collection trip.t|\na dog", ["trip.text"]),
        ("%%telemetry --na", ["--namespace"]),
        ("%%telemetry\nSELECT * FROM sta", ["stages"]),
        ("%%telemetry t <<\nSELECT sec|\nFROM stages", ["seconds"]),
        ("%%telemetry\nSELECT s.st| FROM stages s", ["s.stage"]),
        ("%%telemetry\nSELECT sta| FROM tasks WHERE x", ["state", "stages"]),
        ("%%telemetry\nSELECT * FROM stages JOIN my_f", ["my_frame"]),
        ('%mixpeek sql "SELECT sta| FROM tasks"', ["state", "stages"]),
    ],
)
def test_offered(notebook: Notebook, typed: str, offered: list[str]) -> None:
    notebook.run("import pandas as pd; my_frame = pd.DataFrame(); tripod = 1; stationary = 2")
    notebook.complete(typed)  # the first key may come before the service's answer
    before = typed.partition("|")[0]
    found = notebook.complete(typed)
    missing = [text for text in offered if not any(one.endswith(text) for one in found)]
    assert missing == []
    others = [one for one in found if not any(one.endswith(text) for text in offered)]
    if before[-1] not in " ":
        assert others == []  # nothing of Python's


def test_paths(notebook: Notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my media").mkdir()
    (tmp_path / "my media" / "a.jpg").write_text("")
    (tmp_path / "my.txt").write_text("")
    (tmp_path / ".hidden").mkdir()
    monkeypatch.chdir(tmp_path)
    assert notebook.complete("%mixpeek ingest m") == [
        "%mixpeek ingest my\\ media/",
        "%mixpeek ingest my.txt",
    ]
    assert notebook.complete("%mixpeek ingest my\\ media/") == ["%mixpeek ingest my\\ media/a.jpg"]
    notebook.run("%mixpeek ingest my\\ media/ --detach")
    assert dict(notebook.service.asked)["ingest"].source == str(tmp_path / "my media")
    assert "%mixpeek search --like my.txt" in notebook.complete("%mixpeek search --like my")


def test_options_are_offered_once(notebook: Notebook) -> None:
    found = notebook.complete("%mixpeek search x --top 3 --bucket trip --")
    options = {one.rsplit(" ", 1)[-1] for one in found}
    assert "--top" not in options
    assert {"--bucket", "--filter", "--help"} <= options  # several buckets may be named


def test_python_is_left_alone(notebook: Notebook) -> None:
    notebook.run("mixpeek_value = 1")
    assert notebook.complete("mixpeek_va") == ["mixpeek_value"]
    assert "print" in notebook.complete("pri")
    notebook.complete("%%search\nwhere is ing")
    assert not notebook.service.asked


def test_silent_and_fast_without_a_service(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MIXPEEK_URL", "http://127.0.0.1:9")
    start = time.monotonic()
    assert notebook.complete("%mixpeek objects tr") == []
    assert time.monotonic() - start < 1.0
    assert notebook.complete("%mixpeek ing") == ["%mixpeek ingest"]
    assert capfd.readouterr().err == ""


def test_a_slow_service_does_not_hold_the_keyboard(notebook: Notebook) -> None:
    notebook.service.delay = 2.0
    start = time.monotonic()
    assert notebook.complete("%mixpeek objects tr") == []
    assert time.monotonic() - start < 1.8
    while not notebook.complete("%mixpeek objects tr"):
        assert time.monotonic() - start < 20
        time.sleep(0.05)
    assert notebook.complete("%mixpeek objects tr") == ["%mixpeek objects trip"]
    assert notebook.service.names().count("buckets") == 1


def test_names_are_remembered_for_a_while(notebook: Notebook) -> None:
    now = 0.0
    catalogue = Catalogue(connect, patience=5.0, clock=lambda: now)
    assert catalogue.names("buckets") == ["holidays", "trip"]
    now = 9.0
    catalogue.names("buckets")
    assert notebook.service.names().count("buckets") == 1
    now = 11.0
    catalogue.names("buckets")
    assert notebook.service.names().count("buckets") == 2
    assert catalogue.tables()["tasks"] == ["task_id", "state"]


def test_an_error_is_no_name() -> None:
    def away() -> None:
        raise WorkbenchError(Code.SERVICE_UNREACHABLE, "away")

    catalogue = Catalogue(away, patience=5.0)
    assert catalogue.names("buckets") == []
    assert catalogue.tables() == {}
    assert not any(t.name == "mixpeek-names" for t in threading.enumerate() if not t.daemon)
