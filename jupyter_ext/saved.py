"""What a saved notebook keeps of a live output: its words and pictures, not the view.

A view means nothing without its kernel: JupyterLab then shows "model not found" and not the HTML
beside it. Outputs of ours say so in their metadata. The Jupyter server's extension calls this
before a notebook is written; the live one in the browser stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

VIEW: Final = "application/vnd.jupyter.widget-view+json"
MARK: Final[Mapping[str, Any]] = {"mixpeek": {"live": True}}


def without_live_views(notebook: Any) -> None:
    """Takes our views out of a notebook's JSON, in place. What is no notebook stays as it is."""
    for cell in _list(_get(notebook, "cells")):
        for output in _list(_get(cell, "outputs")):
            if not _get(_get(_get(output, "metadata"), "mixpeek"), "live"):
                continue
            data = _get(output, "data")
            if isinstance(data, dict) and "text/html" in data:
                cast("dict[str, Any]", data).pop(VIEW, None)


def _get(value: Any, name: str) -> Any:
    return cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []
