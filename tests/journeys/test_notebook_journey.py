"""The quickstart is the guide that a newcomer follows: it must run, and its check must be able to
fail."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from stack_journey import Stack

from workbench.domain.mime import kind_of
from workbench.stack.demo_media import prepare_media

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "notebooks" / "quickstart.ipynb"

#: The query that finds a picture, a page, a second of sound and one of film.
EVERY_KIND = "try again to launch the rocket"

pytestmark = [pytest.mark.journey, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def media() -> Path:
    folder = ROOT / "build" / "demo" / "media"
    assert prepare_media(folder) > 15
    return folder


def nbval(stack: Stack, notebook: Path) -> subprocess.CompletedProcess[str]:
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval-lax"),
        *("--nbval-current-env", "--nbval-cell-timeout", "240", "-o", "addopts=", str(notebook)),
    ]
    return subprocess.run(
        command,
        cwd=notebook.parent,
        env=stack.environment() | {"MIXPEEK_PROGRESS": "text"},
        capture_output=True,
        text=True,
        timeout=380,
        check=False,
    )


def test_the_quickstart_runs_and_its_checked_outputs_hold(shared_stack, media):
    done = nbval(shared_stack, NOTEBOOK)
    assert done.returncode == 0, done.stdout[-3000:]
    assert EVERY_KIND in NOTEBOOK.read_text()
    found = shared_stack.json("search", EVERY_KIND, "--bucket", "demo", "--top", "8", "--group")
    kinds = {kind_of(hit["mime"]): hit for hit in found["hits"]}
    assert set(kinds) >= {"image", "document", "audio", "video"}
    assert kinds["document"]["page"] == 3
    assert kinds["audio"]["end_ms"] > kinds["audio"]["start_ms"]
    assert (kinds["video"]["start_ms"], kinds["video"]["end_ms"]) == (3000, 6000)


def variant(tmp_path: Path, old: str, new: str) -> Path:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    changed = 0
    for cell in notebook.cells:
        if cell.cell_type == "code" and old in cell.source:
            cell.source = cell.source.replace(old, new)
            changed += 1
    assert changed
    path = tmp_path / "variant.ipynb"
    nbformat.write(notebook, path)
    return path


def test_a_cell_that_goes_wrong_fails_the_check(shared_stack, media, tmp_path):
    path = variant(tmp_path, 'media = "../build/demo/media"', f"media = {str(media)!r}")
    broken = path.read_text().replace("--bucket demo --top 8", "--bucket no-such --top 8")
    path.write_text(broken)
    done = nbval(shared_stack, path)
    assert done.returncode == 1
    assert "no-such" in done.stdout


def test_an_output_that_differs_fails_the_check(shared_stack, media, tmp_path):
    path = variant(tmp_path, 'media = "../build/demo/media"', f"media = {str(media)!r}")
    notebook = json.loads(path.read_text())
    checked = [c for c in notebook["cells"] if "NBVAL_CHECK_OUTPUT" in "".join(c["source"])]
    (output,) = checked[0]["outputs"]
    output["data"]["text/plain"] = ["something else"]
    path.write_text(json.dumps(notebook))
    done = nbval(shared_stack, path)
    assert done.returncode == 1
    assert "NBVAL_CHECK_OUTPUT" in done.stdout


def test_the_committed_notebook_has_outputs_and_no_errors_or_paths():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    cells = [c for c in notebook.cells if c.cell_type == "code"]
    assert sum(bool(c.outputs) for c in cells) > 6
    assert all(o.output_type != "error" for c in cells for o in c.outputs)
    text = NOTEBOOK.read_text()
    assert str(ROOT) not in text
    assert "mxp_" not in text
    assert "papermill" not in notebook.metadata
    assert len(text) < 400_000
