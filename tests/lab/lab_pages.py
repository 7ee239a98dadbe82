"""What a person does in a page of JupyterLab, and what no page may hold."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import nbformat
from lab_server import LabServer

#: Everything that a page keeps for later.
_STORED = """async () => {
  const kept = [JSON.stringify(localStorage), JSON.stringify(sessionStorage), document.cookie];
  for (const { name } of await indexedDB.databases()) {
    const base = await new Promise((done, fail) => {
      const asked = indexedDB.open(name);
      asked.onsuccess = () => done(asked.result);
      asked.onerror = () => fail(asked.error);
    });
    for (const store of base.objectStoreNames) {
      kept.push(await new Promise((done, fail) => {
        const asked = base.transaction(store).objectStore(store).getAll();
        asked.onsuccess = () => done(JSON.stringify(asked.result));
        asked.onerror = () => fail(asked.error);
      }));
    }
    base.close();
  }
  return kept.join("\\n");
}"""
_HIGHLIGHT = "getComputedStyle(document.body).getPropertyValue('--jp-layout-color1').trim()"


def write_notebook(lab: LabServer, name: str, *sources: str) -> Path:
    path = lab.files / name
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), path)
    return path


def command(page: Any, name: str, **arguments: Any) -> None:
    """Begin a command. Its promise is not waited for: it may sit behind a dialog for ever."""
    script = "([name, given]) => { void window.jupyterapp.commands.execute(name, given) }"
    page.evaluate(script, [name, arguments])


def cell(page: Any, index: int) -> Any:
    return page.locator(".jp-Notebook .jp-Cell").nth(index)


def run_cell(page: Any, index: int) -> Any:
    """Begin to run it: a click beside the editor, where no completer opens."""
    found = cell(page, index)
    found.locator(".jp-InputPrompt").click()
    page.keyboard.press("Control+Enter")
    return found


def save(page: Any, path: Path) -> dict[str, Any]:
    """Save the notebook; gives what was written."""
    before = path.stat().st_mtime_ns
    page.keyboard.press("Control+s")
    deadline = time.monotonic() + 20
    while path.stat().st_mtime_ns == before:
        assert time.monotonic() < deadline, "it is not saved"
        page.wait_for_timeout(50)
    return json.loads(path.read_text())


def theme(page: Any, name: str) -> str:
    """Take the theme; gives its background as a page computes it. Lab shows its splash meanwhile,
    and throws when it shows it again within the moment in which the last one fades."""
    no_splash(page)
    command(page, "apputils:change-theme", theme=name)
    page.wait_for_selector(f'body[data-jp-theme-name="{name}"]', state="attached")
    no_splash(page)
    color = page.evaluate(_HIGHLIGHT)
    return page.evaluate(
        "c => { const e = document.createElement('i'); e.style.color = c; document.body.append(e);"
        " const found = getComputedStyle(e).color; e.remove(); return found }",
        color,
    )


def no_splash(page: Any) -> None:
    page.locator("#jupyterlab-splash").wait_for(state="detached")


def stored(page: Any) -> str:
    """All that the page shows and keeps."""
    return page.content() + page.evaluate(_STORED)


def shot(page: Any, name: str, clip: Any = None) -> None:
    """A picture for the docs, where somebody asks for them."""
    folder = os.environ.get("LAB_TEST_SHOTS")
    if folder:
        (clip or page).screenshot(path=Path(folder) / f"{name}.png")
