"""``mixpeek lab``: the stack running behind, JupyterLab in front, and its address told.

Lab runs as a child of this process, in the folder where the command was typed and with the
environment that lets its kernels find the stack. Ctrl-C goes to Lab, which asks before it ends;
the stack goes on until ``mixpeek down``.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from workbench.domain.errors import Code, WorkbenchError
from workbench.stack.home import read_json
from workbench.stack.settings import PREFIX, load_settings
from workbench.stack.verbs import say, start_detached

_LAB_SECONDS = 90.0


def run(path: str | None, *, browser: bool, port: int | None, as_json: bool) -> int:
    """``path`` is a notebook or a folder to open, inside or below the present folder."""
    settings = load_settings()
    target = Path(path).resolve() if path is not None else None
    if target is not None and not target.exists():
        raise WorkbenchError(Code.NOT_FOUND, f"there is no {path}", "name a notebook or a folder")
    state, _ = start_detached(settings, say)
    environment = {**os.environ, PREFIX + "HOME": str(settings.home)}
    root = _root(target)
    child = subprocess.Popen(_command(root, target, browser, port), env=environment, cwd=root)
    # The terminal sends Ctrl-C to Lab as well; Lab decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def forward(_number: int, _frame: FrameType | None) -> None:
        child.terminate()

    signal.signal(signal.SIGTERM, forward)
    address = _address(child, root, target)
    if as_json:
        print(json.dumps({"url": state.url, "home": str(settings.home), "lab": address}))
    elif address is not None:
        print(f"Mixpeek runs at {state.url}, JupyterLab at\n  {address}")
    sys.stdout.flush()
    status = child.wait()
    say("JupyterLab has ended; the stack runs on (`mixpeek down` stops it)")
    return 1 if status > 0 else 0


def _command(root: Path, target: Path | None, browser: bool, port: int | None) -> list[str]:
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={root}"]
    if not browser:
        command.append("--no-browser")
    if port is not None:
        command += [f"--port={port}", "--ServerApp.port_retries=0"]
    if os.getuid() == 0:
        command.append("--allow-root")  # whoever is root here has chosen to be
    if target is not None and target != root:
        command.append(str(target))
    return command


def _root(target: Path | None) -> Path:
    """The present folder, or the target's where that lies elsewhere."""
    here = Path.cwd()
    if target is None or target.is_relative_to(here):
        return here
    return target if target.is_dir() else target.parent


def _address(child: subprocess.Popen[bytes], root: Path, target: Path | None) -> str | None:
    """Lab's own address with its token, once it answers there.

    The server writes the file that names the address before it listens, so the file alone is a
    promise; the address is told when a connection to it is taken.
    """
    from jupyter_core.paths import jupyter_runtime_dir

    deadline = time.monotonic() + _LAB_SECONDS
    file = Path(jupyter_runtime_dir()) / f"jpserver-{child.pid}.json"
    while time.monotonic() < deadline and child.poll() is None:
        found: dict[str, Any] | None = read_json(file)
        if found is not None and "url" in found and _listens(str(found["url"])):
            place = "lab"
            if target is not None and target != root:
                place += "/tree/" + quote(target.relative_to(root).as_posix())
            token = str(found.get("token") or "")
            query = "?" + urlencode({"token": token}) if token else ""
            return f"{found['url']}{place}{query}"
        time.sleep(0.1)
    return None


def _listens(url: str) -> bool:
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "localhost", parts.port or 80), 1.0):
            return True
    except OSError:
        return False
