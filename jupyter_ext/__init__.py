"""The workbench in a notebook: ``%load_ext jupyter_ext``.

Registers ``%mixpeek``, ``%%search`` and ``%%telemetry`` with their completion. Works in any IPython
kernel, without JupyterLab. The Jupyter server finds its extension here too, and JupyterLab the
folder of its own; kernels and servers import this package, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_ext.magics import Shell

_REMOVE = "_mixpeek_remove"


def _jupyter_server_extension_points() -> list[dict[str, str]]:  # pyright: ignore
    return [{"module": "jupyter_ext"}]


def _load_jupyter_server_extension(server_app: Any) -> None:  # pyright: ignore
    from jupyter_ext.server import load

    load(server_app)


def _jupyter_labextension_paths() -> list[dict[str, str]]:  # pyright: ignore
    return [{"src": "labextension/dist", "dest": "mixpeek-lab"}]


def load_ipython_extension(shell: Shell) -> None:
    """Called by ``%load_ext`` and ``%reload_ext``."""
    from jupyter_ext.magics import install

    unload_ipython_extension(shell)
    setattr(shell, _REMOVE, install(shell))


def unload_ipython_extension(shell: Any) -> None:
    """Called by ``%unload_ext``: takes away what was registered."""
    remove: Callable[[], None] | None = getattr(shell, _REMOVE, None)
    if remove is not None:
        remove()
        delattr(shell, _REMOVE)
