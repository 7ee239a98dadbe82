"""Outcomes as plain text: aligned columns, nothing that a terminal would obey.

``render_text`` is what the shell prints without ``--json``, and a notebook's twin in plain text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from numbers import Number
from typing import Any, cast

from workbench.commands.base import Outcome
from workbench.commands.frames import Frame, plain
from workbench.commands.progress import done
from workbench.commands.words import (
    clean,
    duration,
    instant,
    pad,
    place,
    plural,
    shorten,
    size,
    width,
)
from workbench.domain.wire import Funnel, Hit, SearchResponse, TaskOut

#: Columns of one cell where nothing says how wide a line may be, and rows of a frame.
CELL = 120
ROWS = 1000
_NARROW = 12
_GAP = "  "
_COUNTS = ("total", "indexed", "skipped", "failed", "canceled", "documents")


def render_text(outcome: Outcome, columns: int | None = None) -> str:
    """The outcome with its note. Tables fit into ``columns`` where they can; ids are never cut."""
    match outcome.shape:
        case "task":
            lines = _task(outcome.data)
        case "tasks":
            lines = _tasks(outcome.data, columns)
        case "hits":
            lines = _hits(outcome.data, columns)
        case "rows" | "failures":
            lines = _rows(outcome.data, outcome.columns, columns)
        case "frame":
            lines = _frame(outcome.data, columns)
        case "text":
            lines = [str(outcome.data)]
    return "\n".join([*lines, clean(outcome.note)] if outcome.note else lines)


def table(
    names: Sequence[str], rows: Sequence[Sequence[Any]], columns: int | None = None
) -> list[str]:
    """Lines of a table with its names on top; numbers stand to the right."""
    cells = [[cell(value) for value in row] for row in rows]
    heads = [clean(name) for name in names]
    widths = [max(map(width, column)) for column in zip(heads, *cells, strict=True)]
    _fit(heads, widths, columns)
    right = [_numeric(rows, cells, index) for index in range(len(heads))]
    return [
        _GAP.join(
            pad(shorten(text, limit), limit, right=side)
            for text, limit, side in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in [heads, *cells]
    ]


def cell(value: Any) -> str:
    """One value on one line."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.6g}" if math.isfinite(value) else "-"
        case datetime():
            return instant(value) if value == value else "-"  # NaT equals nothing
        case list() | tuple():
            return clean(", ".join(str(inner) for inner in cast("Sequence[Any]", value)))
        case bytes():
            return size(len(value))
        case str():
            return clean(value[: 4 * CELL])
        case _:
            known = plain(value)
            return "-" if known is None else clean(str(known)[: 4 * CELL])


def _fit(heads: Sequence[str], widths: list[int], columns: int | None) -> None:
    """Narrow the widest columns until the line fits; ids stay whole, they are for copying."""
    shrinks = [index for index, name in enumerate(heads) if not name.endswith("_id")]
    for index in shrinks:
        widths[index] = min(widths[index], CELL)
    if columns is None or not shrinks:
        return
    over = sum(widths) + len(_GAP) * (len(widths) - 1) - columns
    while over > 0:
        widest = max(shrinks, key=lambda index: widths[index])
        if widths[widest] <= _NARROW:
            return
        widths[widest] -= 1
        over -= 1


def _numeric(rows: Sequence[Sequence[Any]], cells: Sequence[Sequence[str]], index: int) -> bool:
    """Whether every value that is not missing is a number."""
    given = [row[index] for row, shown in zip(rows, cells, strict=True) if shown[index] != "-"]
    return bool(given) and all(
        not isinstance(value, bool) and isinstance(value, Number) for value in given
    )


