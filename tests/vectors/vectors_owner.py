"""An owner process for tests: the real one, in a folder of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path


class OwnerProcess:
    """``folder`` is what it owns, ``socket`` where it answers (short: socket paths end at 107)."""

    def __init__(self, template: Path | None = None) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="mxv-"))
        self.folder = self.root / "vectors"
        if template is not None:
            shutil.copytree(template, self.folder)
        self.socket = self.root / "s"
        self.process: subprocess.Popen[str] | None = None
        self._launched: list[subprocess.Popen[str]] = []

    def launch(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-P", "-m", "workbench.vectors.owner"]
        made = subprocess.Popen(
            [*command, str(self.folder), str(self.socket)],
            stderr=(self.root / "stderr").open("a"),
            text=True,
        )
        self._launched.append(made)
        return made

    def start(self) -> OwnerProcess:
        self.process = self.launch()
        return self

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def kill(self) -> None:
        """As the kernel does it when memory ends: no goodbye."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(30)

    def wait_ready(self) -> None:
        """Until the socket is there and listening; for tests without a client."""
        import socket

        until = time.monotonic() + 20
        while time.monotonic() < until:
            with socket.socket(socket.AF_UNIX) as probe:
                try:
                    probe.connect(str(self.socket))
                except OSError:
                    time.sleep(0.02)
                else:
                    return
        raise AssertionError((self.root / "stderr").read_text())

    def close(self) -> None:
        for process in self._launched:
            process.kill()
            process.wait(10)
        shutil.rmtree(self.root, ignore_errors=True)
