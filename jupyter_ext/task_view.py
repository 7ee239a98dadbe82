"""A task as static HTML and as plain text: while it runs, and when it has ended.

The running form has a line for each collection (bar, counts, rate, time left or "unknown",
failures). The ended form says what became of the task and lists what failed, why, and what to do.
``stable`` leaves out what differs in every run, the id and the time taken, for notebooks whose
outputs are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from jupyter_ext import html as h
from jupyter_ext.html import Html, el, span
from jupyter_ext.words import sentence
from workbench.commands.progress import done
from workbench.commands.render import funnel
from workbench.commands.words import about, clean, duration, plural
from workbench.commands.words import rate as rate_text
from workbench.domain.states import TaskState
from workbench.domain.wire import CollectionProgress, FailureOut, Progress, TaskOut

FAILURES: Final = 20  # failures an output lists
_STATE: Final = {
    TaskState.PENDING: "waiting to start",
    TaskState.IN_PROGRESS: "running",
    TaskState.PAUSED: "paused",
    TaskState.COMPLETED: "completed",
    TaskState.COMPLETED_WITH_ERRORS: "completed with failures",
    TaskState.FAILED: "failed",
    TaskState.CANCELED: "canceled",
}
_SIGN: Final = {
    TaskState.COMPLETED: ("✓", "ok"),
    TaskState.COMPLETED_WITH_ERRORS: ("✓", "ok"),
    TaskState.FAILED: ("✗", "error"),
    TaskState.CANCELED: ("✗", "error"),
}


@dataclass(frozen=True)
class TaskView:
    """``waiting``: the running cell waits for the end."""

    task: TaskOut
    failures: Sequence[FailureOut] = ()
    stable: bool = False
    waiting: bool = False


def title(task: TaskOut) -> str:
    """``ingest trip``; the bucket alone would not tell an ingest from a delete."""
    return f"{task.kind} {task.bucket}" if task.bucket else str(task.kind)


def state_text(task: TaskOut) -> str:
    if task.requested == "cancel" and not task.state.ended:
        return "canceling"
    if task.requested == "pause" and task.state is not TaskState.PAUSED:
        return "pausing"
    return _STATE[task.state]


def counts(task: TaskOut) -> list[str]:
    """What became of the items, in words; only what there is to say."""
    p = task.progress
    said = [
        (p.indexed, f"{p.indexed:,} indexed"),
        (p.skipped, f"{p.skipped:,} unchanged"),
        (p.failed, f"{p.failed:,} failed"),
        (p.canceled, f"{p.canceled:,} canceled"),
    ]
    parts = [text for count, text in said if count]
    if p.documents or task.kind == "ingest":
        parts.append(plural(p.documents, "document") + " searchable")
    if task.objects.removed:
        parts.append(plural(task.objects.removed, "file") + " removed")
    if task.objects.unmatched:
        parts.append(plural(task.objects.unmatched, "file") + " of other types")
    return parts


def taken(task: TaskOut) -> str | None:
    if task.ended_at is None:
        return None
    began = task.started_at or task.created_at
    return duration(max(0.0, (task.ended_at - began).total_seconds()))


def render(view: TaskView) -> Html:
    body = _ended(view) if view.task.state.ended else _running(view)
    return el("div", *body, style=h.ROOT)


# ---- running ------------------------------------------------------------------------------------


def _listing(task: TaskOut) -> str:
    found = plural(task.objects.listed, "file")
    if task.progress.total is None and task.state is not TaskState.PENDING:
        return f"counting: {found} so far"
    return found if task.objects.listed else ""


def _running(view: TaskView) -> list[Html]:
    task = view.task
    facts = [state_text(task), _listing(task), "" if view.stable else task.task_id]
    head = el("div", el("b", title(task)), " ", span(" · ".join(f for f in facts if f), h.DIM))
    rows = [_row(c) for c in task.collections]
    heads = ("collection", "", "done", "rate", "left", "failed")
    grid = h.table(heads, rows, right=("done", "rate", "left")) if rows else Html()
    said: list[Html | str] = [
        f"Searchable now: {plural(task.progress.documents, 'document')}. ",
        "Interrupting this cell stops the waiting, not the work: " if view.waiting else "",
        el("code", f"%mixpeek wait {task.task_id}") if not view.stable else "",
        " waits for its end." if not view.stable and not view.waiting else "",
    ]
    foot = el("div", *said, style=f"{h.DIM};margin:6px 0 0 0")
    return [head, grid, foot]


def _row(collection: CollectionProgress) -> list[Html]:
    rate, left = collection.rate, collection.seconds_left
    total = "?" if collection.total is None else f"{collection.total:,}"
    finished = collection.total is not None and done(collection) >= collection.total
    number = "text-align:right;white-space:nowrap"
    failed = span(f"{collection.failed:,} failed", h.themed("color", "error"))
    return [
        h.cell(extractor_name(collection), style="white-space:nowrap"),
        h.cell(_bar(collection), style="vertical-align:middle"),
        h.cell(f"{done(collection):,} / {total}", style=number),
        h.cell(rate_text(rate) if rate else span("–", h.DIM), style=number),
        h.cell(_left(left, finished), style=number),
        h.cell(failed if collection.failed else span("none", h.DIM)),
    ]


def _left(seconds: float | None, finished: bool) -> Html:
    if finished:
        return span("done", h.DIM)
    return span("unknown", h.DIM) if seconds is None else span(about(seconds))


def extractor_name(collection: CollectionProgress) -> str:
    return collection.extractor.partition("@")[0]


def _bar(p: Progress) -> Html:
    """Indexed and unchanged in full colour, extracted but not yet searchable pale, failed red."""
    whole = p.total or 0
    parts = [
        (p.indexed + p.skipped, h.themed("background", "accent")),
        (p.extracted, h.themed("background", "accent") + ";opacity:0.35"),
        (p.failed, h.themed("background", "error")),
    ]
    pieces = [
        el("div", style=f"float:left;height:6px;width:{100 * count / whole:.1f}%;{colour}")
        for count, colour in parts
        if count and whole
    ]
    track = h.themed("background", "faint")
    return el(
        "div",
        *pieces,
        style=f"width:260px;height:6px;border-radius:3px;overflow:hidden;{track}",
        title=f"{done(p):,} of {whole:,}" if whole else "not yet counted",
    )


# ---- ended --------------------------------------------------------------------------------------


def _ended(view: TaskView) -> list[Html]:
    task = view.task
    sign, colour = _SIGN[task.state]
    lead = span(f"{sign} ", h.themed("color", colour))
    facts = [state_text(task), ", ".join(counts(task))]
    when = _when(view)
    head = el(
        "div",
        lead,
        el("b", title(task)),
        " ",
        " · ".join(f for f in facts if f),
        span(f" · {when}", h.DIM) if when else "",
    )
    return [head, *_error(task), *_funnels(task), *_failures(view)]


def _funnels(task: TaskOut) -> list[Html]:
    lines = [el("div", line) for line in _funnel_lines(task)]
    return [el("div", *lines, style=f"{h.DIM};margin:2px 0")] if lines else []


def _funnel_lines(task: TaskOut) -> list[str]:
    told = [c for c in task.collections if c.funnel.matched]
    return [f"{extractor_name(c)}: {funnel(c.funnel)}" for c in told]


def _when(view: TaskView) -> str:
    return "" if view.stable else " · ".join(filter(None, (taken(view.task), view.task.task_id)))


def _error(task: TaskOut) -> list[Html]:
    if task.error is None:
        return []
    said = " ".join(filter(None, (sentence(task.error.message), task.error.hint)))
    return [el("div", said, style=h.themed("color", "error"))]


def _failures(view: TaskView) -> list[Html]:
    if not view.failures:
        return []
    many = len({f.collection for f in view.failures}) > 1
    rows = [
        [
            h.cell(span(f.object_name + (f" ({f.collection})" if many else ""))),
            h.cell(f"{f.category} · {f.message}"),
            h.cell(f.hint or _advice(f)),
        ]
        for f in view.failures[:FAILURES]
    ]
    rest = max(view.task.progress.failed, len(view.failures)) - len(rows)
    more = [el("div", f"{rest:,} more in .failures", style=h.DIM)] if rest > 0 else []
    return [h.table(("file", "why", "what to do"), rows), *more]


def _advice(failure: FailureOut) -> str:
    return "%mixpeek retry" if failure.retryable else "–"


# ---- plain --------------------------------------------------------------------------------------


def plain(view: TaskView) -> str:
    task = view.task
    facts = [state_text(task), ", ".join(counts(task))]
    if not task.state.ended:
        facts.insert(1, _listing(task))
    facts.append(_when(view) if task.state.ended else "" if view.stable else task.task_id)
    lines = [f"{title(task)}: " + " · ".join(f for f in facts if f)]
    if not task.state.ended:
        lines += [_plain_row(c) for c in task.collections]
    else:
        lines += [f"  {line}" for line in _funnel_lines(task)]
    if task.error is not None:
        lines += [f"  {line}" for line in (task.error.message, task.error.hint) if line]
    for f in view.failures[:FAILURES]:
        hint = f.hint or (_advice(f) if f.retryable else "")
        lines.append(f"  {f.object_name}: {f.category} · {sentence(f.message)} {hint}".rstrip())
    rest = max(task.progress.failed, len(view.failures)) - FAILURES
    if view.failures and rest > 0:
        lines.append(f"  {rest:,} more in .failures")
    return "\n".join(clean(line) for line in lines)


def _plain_row(collection: CollectionProgress) -> str:
    rate, left = collection.rate, collection.seconds_left
    total = "?" if collection.total is None else f"{collection.total:,}"
    parts = [
        f"{done(collection):,} / {total}",
        rate_text(rate) if rate else "",
        f"{about(left)} left" if left is not None else "time left unknown",
        f"{collection.failed:,} failed" if collection.failed else "",
    ]
    return f"  {extractor_name(collection)}: " + ", ".join(p for p in parts if p)