def _task(task: TaskOut) -> list[str]:
    title = [str(task.state), str(task.kind), *([clean(task.bucket)] if task.bucket else [])]
    if task.requested is not None and not task.state.ended:
        title[0] += f" ({task.requested} requested)"
    if task.ended_at is not None:
        title.append(duration((task.ended_at - task.created_at).total_seconds()))
    lines = [_GAP.join([*title, task.task_id])]
    if task.error is not None:
        lines += [f"error: {clean(task.error.message)}"]
        lines += [f"hint: {clean(task.error.hint)}"] if task.error.hint else []
    if task.collections:
        rows = [[c.collection, *(getattr(c, name) for name in _COUNTS)] for c in task.collections]
        lines += table(["collection", *_COUNTS], rows)
    objects = task.objects
    if objects.listed or objects.removed:
        said = [f"{plural(objects.listed, 'file')} listed"]
        said += [f"{objects.unmatched:,} of types no extractor takes"] * bool(objects.unmatched)
        said += [f"{objects.removed:,} removed"] * bool(objects.removed)
        lines.append(", ".join(said))
    lines += funnels(task)
    if task.retry_of:
        lines.append(f"retry of {task.retry_of}")
    return lines


def funnels(task: TaskOut) -> list[str]:
    """How many were left after each step, a line per collection; only what there was."""
    told = [c for c in task.collections if c.funnel.matched]
    return [f"{clean(c.collection)}: {funnel(c.funnel)}" for c in told]


def funnel(steps: Funnel) -> str:
    read = f"{steps.read:,} read ({size(steps.read_bytes)})" if steps.read else "0 read"
    said = [f"{steps.listed:,} listed", f"{steps.matched:,} matched", read]
    said += [f"{steps.unchanged:,} unchanged"] * bool(steps.unchanged)
    said += [f"{steps.extracted:,} extracted", f"{steps.indexed:,} indexed"]
    said += [plural(steps.documents, "document")]
    said += [f"{count:,} failed ({clean(name)})" for name, count in steps.failed.items() if count]
    said += [f"{steps.canceled:,} canceled"] * bool(steps.canceled)
    return " > ".join(said[:2]) + " > " + ", ".join(said[2:])


def _tasks(tasks: Sequence[TaskOut], columns: int | None) -> list[str]:
    if not tasks:
        return ["no tasks"]
    names = ("task_id", "kind", "state", "bucket", "done", "total", "failed", "created_at")
    rows = [
        (
            task.task_id,
            str(task.kind),
            str(task.state),
            task.bucket,
            done(task.progress),
            task.progress.total,
            task.progress.failed,
            task.created_at,
        )
        for task in tasks
    ]
    return table(names, rows, columns)


def _hits(found: SearchResponse, columns: int | None) -> list[str]:
    if not found.hits:
        return ["no hits"]
    names = ["rank", "score", "object", "where", "collection", "text"]
    rows = [_hit(hit) for hit in found.hits]
    if not any(row[3] for row in rows):
        names.pop(3)
        rows = [[*row[:3], *row[4:]] for row in rows]
    if any(hit.others for hit in found.hits):
        names.insert(-1, "more")
        rows = [
            [*row[:-1], len(hit.others), row[-1]] for row, hit in zip(rows, found.hits, strict=True)
        ]
    return table(names, rows, columns)


def _hit(hit: Hit) -> list[Any]:
    where = place(hit.page, hit.start_ms, hit.end_ms)
    text = " ".join((hit.text or ", ".join(hit.labels))[: 8 * CELL].split())
    return [hit.rank, round(hit.score, 4), hit.object_name, where, hit.collection, text]


def _rows(
    rows: Sequence[Mapping[str, Any]], names: Sequence[str], columns: int | None
) -> list[str]:
    if not rows:
        return ["nothing"]
    chosen = names or list(dict.fromkeys(name for row in rows for name in row))
    return table(
        chosen, [[_sized(name, row.get(name)) for name in chosen] for row in rows], columns
    )


def _sized(name: str, value: Any) -> Any:
    return size(value) if name in ("bytes", "size") and isinstance(value, int) else value


def _frame(frame: Frame, columns: int | None) -> list[str]:
    names = [str(name) for name in frame.columns]
    given = iter(frame.itertuples(index=False, name=None))
    rows = [list(row) for row in islice(given, ROWS)]
    more = sum(1 for _ in given)
    lines = table(names, rows, columns) if rows else [_GAP.join(map(clean, names)), "no rows"]
    return [*lines, f"{more:,} more rows; --json prints all"] if more else lines
