"""What the routes stand on, made once for a server."""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_ext.server.backend import Backend
from jupyter_ext.server.launch import Launcher
from jupyter_ext.server.watch import Fan, Watch


@dataclass(frozen=True)
class Parts:
    backend: Backend
    fan: Fan
    launcher: Launcher
    watch: Watch
