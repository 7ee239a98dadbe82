"""Help as HTML: the text that the shell prints, with its columns as tables.

Works on the text, so that there is one source of help. What is in columns of two becomes a row, a
line that goes on below belongs to the row, and everything else stays as it is.
"""

from __future__ import annotations

import re
from typing import Final

from jupyter_ext import html as h
from jupyter_ext.html import Html, el

_ROW: Final = re.compile(r" {2,4}(\S.*?)(?: {2,}(\S.*))?")
_MORE: Final = re.compile(r" {5,}(\S.*)")
_CODE: Final = re.compile(r"`([^`]+)`")
_NAME: Final = "white-space:nowrap"


def render(text: str) -> Html:
    parts: list[Html] = []
    rows: list[tuple[str, str]] = []
    lines = text.strip("\n").split("\n")
    usage = _usage(lines)
    if usage:
        lines = lines[usage:]
    for line in [*lines, ""]:
        more, row = _MORE.fullmatch(line), _ROW.fullmatch(line)
        if more and rows:
            rows[-1] = (rows[-1][0], f"{rows[-1][1]} {more[1]}".strip())
        elif row:
            rows.append((row[1], row[2] or ""))
        else:
            parts += [_table(rows)] if rows else []
            rows = []
            parts += [_line(line)] if line.strip() else []
    said = " ".join(text.strip("\n").split("\n")[:usage]).split()
    head = [el("div", el("code", " ".join(said)), style="margin:0 0 6px 0")]
    return el("div", *(head if usage else []), *parts, style=h.ROOT)


def _usage(lines: list[str]) -> int:
    """How many lines the usage takes."""
    if not lines[0].startswith("usage:"):
        return 0
    return next((place for place, line in enumerate(lines) if not line.strip()), len(lines))


def _line(line: str) -> Html:
    pieces = _CODE.split(line)
    said = [el("code", piece) if place % 2 else piece for place, piece in enumerate(pieces)]
    title = line.endswith(":")
    return el("div", *said, style=f"{h.DIM};margin:6px 0 0 0" if title else "margin:4px 0 0 0")


def _table(rows: list[tuple[str, str]]) -> Html:
    drawn = [
        el(
            "tr",
            h.cell(el("code", name), style=_NAME),
            h.cell(said),
            style=f"background:transparent;{h.RULE_BELOW}",
        )
        for name, said in rows
    ]
    return el(
        "table", el("tbody", *drawn), style=f"border-collapse:collapse;{h.SMALL};margin:2px 0"
    )
