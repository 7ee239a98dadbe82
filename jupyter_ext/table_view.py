"""Rows as static HTML and as plain text: the first ones, shortened, and how many more there are.

Works on plain values, so that a list of buckets needs no pandas. Everything is text; numbers stand
to the right. The HTML stays within a byte budget: rows are halved until it does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from numbers import Number
from typing import Any, Final

from jupyter_ext import html as h
from jupyter_ext import words
from jupyter_ext.cards import BUDGET
from jupyter_ext.html import Html, clean, el

ROWS: Final = 25
COLUMNS: Final = 16
_LONGEST: Final = 100  # characters of one value


@dataclass(frozen=True)
class Grid:
    """``rows`` are the first ones only; ``total`` counts all. ``note`` is a closing line."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    total: int
    note: str | None = None


def from_dicts(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], note: str | None = None
) -> Grid:
    """A grid of flat dicts. Without ``columns`` all keys, in the order they first appear."""
    names = list(columns) or list(dict.fromkeys(key for row in rows for key in row))
    return Grid(names, [[row.get(n) for n in names] for row in rows[:ROWS]], len(rows), note)


def shown(value: Any) -> str:
    """One value on one line, shortened."""
    text = _text(value).replace("\n", " ")
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _text(value: Any) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case int():
            return str(value)
        case float():
            return (
                "–" if math.isnan(value) else f"{value:.4g}" if abs(value) < 1e4 else f"{value:.1f}"
            )
        case datetime():
            return "–" if value != value else f"{value:%Y-%m-%d %H:%M:%S}"  # NaT equals nothing
        case bytes():
            return f"{len(value):,} bytes"
        case list() | tuple() | dict():
            return json.dumps(value, ensure_ascii=False, default=str)[: 2 * _LONGEST]
        case str():
            return value[: 2 * _LONGEST]
        case _:
            return str(value)[: 2 * _LONGEST]


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, Number)


def render(grid: Grid, budget: int = BUDGET) -> Html:
    count = len(grid.rows)
    while True:
        page = _page(grid, count)
        if len(page.encode("utf-8", "replace")) <= budget or count == 0:
            return page
        count //= 2


def _page(grid: Grid, count: int) -> Html:
    names = list(grid.columns[:COLUMNS])
    to_the_right = "text-align:right;white-space:nowrap"
    numbers = _numbers(grid)
    rows = [
        [
            h.cell(shown(value), style=to_the_right if number else "")
            for value, number in zip(row[:COLUMNS], numbers, strict=True)
        ]
        for row in grid.rows[:count]
    ]
    closing = [el("div", line, style=f"{h.DIM};margin:4px 0 0 0") for line in _closing(grid, count)]
    right = [name for name, number in zip(names, numbers, strict=True) if number]
    body = [h.table(names, rows, right)] if rows else []
    return el("div", *body, *closing, style=h.ROOT)


def _numbers(grid: Grid) -> list[bool]:
    """Which of the shown columns hold numbers only."""
    width = len(grid.columns[:COLUMNS])
    given = [[row[i] for row in grid.rows if row[i] is not None] for i in range(width)]
    return [bool(values) and all(map(_is_number, values)) for values in given]


def _closing(grid: Grid, count: int) -> list[str]:
    rest, wide = grid.total - count, len(grid.columns) - COLUMNS
    lines = [f"{rest:,} more in .df"] if rest > 0 and count else []
    if wide > 0:
        lines.append(f"{words.plural(wide, 'more column')} in .df")
    if not grid.total:
        lines.append("no rows")
    return [*lines, grid.note] if grid.note else lines


def plain(grid: Grid) -> str:
    names = [clean(name) for name in grid.columns[:COLUMNS]]
    rows = [[clean(shown(v))[:60] for v in row[:COLUMNS]] for row in grid.rows]
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    lines = [
        "  ".join(
            value.rjust(width) if right else value.ljust(width)
            for value, width, right in zip(row, widths, _numbers(grid), strict=True)
        ).rstrip()
        for row in ([names, *rows] if rows else [])
    ]
    return "\n".join([*lines, *map(clean, _closing(grid, len(grid.rows)))])
