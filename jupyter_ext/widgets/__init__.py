"""Live views in a notebook, over anywidget, which a kernel may lack: ``available`` says so, and
nothing here is imported before. The views themselves are those of ``jupyter_ext/ui``."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec


@cache
def available() -> bool:
    return find_spec("anywidget") is not None
