"""How outputs appear, by ``MIXPEEK_PROGRESS=auto|widget|html|text|off``.

``widget``: live views that can be worked with. ``html``: one display that is updated while a task
runs. ``text``: one display, at its end, without ids and times, so that two runs of a notebook can
be compared (nbval does not apply updates). ``off``: none. ``auto`` is ``widget`` where somebody
looks on (``html`` where the kernel has no anywidget) and ``text`` elsewhere: under papermill,
nbconvert and nbval nothing tells the kernel of a front end.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from enum import Enum
from typing import Any

from jupyter_ext import widgets
from jupyter_ext.errors import MixpeekUsageError

VARIABLE = "MIXPEEK_PROGRESS"


class Mode(Enum):
    WIDGET = "widget"
    LIVE = "html"
    FINAL = "text"
    OFF = "off"

    @property
    def stable(self) -> bool:
        """Whether outputs leave out what differs in every run."""
        return self in (Mode.FINAL, Mode.OFF)


def current(namespace: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Mode:
    """The mode for the cell that runs. ``namespace`` is the user's."""
    environ = os.environ if environ is None else environ
    said = environ.get(VARIABLE, "auto").strip().lower() or "auto"
    if said == "auto":
        if not _watched(namespace, environ):
            return Mode.FINAL
        return Mode.WIDGET if widgets.available() else Mode.LIVE
    try:
        mode = Mode(said)
    except ValueError:
        raise MixpeekUsageError(
            f"{VARIABLE} is {said!r}", "it takes auto, widget, html, text or off"
        ) from None
    if mode is Mode.WIDGET and not widgets.available():
        raise MixpeekUsageError(
            f"{VARIABLE} is widget, and this kernel has no anywidget",
            "`pip install 'mixpeek-workbench[notebook]'`, or set it to html",
        )
    return mode


def _watched(namespace: Mapping[str, Any], environ: Mapping[str, str]) -> bool:
    """Whether a front end is likely: a Jupyter server started this kernel for a notebook, VS Code
    told it the notebook's file, or this is Colab."""
    return bool(
        environ.get("JPY_SESSION_NAME")
        or "__vsc_ipynb_file__" in namespace
        or "google.colab" in sys.modules
    )
