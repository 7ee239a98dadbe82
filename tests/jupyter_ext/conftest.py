"""A real IPython shell in this process, against the small service of these tests."""

from __future__ import annotations

import atexit
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jupyter_service
import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import ExecutionResult, InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config


@dataclass
class Cell:
    """What one cell did: its displays as (mime bundle, whether it replaced another), its texts."""

    result: ExecutionResult
    displays: list[tuple[dict[str, str], bool]]
    stdout: str
    stderr: str

    @property
    def value(self) -> Any:
        assert self.result.success, self.result.error_in_exec or self.result.error_before_exec
        return self.result.result

    @property
    def error(self) -> BaseException:
        assert self.result.error_in_exec is not None, "the cell did not fail"
        return self.result.error_in_exec


class Notebook:
    def __init__(self, shell: InteractiveShell, service: jupyter_service.Service) -> None:
        self.shell = shell
        self.service = service

    def run(self, code: str) -> Cell:
        with capture_output() as captured:
            result = self.shell.run_cell(code, store_history=True)
        shown = [(o.data, o.update) for o in captured.outputs]
        return Cell(result, shown, captured.stdout, captured.stderr)

    def interrupted(self, code: str, after: float) -> Cell:
        """Run and interrupt as a front end does."""
        # whoever started the tests in the background ignores it
        signal.signal(signal.SIGINT, signal.default_int_handler)
        timer = threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        try:
            return self.run(code)
        finally:
            timer.cancel()

    def bundle(self, value: object) -> dict[str, str]:
        return self.shell.display_formatter.format(value)[0]

    def complete(self, code: str) -> list[str]:
        """What is offered where ``|`` stands, or at the end."""
        before, _, after = code.partition("|")
        with provisionalcompleter():
            offered = self.shell.Completer.completions(before + after, len(before))
            return [before[: c.start] + c.text for c in offered]


@pytest.fixture
def service() -> Iterator[jupyter_service.Service]:
    """One for each test, at an address of its own: a thread that an earlier test left watching its
    task would else take this test's states."""
    with jupyter_service.running() as service:
        yield service


@pytest.fixture
def notebook(
    service: jupyter_service.Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> Iterator[Notebook]:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("MIXPEEK_URL", service.url)
    monkeypatch.setenv("MIXPEEK_API_KEY", jupyter_service.KEY)
    for name in ("JPY_SESSION_NAME", "MIXPEEK_PROGRESS", "MIXPEEK_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    shell.Completer.use_jedi = True
    shell.run_line_magic("load_ext", "jupyter_ext")
    yield Notebook(shell, service)
    atexit.unregister(shell.atexit_operations)  # it would collect garbage for half a second
    InteractiveShell.clear_instance()
