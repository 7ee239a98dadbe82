"""The magics in a real IPython shell, over HTTP."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Notebook
from jupyter_samples import answer, ended, failure, hit, task
from lab_sanitizer import problems

from jupyter_ext.errors import (
    MixpeekError,
    MixpeekUsageError,
    TaskCanceled,
    TaskFailed,
    WaitInterrupted,
)
from jupyter_ext.results import Results, Rows, Table
from jupyter_ext.task import Task
from workbench.domain.states import TaskState
from workbench.domain.wire import RetryRequest

# ---- search -------------------------------------------------------------------------------------


def test_search_takes_the_cell_as_query(notebook: Notebook) -> None:
    found = notebook.run("%%search --bucket trip --top 8\nthe goat on\nthe 'wall'\n").value
    assert isinstance(found, Results)
    request = notebook.service.asked[0][1]
    assert request.text == "the goat on\nthe 'wall'"
    assert (request.buckets, request.top, request.mode) == (["trip"], 8, "hybrid")
    assert len(found) == 8
    assert [h.rank for h in found] == list(range(1, 9))
    assert found[0].object_name == "harbour/IMG_1187.jpg"
    assert repr(found) == "<Results: 8 hits>"


def test_hits_as_a_dataframe(notebook: Notebook) -> None:
    notebook.service.found = answer(
        [
            hit(1, "a.pdf", page=3, text="x", payload={"width": 640, "score": "shadowed"}),
            hit(2, "b.jpg", labels=["dog"]),
        ]
    )
    df = notebook.run("%mixpeek search dog").value.df
    assert list(df.columns[:8]) == [
        "rank",
        "score",
        "object_name",
        "collection",
        "text",
        "page",
        "start_ms",
        "end_ms",
    ]
    assert df.page.tolist()[0] == 3
    assert str(df.page.dtype) == "Int64"
    assert df.score[0] == pytest.approx(1 / 61)
    assert df.width[0] == 640
    assert df.labels[1] == ["dog"]
    notebook.service.found = answer([])
    empty = notebook.run("%mixpeek search dog").value
    assert list(empty.df.columns[:3]) == ["rank", "score", "object_name"]
    assert len(empty.df) == 0


def test_a_result_shows_pictures_and_a_plain_twin(notebook: Notebook) -> None:
    notebook.run("found = %mixpeek search goat --top 24")
    found = notebook.shell.user_ns["found"]
    assert "thumbnail" not in notebook.service.names()  # only what is shown is fetched
    bundle = notebook.bundle(found)
    assert set(bundle) == {"text/html", "text/plain"}
    assert problems(bundle["text/html"]) == []
    assert bundle["text/html"].count("<img ") == 9  # obj_6 has none
    assert len(bundle["text/html"].encode()) <= 256_000
    assert bundle["text/plain"].startswith("24 hits")
    asked = notebook.service.names().count("thumbnail")
    placed = [hit.document_id for hit in found.hits[:12] if hit.mime == "video/mp4"]
    assert placed
    assert all(("preview", each) in notebook.service.asked for each in placed)
    assert notebook.bundle(found) == bundle
    assert notebook.service.names().count("thumbnail") == asked


def test_search_into_a_name_shows_and_assigns(notebook: Notebook) -> None:
    cell = notebook.run("%%search found << --top 3\ngoat\n")
    assert cell.value is notebook.shell.user_ns["found"]
    assert len(cell.value) == 3


def test_variables_stand_for_themselves_and_nothing_is_evaluated(notebook: Notebook) -> None:
    notebook.run("bucket = 'my trip'; animal = 'goat'; danger = object()")
    notebook.run("%%search --bucket {bucket}\n{animal} {1+1} {danger} {missing} $bucket\n")
    request = notebook.service.asked[0][1]
    assert request.buckets == ["my trip"]
    assert request.text == "goat {1+1} {danger} {missing} $bucket"


def test_search_by_example(notebook: Notebook, tmp_path: Path) -> None:
    (tmp_path / "a dog.jpg").write_bytes(b"\xff\xd8\xff")
    notebook.shell.user_ns["file"] = tmp_path / "a dog.jpg"
    assert len(notebook.run("%mixpeek search --like {file}").value) == 10
    request = notebook.service.asked[0][1]
    assert request.text is None
    assert request.media.name == "a dog.jpg"


def test_a_namespace_is_sent(notebook: Notebook) -> None:
    notebook.run("%mixpeek buckets --namespace team_a")
    client = notebook.shell.magics_manager.magics["line"]["mixpeek"].__self__.desk.client("team_a")
    assert client.namespace == "team_a"


# ---- telemetry ----------------------------------------------------------------------------------


def test_telemetry_joins_the_users_frames(notebook: Notebook) -> None:
    notebook.run("import pandas as pd\nnames = pd.DataFrame({'task_id': ['t1'], 'who': ['Ada']})")
    table = notebook.run(
        "%%telemetry\nSELECT who, sum(seconds) AS s FROM stages JOIN names USING (task_id)\n"
        "GROUP BY who\n"
    ).value
    assert isinstance(table, Table)
    assert table.df.to_dict("records") == [{"who": "Ada", "s": 3.5}]
    bundle = notebook.bundle(table)
    assert problems(bundle["text/html"]) == []
    assert bundle["text/plain"] == "who    s\nAda  3.5"


def test_telemetry_into_a_name_is_silent(notebook: Notebook) -> None:
    cell = notebook.run("%%telemetry t <<\nSELECT count(*) AS n FROM stages\n")
    assert cell.value is None
    assert notebook.shell.user_ns["t"].df.n.tolist() == [3]


def test_sql_in_a_line_and_over_results(notebook: Notebook) -> None:
    notebook.run("%%search found << --top 5\ngoat\n")
    sql = "SELECT count(*) AS n, {'a': 1} AS s FROM found"
    table = notebook.run(f'%mixpeek sql "{sql}"').value
    assert table.df.n.tolist() == [5]
    assert table.df.s.tolist() == [{"a": 1}]


def test_wrong_sql_says_what_is_near(notebook: Notebook) -> None:
    error = notebook.run("%%telemetry\nSELECT * FROM stage\n").error
    assert isinstance(error, MixpeekUsageError)
    assert "stages" in str(error)


# ---- lists and text -----------------------------------------------------------------------------


def test_lists_are_rows(notebook: Notebook) -> None:
    rows = notebook.run("%mixpeek buckets").value
    assert isinstance(rows, Rows)
    assert [row["name"] for row in rows] == ["holidays", "trip"]
    assert rows.df["name"].tolist() == ["holidays", "trip"]
    assert "trip" in notebook.bundle(rows)["text/plain"]
    assert problems(notebook.bundle(rows)["text/html"]) == []
    tasks = notebook.run("%mixpeek tasks").value
    assert tasks[0]["state"] == "PENDING"
    assert tasks.df.total[0] == 1924


def test_help(notebook: Notebook) -> None:
    assert "ingest" in str(notebook.run("%mixpeek").value)
    assert "doctor" in str(notebook.run("%mixpeek --help").value)
    said = notebook.run("%mixpeek ingest --help").value
    assert "--exclude" in notebook.bundle(said)["text/plain"]
    assert "--filter" in str(notebook.run("%%search x << --help\n\n").value)
    assert "x" not in notebook.shell.user_ns
    for magic in ("mixpeek", "search", "telemetry"):
        kind = "line" if magic == "mixpeek" else "cell"
        assert "%" in notebook.shell.magics_manager.magics[kind][magic].__doc__


# ---- tasks --------------------------------------------------------------------------------------


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "my media"
    folder.mkdir()
    (folder / "a.txt").write_text("x")
    return folder


def test_ingest_shows_one_stable_display_where_nobody_looks(
    notebook: Notebook, media: Path
) -> None:
    notebook.shell.user_ns["media"] = media
    cell = notebook.run("%mixpeek ingest {media} --bucket trip --set text.chunk_size=5")
    request = notebook.service.asked[0][1]
    assert (request.source, request.bucket) == (str(media), "trip")
    assert request.parameters == {"text": {"chunk_size": 5}}
    [(bundle, update)] = cell.displays
    assert not update
    assert "completed" in bundle["text/plain"]
    assert "tsk_" not in bundle["text/plain"] + bundle["text/html"]
    assert isinstance(cell.value, Task)
    assert cell.value.state is TaskState.COMPLETED
    assert repr(cell.value).startswith("<Task ingest trip: COMPLETED, 30 indexed")
    assert notebook.run("_").displays  # later it shows itself


def test_ingest_is_live_where_somebody_looks(
    notebook: Notebook, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "x.ipynb")
    monkeypatch.setattr("jupyter_ext.widgets.available", lambda: False)
    notebook.service.states[1:2] = [task(TaskState.IN_PROGRESS) for _ in range(3)]
    cell = notebook.run(f"t = %mixpeek ingest '{media}'\nt")
    first, *updates = cell.displays
    assert not first[1]
    assert "waiting to start" in first[0]["text/html"] or "running" in first[0]["text/html"]
    assert all(update for _, update in updates)
    assert "%mixpeek wait tsk_" in updates[0][0]["text/html"]
    last = updates[-1][0]["text/html"]
    assert "completed" in last
    assert "1 min 52 s" in last
    assert problems(last) == []


@pytest.mark.parametrize(("mode", "displays"), [("off", 0), ("text", 1), ("html", 3)])
def test_modes(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch, mode: str, displays: int
) -> None:
    monkeypatch.setenv("MIXPEEK_PROGRESS", mode)
    cell = notebook.run("t = %mixpeek wait tsk_1")
    assert len(cell.displays) == displays


def test_an_unknown_mode_is_an_error(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIXPEEK_PROGRESS", "loud")
    assert "auto, widget, html, text or off" in str(notebook.run("%mixpeek wait tsk_1").error)


def test_detached(notebook: Notebook, media: Path) -> None:
    cell = notebook.run(f"t = %mixpeek ingest '{media}' --detach")
    assert not cell.displays
    handle = notebook.shell.user_ns["t"]
    assert handle.state is TaskState.PENDING
    assert handle.df.columns[0] == "collection"
    shown = notebook.run("t").displays
    assert "running" in shown[0][0]["text/plain"]  # it asks for the present state
    assert handle.df.indexed.tolist() == [1204, 61, 0]
    assert handle.wait() is handle
    assert handle.state is TaskState.COMPLETED
    assert handle.cancel().out.requested == "cancel"
    assert handle.retry().task_id == "tsk_again"


def test_failures_are_listed_and_no_error_without_strict(notebook: Notebook) -> None:
    notebook.service.states = [ended(TaskState.COMPLETED_WITH_ERRORS, 2)]
    notebook.service.failures = [failure(1), failure(2)]
    cell = notebook.run("%mixpeek wait tsk_1")
    assert "dunes/IMG_0002.jpg" in cell.displays[0][0]["text/html"]
    assert cell.value.failures.object_name.tolist() == ["dunes/IMG_0001.jpg", "dunes/IMG_0002.jpg"]
    strict = notebook.run("%mixpeek wait tsk_1 --strict")
    assert isinstance(strict.error, TaskFailed)
    assert "2 of 40 items failed" in str(strict.error)
    assert len(strict.displays) == 1
    listed = notebook.run("%mixpeek failures tsk_1").value
    assert listed[0]["hint"] == "copy it again from the camera"


@pytest.mark.parametrize(
    ("state", "kind", "said"),
    [
        (TaskState.FAILED, TaskFailed, "ingest trip failed: nothing matched. name an extractor"),
        (TaskState.CANCELED, TaskCanceled, "ingest trip was canceled"),
    ],
)
def test_a_task_without_success_raises(
    notebook: Notebook, media: Path, state: TaskState, kind: type[Exception], said: str
) -> None:
    notebook.service.states = [task(TaskState.PENDING), ended(state)]
    cell = notebook.run(f"%mixpeek ingest '{media}'\nnext_line = 1")
    assert type(cell.error) is kind
    assert str(cell.error) == said
    assert cell.displays
    assert "next_line" not in notebook.shell.user_ns


def test_an_interrupt_stops_the_waiting_only(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIXPEEK_PROGRESS", "html")
    notebook.service.states = [task(TaskState.IN_PROGRESS)]
    cell = notebook.interrupted("%mixpeek wait tsk_1\nnext_line = 1", after=0.7)
    assert isinstance(cell.error, WaitInterrupted)
    assert isinstance(cell.error, KeyboardInterrupt)
    [line, hint] = cell.error._render_traceback_()
    assert "the task goes on" in line
    assert "%mixpeek wait tsk_" in hint
    assert "%mixpeek cancel tsk_" in hint
    assert "Interrupting this cell" in cell.displays[0][0]["text/html"]
    assert "Interrupting this cell" not in cell.displays[-1][0]["text/html"]
    assert "waits for its end" in cell.displays[-1][0]["text/html"]
    assert "cancel" not in notebook.service.names()
    assert "next_line" not in notebook.shell.user_ns
    handle = notebook.run("%mixpeek tasks tsk_1").value
    notebook.shell.user_ns["handle"] = handle
    assert isinstance(notebook.interrupted("handle.wait()", after=0.4).error, WaitInterrupted)


def test_pause_and_resume(notebook: Notebook) -> None:
    cell = notebook.run("%mixpeek pause tsk_1")
    handle = cell.value
    assert "paused" in cell.displays[0][0]["text/plain"]  # it asks for the present state
    assert handle.refresh().state is TaskState.PAUSED
    assert handle.resume().state is TaskState.IN_PROGRESS
    assert handle.pause().out.requested == "pause"
    assert notebook.run("%mixpeek resume tsk_1").value.state is TaskState.IN_PROGRESS


def test_retry_of_rows_that_are_chosen_in_the_dataframe(notebook: Notebook) -> None:
    notebook.service.states = [ended(TaskState.COMPLETED_WITH_ERRORS, 3)]
    notebook.service.failures = [failure(1), failure(2, message="timeout"), failure(3)]
    handle = notebook.run("%mixpeek tasks tsk_1").value
    rows = handle.failures
    slow = rows[rows.message == "timeout"]
    assert handle.retry(slow).task_id == "tsk_again"
    asked = notebook.service.asked[-1][1]
    assert asked == RetryRequest(failures=list(slow.failure_id))
    handle.retry(retryable=True, objects=["a"], filter="attempts > 1")
    chosen = RetryRequest(retryable=True, objects=["a"], filter="attempts > 1")
    assert notebook.service.asked[-1][1] == chosen
    for wrong in (rows[rows.message == "nothing"], rows[["object_name"]]):
        with pytest.raises(MixpeekUsageError):
            handle.retry(wrong)


def test_cancel_and_retry(notebook: Notebook) -> None:
    canceled = notebook.run("%mixpeek cancel tsk_1").value
    assert canceled.out.requested == "cancel"
    assert "canceling" in notebook.run("_").displays[0][0]["text/plain"]
    again = notebook.run("%mixpeek retry tsk_1").value
    assert again.task_id == "tsk_again"
    assert again.state is TaskState.COMPLETED


# ---- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind", "what", "hint"),
    [
        ("%mixpeek serch x", MixpeekUsageError, "no verb 'serch'", "did you mean search"),
        ("%mixpeek search x --topp 3", MixpeekUsageError, "--topp", "did you mean --top"),
        ("%mixpeek search x --mode fast", MixpeekUsageError, "--mode", "--help"),
        ("%mixpeek search 'x", MixpeekUsageError, "no closing quotation", "backslash"),
        ("%mixpeek search", MixpeekUsageError, "--like", "e.g."),
        ("%%search holidays\ndog", MixpeekUsageError, "'holidays'", "below the first line"),
        ("%mixpeek search x --filter 'page >'", MixpeekUsageError, "breaks off", "page > 3"),
        ("%mixpeek search x --bucket nowhere", MixpeekError, "nowhere", "`%mixpeek buckets`"),
        ("%mixpeek wait tsk_none", MixpeekError, "tsk_none", ""),
        ("%mixpeek ingest /no/such/folder", MixpeekError, "/no/such/folder", ""),
        ("%mixpeek delete bucket trip", MixpeekError, "", ""),
    ],
)
def test_errors_are_two_lines(
    notebook: Notebook, code: str, kind: type[MixpeekError], what: str, hint: str
) -> None:
    cell = notebook.run(code)
    assert type(cell.error) is kind
    lines = cell.error._render_traceback_()
    assert len(lines) <= 2
    assert what in lines[0]
    assert hint in lines[-1]
    assert "Traceback" not in cell.stdout
    assert lines[0] in cell.stdout


def test_no_service(notebook: Notebook, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MIXPEEK_URL")
    monkeypatch.delenv("MIXPEEK_API_KEY")
    monkeypatch.setenv("MIXPEEK_HOME", str(tmp_path / "home"))
    error = notebook.run("%mixpeek buckets").error
    assert error.code == "service_unreachable"
    assert "`%mixpeek up`" in error.hint


def test_a_wrong_key(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIXPEEK_API_KEY", "wrong-canary-key")
    cell = notebook.run("%mixpeek buckets")
    assert cell.error.code == "unauthorized"
    assert "canary" not in cell.stdout + cell.stderr + repr(cell.error)


def test_control_characters_of_a_message_do_not_reach_the_terminal() -> None:
    error = MixpeekError("a\x1b[2Jb\nc", "d\x07")
    assert error._render_traceback_()[1] == "d\ufffd"
    assert "\x1b[2J" not in error._render_traceback_()[0]
    assert "\n" not in str(error)


# ---- the stack's verbs, loading -----------------------------------------------------------------


def test_stack_verbs_run_the_shell_command(notebook: Notebook, tmp_path: Path) -> None:
    from jupyter_ext import stack

    script = tmp_path / "fake.py"
    script.write_text(
        "import sys\nprint('ran', *sys.argv[1:])\n"
        "sys.exit('it is broken') if 'bad' in sys.argv else None\n"
    )
    program = [sys.executable, str(script)]
    stack.run("status", [], program)
    stack.run("up", ["--port", "1"], program)
    with pytest.raises(MixpeekError, match=r"doctor: it is broken.*status 1"):
        stack.run("doctor", ["bad"], program)


def test_up_detaches(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from jupyter_ext import stack

    script = tmp_path / "fake.py"
    script.write_text("import sys\nprint(*sys.argv[1:])\n")
    for given in (["up"], ["up", "--detach"], ["up", "--help"], ["status"]):
        stack.run(given[0], given[1:], [sys.executable, str(script)])
    assert capsys.readouterr().out.splitlines() == [
        "up --detach",
        "up --detach",
        "up --help",
        "status",
    ]


def test_unloading_takes_everything_away(notebook: Notebook) -> None:
    matchers = len(notebook.shell.Completer.custom_matchers)
    notebook.run("%reload_ext jupyter_ext")
    assert len(notebook.shell.Completer.custom_matchers) == matchers
    notebook.run("%unload_ext jupyter_ext")
    assert notebook.shell.find_line_magic("mixpeek") is None
    assert notebook.shell.find_cell_magic("search") is None
    assert len(notebook.shell.Completer.custom_matchers) == matchers - 1


def test_loading_is_light() -> None:
    """A kernel starts with it: no dataframes, no engine, nothing of the stack."""
    heavy = ["pandas", "pyarrow", "duckdb", "numpy", "sqlalchemy", "fastapi", "ray", "temporalio"]
    code = (
        "import sys, jupyter_ext, jupyter_ext.magics\n"
        f"print([m for m in {heavy!r} if m in sys.modules],"
        "[m for m in sys.modules if m.startswith(('workbench.store', 'workbench.stack'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[] []"
