"""The ES modules of a view as one text, which is what a widget carries to the browser.

The files stay modules of their own for JupyterLab's bundler. Joined, their imports of each other go
away and their exports become plain declarations; the order is that of the lists below, and names
are distinct across files (a test loads what comes out).
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Final

_RESULTS: Final = (
    *("dom", "marks", "pictures", "facets", "grid", "card", "detail"),
    *("keys", "heading", "results"),
)
_TASKS: Final = ("dom", "tasks")
_IMPORT: Final = re.compile(r'^import \{[^}]*\} from "\./[\w.]+";\n', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:async )?(?:function|const|let|class)\b)", re.MULTILINE)
_TYPES: Final = re.compile(r"/\*\*(?:(?!\*/)[\s\S])*\*/ ?")
_COMMENT: Final = re.compile(r"^ *(?://.*)?\n", re.MULTILINE)
_INDENT: Final = re.compile(r"^ +", re.MULTILINE)


@cache
def results_module() -> str:
    return _joined(_RESULTS, "results_widget")


@cache
def tasks_module() -> str:
    return _joined(_TASKS, "tasks_widget")


@cache
def style() -> str:
    return (files("jupyter_ext") / "ui" / "look.css").read_text("utf-8")


def _joined(views: tuple[str, ...], adapter: str) -> str:
    package = files("jupyter_ext")
    texts = [(package / "ui" / f"{name}.js").read_text("utf-8") for name in views]
    texts += [
        (package / "widgets" / f"{name}.js").read_text("utf-8") for name in ("bridge", adapter)
    ]
    return "".join(_bare(text) for text in texts)


def _bare(text: str) -> str:
    """Without what only a reader of the source needs: each widget of a notebook has a copy."""
    for pattern in (_TYPES, _IMPORT, _EXPORT, _COMMENT, _INDENT):
        text = pattern.sub("", text)
    return text
