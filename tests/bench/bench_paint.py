"""How long a search cell takes in JupyterLab: from its start to the first hits painted.

``python tests/bench/bench_paint.py [--runs 10] [--top 50]`` starts a stack and a Lab of its own,
ingests 200 generated pictures with the ``image`` extractor and runs ``%%search --top 50`` in a
notebook. Two times are taken in the page: until the frame after the first card stands there, and
until every picture that the window shows is drawn. The first run, which opens the text model, is
told apart.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "journeys"), str(TESTS / "lab")]

from lab_pages import run_cell, write_notebook  # noqa: E402
from lab_server import LabServer  # noqa: E402
from stack_journey import Stack  # noqa: E402

KERNEL_IDLE = """() => {
  const session = window.jupyterapp?.shell.currentWidget?.sessionContext;
  return session?.isReady && session.session?.kernel?.status === "idle";
}"""
#: Runs the active cell; gives milliseconds to the first card and to the last picture in sight.
TIMED = """async () => {
  const cell = document.querySelectorAll(".jp-Notebook .jp-Cell")[1];
  await window.jupyterapp.commands.execute("notebook:clear-cell-output");
  const frame = () => new Promise(requestAnimationFrame);
  while (cell.querySelector(".mixpeek-card")) await frame();
  const begun = performance.now();
  void window.jupyterapp.commands.execute("notebook:run-cell");
  while (!cell.querySelector(".mixpeek-card")) await frame();
  await frame();
  const first = performance.now() - begun;
  const box = cell.querySelector("[role=listbox]").getBoundingClientRect();
  const seen = (node) => {
    const place = node.getBoundingClientRect();
    return place.top < Math.min(box.bottom, innerHeight) && place.bottom > Math.max(box.top, 0);
  };
  const drawn = (card) => {
    const picture = card.querySelector("img");
    return picture && picture.complete && picture.naturalWidth > 0;
  };
  const cards = () => [...cell.querySelectorAll(".mixpeek-card")].filter(seen);
  while (!cards().every(drawn)) await frame();
  return [first, performance.now() - begun, cards().length];
}"""


def pictures(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    random = np.random.default_rng(7)
    for number in range(count):
        coarse = random.integers(0, 255, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((640, 480)).save(folder / f"{number:04}.jpg")


def measure(lab: LabServer, top: int, runs: int) -> list[list[float]]:
    from playwright.sync_api import sync_playwright

    search = f"%%search --bucket pictures --top {top}\ncoloured patches"
    write_notebook(lab, "paint.ipynb", "%load_ext jupyter_ext", search)
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page: Any = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(120_000)
        page.goto(f"{lab.url}/lab/tree/paint.ipynb?reset&token={lab.token}")
        page.wait_for_function(KERNEL_IDLE)
        run_cell(page, 0)
        page.wait_for_function(KERNEL_IDLE)
        page.locator(".jp-Notebook .jp-Cell").nth(1).locator(".jp-InputPrompt").click()
        times = [page.evaluate(TIMED) for _ in range(runs + 1)]
        browser.close()
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--top", type=int, default=50)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mixpeek-bench-") as folder:
        stack = Stack(Path(folder, "home"))
        stack.up()
        try:
            lab = LabServer("lab", Path(folder, "lab"), Path(folder, "files"), stack.environment())
            lab.home.mkdir()
            pictures(lab.files / "pictures", 200)
            with lab.running():
                stack.json("ingest", str(lab.files / "pictures"), "--extractors", "image")
                once, *times = measure(lab, given.top, given.runs)
        finally:
            stack.down()
    print(
        f"first run: first hits {once[0]:.0f} ms, {once[2]:.0f} pictures in sight {once[1]:.0f} ms"
    )
    for place, what in enumerate(("first hits", "pictures in sight")):
        found = sorted(each[place] for each in times)
        middle = statistics.median(found)
        print(
            f"{what}: median {middle:.0f} ms ({found[0]:.0f} to {found[-1]:.0f}), {given.runs} runs"
        )


if __name__ == "__main__":
    main()
