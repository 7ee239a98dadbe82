"""Notebooks run without a front end: papermill fails as it should, two runs give the same bytes,
and a run in a kernel keeps the progress in its cell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from jupyter_samples import answer, ended, failure, some_hits, task
from jupyter_service import KEY, Service
from lab_sanitizer import problems
from papermill.exceptions import PapermillExecutionError

from workbench.domain.states import TaskState


def write(path: Path, *cells: str) -> Path:
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(book, path)
    return path


@pytest.fixture
def run(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("MIXPEEK_URL", service.url)
    monkeypatch.setenv("MIXPEEK_API_KEY", KEY)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    for name in ("JPY_SESSION_NAME", "MIXPEEK_PROGRESS", "MIXPEEK_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)

    def execute(source: Path, target: str) -> Any:
        papermill.execute_notebook(
            str(source), str(tmp_path / target), kernel_name="python3", progress_bar=False
        )
        return nbformat.read(tmp_path / target, 4)

    return execute


def outputs(book: Any) -> list[Any]:
    return [[dict(o) for o in cell.outputs] for cell in book.cells]


def test_a_failing_ingest_fails_the_run_with_our_words(
    service: Service, tmp_path: Path, run: Any
) -> None:
    """Before it a live wait, whose saved form is the last one: updates replace one output, in the
    cell that waits."""
    running = [task(TaskState.IN_PROGRESS) for _ in range(4)]
    good, bad = ended(TaskState.COMPLETED), ended(TaskState.FAILED, task_id="tsk_2")
    service.states = [*running, good, task(TaskState.PENDING), bad]
    source = write(
        tmp_path / "in.ipynb",
        "%load_ext jupyter_ext",
        "%env MIXPEEK_PROGRESS=html",
        "t = %mixpeek wait tsk_1",
        "%env MIXPEEK_PROGRESS=auto",
        "%mixpeek ingest .",
        "reached = 1",
    )
    with pytest.raises(PapermillExecutionError) as caught:
        run(source, "out.ipynb")
    assert caught.value.ename == "TaskFailed"
    assert caught.value.evalue == "ingest trip failed: nothing matched. name an extractor"
    cells = {cell.source: cell for cell in nbformat.read(tmp_path / "out.ipynb", 4).cells}
    waited = cells["t = %mixpeek wait tsk_1"].outputs
    assert len(waited) == 1, waited
    [wait] = waited
    assert "completed" in wait["data"]["text/html"]
    display, error = cells["%mixpeek ingest ."].outputs
    assert "failed" in display["data"]["text/plain"]
    assert error["output_type"] == "error"
    assert len(error["traceback"]) == 2
    assert cells["reached = 1"].metadata.papermill.status == "pending"


def test_two_runs_give_the_same_outputs(service: Service, tmp_path: Path, run: Any) -> None:
    source = write(
        tmp_path / "in.ipynb",
        "%load_ext jupyter_ext",
        "task = %mixpeek ingest . --bucket trip\ntask",
        "%%search found << --top 4\nthe goat on the wall",
        "found",
        "%%telemetry\nSELECT stage, sum(seconds) AS s FROM stages GROUP BY stage ORDER BY stage",
    )
    books = []
    for number, seconds in enumerate((1.25, 7.5)):
        states = [task(TaskState.PENDING), task(TaskState.IN_PROGRESS)]
        done = ended(TaskState.COMPLETED_WITH_ERRORS, 1, task_id=f"tsk_{number}")
        done.ended_at = done.created_at.replace(second=int(seconds))
        service.states = [*states, done]
        service.failures = [failure(1)]
        service.found.timing.total = seconds
        books.append(run(source, f"out{number}.ipynb"))
    assert outputs(books[0]) == outputs(books[1])
    _, ingest, search, again, table = outputs(books[0])
    assert [o["output_type"] for o in ingest] == [
        "display_data"
    ]  # once, though the cell ends in it
    assert search[0]["data"]["text/html"].count("<img ") == 2
    assert search[0]["data"] == again[0]["data"]
    assert "decode" in table[0]["data"]["text/plain"]
    for cell in (ingest, search, table):
        assert problems(cell[0]["data"]["text/html"]) == []
    assert KEY not in (tmp_path / "out1.ipynb").read_text()


def test_a_saved_run_is_readable_where_no_kernel_is(
    service: Service, tmp_path: Path, run: Any
) -> None:
    """As nbconvert writes it: pictures, names and passages, and nothing that runs or loads."""
    from nbconvert import HTMLExporter

    service.found = answer(some_hits())
    service.states = [ended(TaskState.COMPLETED)]
    source = write(
        tmp_path / "in.ipynb",
        "%load_ext jupyter_ext",
        "%mixpeek wait tsk_1",
        "%%search --top 4\nthe goat on the wall",
    )
    book = run(source, "out.ipynb")
    page, _ = HTMLExporter(template_name="basic").from_notebook_node(book)
    assert "completed" in page
    assert page.count("data:image/webp;base64,") >= 2
    for hit in service.found.hits[:4]:
        assert hit.object_name.rpartition("/")[2] in page
    assert "<script" not in page
    assert KEY not in page
