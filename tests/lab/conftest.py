"""One stack, one JupyterLab and one browser for everything here; a page for each test."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "journeys"), str(TESTS / "lab")]

from lab_media import make_media  # noqa: E402
from lab_server import LabServer  # noqa: E402
from stack_journey import Stack  # noqa: E402

CHROMIUM = (
    os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
)
_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
_EXTRACTORS = "toys:Toy,lab_toys:Clip"
#: A slow machine is no failure; a page that never comes is one.
WAIT = 30_000


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    path = os.pathsep.join([str(TESTS), str(TESTS / "lab")])
    extra = {"MIXPEEK_EXTRACTORS": _EXTRACTORS, "PYTHONPATH": path}
    stack = Stack(tmp_path_factory.mktemp("lab-stack") / "home", extra)
    stack.up()
    yield stack
    stack.down()


@pytest.fixture(scope="package")
def lab(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    home = tmp_path_factory.mktemp("lab")
    refusing = "--ServerApp.authorizer_class=lab_refusing.Refusing"
    server = LabServer("lab", home, home / "files", stack.environment(), (refusing,))
    with server.running():
        yield server


@pytest.fixture(scope="package")
def media(stack: Stack, lab: LabServer) -> Path:
    """The bucket ``birds``: pictures, a film and a note of otters and herons."""
    folder = make_media(lab.files / "birds")
    stack.json("ingest", str(folder), "--extractors", "clip,toy")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Of the module: Playwright keeps its loop while it runs, and tests with loops of their own
    come after."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: .ci/setup installs it")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=WAIT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """``page.outside`` are requests that left this machine (they are stopped), ``page.errors`` what
    scripts threw."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    outside: list[str] = []
    errors: list[str] = []

    def guard(route: Any) -> None:
        if route.request.url.startswith(("http://127.0.0.1", "data:", "blob:")):
            route.continue_()
        else:
            outside.append(route.request.url)
            route.abort()

    context.route("**/*", guard)
    page = context.new_page()
    page.set_default_timeout(WAIT)
    page.on("pageerror", lambda error: errors.append(f"{error}\n{error.stack}"))
    page.outside, page.errors = outside, errors
    yield page
    shots = Path(os.environ.get("LAB_TEST_SHOTS") or tmp_path)
    page.screenshot(path=shots / (re.sub(r"\W+", "-", request.node.name) + ".png"))
    context.close()


@pytest.fixture
def open_lab(
    lab: LabServer, page: Any, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Any]]:
    """``open_lab("a.ipynb")`` opens it in a workspace of its own and waits until it can be used."""
    workspace = re.sub(r"\W+", "-", request.node.name)

    def opened(path: str = "", reset: bool = True) -> Any:
        tree = f"/tree/{path}" if path else ""
        query = f"{'reset&' if reset else ''}token={lab.token}"
        page.goto(f"{lab.url}/lab/workspaces/{workspace}{tree}?{query}")
        page.wait_for_function("() => window.jupyterapp?.restored.then(() => true)", timeout=60_000)
        if path.endswith(".ipynb"):
            page.wait_for_function(KERNEL_IDLE, timeout=60_000)
        return page

    yield opened
    lab.close_sessions()  # or the next test that opens the same path gets this one's kernel


#: The toolbar shows "idle" before there is a kernel; running a cell then asks for one, for ever.
KERNEL_IDLE = """() => {
  const session = window.jupyterapp.shell.currentWidget?.sessionContext;
  return session?.isReady && session.session?.kernel?.connectionStatus === "connected"
    && session.session.kernel.status === "idle";
}"""
