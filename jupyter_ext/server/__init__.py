"""The extension of the Jupyter server: it holds the key, so that no page ever sees it.

Pages reach the service through an allow-listed, authenticated proxy; what tasks do comes to them
through the server's event bus; the stack is started when one of them asks. Saved notebooks are
freed of views that mean nothing without their kernel.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jupyter_ext.saved import without_live_views
from jupyter_ext.server.backend import Backend
from jupyter_ext.server.handlers import SETTING, table
from jupyter_ext.server.launch import Launcher
from jupyter_ext.server.parts import Parts
from jupyter_ext.server.watch import STACK, TASK, Fan, Watch

_EVENTS: Final = {TASK: "task.yaml", STACK: "stack.yaml"}


def load(server_app: Any) -> None:
    """Called by the Jupyter server when it starts. Reaches for no service yet."""
    log = server_app.log
    logger = server_app.event_logger
    for event, file in _EVENTS.items():
        if event not in logger.schemas:
            logger.register_event_schema(Path(__file__).parent / "events" / file)

    def emit(event: str, data: Mapping[str, Any]) -> None:
        logger.emit(schema_id=event, data=dict(data))

    backend = Backend(log.warning)
    fan = Fan(emit)
    launcher = Launcher(fan.stack)
    parts = Parts(backend, fan, launcher, Watch(backend.session, fan, lambda: launcher.starting))
    web = server_app.web_app
    web.settings[SETTING] = parts
    web.add_handlers(".*$", table(web.settings["base_url"]))
    server_app.contents_manager.register_pre_save_hook(_before_save)
    log.info("Mixpeek: pages reach the workbench at %smixpeek", web.settings["base_url"])


def _before_save(model: Mapping[str, Any], **_: Any) -> None:
    """What is written to a notebook's file; the open page keeps its live views."""
    if model.get("type") == "notebook" and isinstance(model.get("content"), dict):
        without_live_views(model["content"])
