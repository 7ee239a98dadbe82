"""Rows as static HTML and as plain text: the first ones, shortened, and how many more there are.

Works on plain values, so that a list of buckets needs no pandas. Values read as in the shell.
Numbers stand to the right. The HTML stays within a byte budget: rows are halved until it does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Number
from typing import Any, Final

from jupyter_ext import html as h
from jupyter_ext.cards import BUDGET
from jupyter_ext.html import Html, el
from workbench.commands.render import cell, table
from workbench.commands.words import clean, plural, shorten

ROWS: Final = 25
COLUMNS: Final = 16
_LONGEST: Final = 100  # columns of text that one value takes
_PLAIN_WIDTH: Final = 150


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
            h.cell(shorten(cell(value), _LONGEST), style=to_the_right if number else "")
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


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, Number)


def _closing(grid: Grid, count: int) -> list[str]:
    rest, wide = grid.total - count, len(grid.columns) - COLUMNS
    lines = [f"{rest:,} more in .df"] if rest > 0 and count else []
    if wide > 0:
        lines.append(f"{plural(wide, 'more column')} in .df")
    if not grid.total:
        lines.append("no rows")
    return [*lines, grid.note] if grid.note else lines


def plain(grid: Grid) -> str:
    rows = [row[:COLUMNS] for row in grid.rows]
    lines = table(grid.columns[:COLUMNS], rows, _PLAIN_WIDTH) if rows else []
    return "\n".join([*lines, *map(clean, _closing(grid, len(rows)))])
