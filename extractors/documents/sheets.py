"""Tables: Excel files by openpyxl, and files of separated values.

A row becomes a line with the names of its columns, ``- name: Ann; weight: 61``, so that a passage
of rows can be understood, and found by a column's name. The first row names the columns when all of
its cells are texts that differ; else columns are called A, B, …
"""

from __future__ import annotations

import csv
import io
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from typing import Any

import openpyxl

from extractors.decoding import decode_text
from extractors.documents.containers import BROKEN, open_zip, unreadable
from extractors.documents.leaves import Head, Leaf, Limits, bad, one_line, too_much

#: Rows of one leaf.
TOGETHER = 1000
SEPARATORS = ",;\t|"
SAMPLE_LINES = 20
SAMPLE = 65_536
TAB_SEPARATED = "text/tab-separated-values"
HINT_TABLE = "open it in a spreadsheet program and save it again as CSV"

#: The reader's limit for a cell (131,072 characters) is one of the process, not of a reader. It is
#: lifted once and stays so, since setting it back would meet a table that another thread reads;
#: ``max_bytes`` bounds the cells of a file.
csv.field_size_limit(2**31 - 1)


def workbook_leaves(data: bytes, limits: Limits) -> Iterator[Leaf]:
    """The rows of every sheet; the page is the number of the sheet. Raises Refused."""
    open_zip(data, limits.unpacked, "workbook").close()
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        sheets: Sequence[Any] = book.worksheets
        limits.check_pages(len(sheets), "sheets")
        left = limits.rows
        for number, sheet in enumerate(sheets, 1):
            rows = ([_shown(cell) for cell in row] for row in sheet.iter_rows(values_only=True))
            for leaf in _table(rows, limits, left, number, str(sheet.title)):
                left -= len(leaf.rows)
                yield leaf
    except BROKEN as error:
        raise unreadable("workbook", error) from error


def separated_leaves(data: bytes, mime: str, limits: Limits) -> Iterator[Leaf]:
    """The rows of a text whose cells are separated by commas, semicolons, tabs or bars."""
    text, _ = decode_text(data)
    separator = "\t" if mime == TAB_SEPARATED else _separator(text[:SAMPLE])
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        yield from _table(rows, limits, limits.rows, None, None)
    except csv.Error as error:
        raise bad(f"the table cannot be read: {error}", HINT_TABLE) from None


def _table(
    rows: Iterable[Sequence[str]], limits: Limits, most: int, page: int | None, name: str | None
) -> Iterator[Leaf]:
    filled = _filled(rows, limits)
    first = next(filled, None)
    if first is None:
        return
    names = _names(first[1])
    if names is None:
        filled = itertools.chain([first], filled)
    path = (name,) if name else ()
    count = 0
    while batch := list(itertools.islice(filled, TOGETHER)):
        count += len(batch)
        if count > most:
            raise too_much(f"the table has more than {limits.rows:,} rows", "max_rows")
        lines: list[str] = []
        begins: list[tuple[int, int]] = []
        length = 0
        for number, cells in batch:
            lines.append(_line(names, cells))
            begins.append((length, number))
            length += len(lines[-1])
        yield Leaf("".join(lines), page, "plain", (Head(0, 0, path),), begins)
    if count == 0 and names:  # names of columns, and nothing below
        yield Leaf(", ".join(names.values()), page, "plain", (Head(0, 0, path),))


def _filled(rows: Iterable[Sequence[str]], limits: Limits) -> Iterator[tuple[int, Sequence[str]]]:
    """Rows with something in them, with their numbers from 1."""
    for number, row in enumerate(rows, 1):
        if number % 256 == 0:
            limits.check_time()
        if any(cell.strip() for cell in row):
            yield number, row


def _names(row: Sequence[str]) -> dict[int, str] | None:
    """The names of the columns, where this row looks like them."""
    names = {index: one_line(cell) for index, cell in enumerate(row) if cell.strip()}
    if len(set(names.values())) < len(names) or any(_is_number(n) for n in names.values()):
        return None
    return names


def _line(names: dict[int, str] | None, cells: Sequence[str]) -> str:
    shown = (
        f"{(names or {}).get(index) or _letters(index)}: {one_line(cell)}"
        for index, cell in enumerate(cells)
        if cell.strip()
    )
    return f"- {'; '.join(shown)}\n"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _letters(index: int) -> str:
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def _shown(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.12g}"
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case datetime() | date() | time():
            return value.isoformat()
        case _:
            return str(value)


def _separator(sample: str) -> str:
    """The one that cuts most of the first lines into the same number of cells, more than one."""
    lines = [line for line in sample.splitlines() if line.strip()][:SAMPLE_LINES]
    best = (0, ",")
    for separator in SEPARATORS:
        try:
            counts = Counter(len(row) for row in csv.reader(lines, delimiter=separator))
        except csv.Error:
            continue
        cells, times = counts.most_common(1)[0] if counts else (1, 0)
        if cells > 1 and times > best[0]:
            best = (times, separator)
    return best[1]
