"""A Jupyter server of its own, with nothing of the developer's: settings, workspaces, kernels."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

#: The prompt about news comes whatever the command line says; only this setting silences it.
OVERRIDES = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}
_OWN = (
    *("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"),
    *("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR"),
)
_START_SECONDS = 60.0


@dataclass
class LabServer:
    """``app`` is ``lab`` or ``notebook``; ``files`` is the folder that it shows."""

    app: str
    home: Path
    files: Path
    environment: Mapping[str, str]
    options: tuple[str, ...] = ()
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    port: int = field(default_factory=lambda: free_port())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log_file(self) -> Path:
        return self.home / "server.log"

    def client(self, **options: Any) -> httpx.Client:
        """One that is logged in."""
        headers = {"Authorization": f"token {self.token}"}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=60)

    def stranger(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, timeout=60)

    @contextlib.contextmanager
    def running(self) -> Iterator[LabServer]:
        self._start()
        try:
            yield self
        finally:
            self._stop()

    def close_sessions(self) -> None:
        with self.client() as client:
            for session in client.get("/api/sessions").json():
                client.delete(f"/api/sessions/{session['id']}")

    def _start(self) -> None:
        self.files.mkdir(parents=True, exist_ok=True)
        own = {name: str(self.home / name.lower()) for name in _OWN}
        overrides = self.home / "jupyter_config_dir/labconfig/default_setting_overrides.json"
        overrides.parent.mkdir(parents=True)
        overrides.write_text(json.dumps(OVERRIDES))
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen(
                self._command(),
                env={**self.environment, **own},
                cwd=self.home,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        with self.client() as client:
            while time.monotonic() < deadline:
                assert self.process.poll() is None, self.log_file.read_text()[-3000:]
                with contextlib.suppress(httpx.TransportError):
                    if client.get("/api/status").status_code == 200:
                        return
                time.sleep(0.1)
        raise TimeoutError(self.log_file.read_text()[-3000:])

    def _command(self) -> list[str]:
        exposed = "LabApp" if self.app == "lab" else "JupyterNotebookApp"
        return [
            *(sys.executable, "-m", "jupyter", self.app, "--no-browser", "--allow-root"),
            *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={self.port}"),
            *("--ServerApp.port_retries=0", f"--IdentityProvider.token={self.token}"),
            *(f"--ServerApp.root_dir={self.files}", f"--{exposed}.expose_app_in_browser=True"),
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            "--LanguageServerManager.autodetect=False",
            "--MappingKernelManager.shutdown_wait_time=2",
            *self.options,
        ]

    def _stop(self) -> None:
        with contextlib.suppress(httpx.HTTPError):
            self.close_sessions()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]
