"""Which of the user's variables are dataframes, told without importing any library."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from jupyter_ext.results import Results, Rows, Table
from jupyter_ext.task import Task

_FRAMES: Final = frozenset(
    {
        ("pandas", "DataFrame"),
        ("polars", "DataFrame"),
        ("polars", "LazyFrame"),
        ("pyarrow", "Table"),
        ("pyarrow", "RecordBatch"),
    }
)
_Result: Final = (Results, Rows, Table, Task)
_NAME: Final = re.compile(r"[A-Za-z_]\w*")


def names(namespace: Mapping[str, Any]) -> Iterator[str]:
    """Variables that SQL can name. IPython's own (``_``, ``_3``) are left out."""
    for name, value in namespace.items():
        if not name.startswith("_") and (isinstance(value, _Result) or _is_frame(value)):
            yield name


def named(namespace: Mapping[str, Any], sql: str) -> dict[str, Any]:
    """The dataframes whose names stand in ``sql``; a result of ours counts by its ``df``."""
    found: dict[str, Any] = {}
    for name in {*_NAME.findall(sql)} & {*namespace}:
        value = namespace[name]
        if isinstance(value, _Result):
            found[name] = value.df
        elif _is_frame(value):
            found[name] = value
    return found


def _is_frame(value: object) -> bool:
    kind = type(value)
    return (kind.__module__.partition(".")[0], kind.__name__) in _FRAMES
