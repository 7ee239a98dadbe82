"""``explain``: why an object is searchable as it is, and why it was, or was not, extracted."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from workbench.commands.base import Context, Outcome, Verb
from workbench.commands.delete import find_object
from workbench.domain.ids import OBJECT
from workbench.domain.wire import ExplainOut

_COLUMNS = ("collection", "task", "at", "state", "why")


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="OBJECT", help="an object's id, or BUCKET/NAME")


def _run(context: Context, args: argparse.Namespace) -> Outcome:
    name: str = args.name
    object_id = name
    if not name.startswith(f"{OBJECT}_"):
        object_id = find_object(context.client, name).object_id
    found = context.client.explain(object_id)
    told = f"{found.object.bucket}/{found.object.name}: {found.listed}"
    return Outcome(
        "rows", list(_rows(found)), found.model_dump(mode="json"), columns=_COLUMNS, note=told
    )


def _rows(found: ExplainOut) -> Iterator[dict[str, Any]]:
    """For each collection what is searchable now, what comes next, and what the last tasks did."""
    for each in found.collections:
        now = each.searchable
        if now is not None:
            version = f"version {now.version}" if now.version is not None else "an older version"
            text = (
                f"{now.documents:,} documents of {version} ({now.sha256[:8]}), "
                f"digest {now.digest or 'unknown'}, segment {now.segment_id}"
            )
            yield _row(each.collection, now.task_id, now.at, "searchable", text)
        yield _row(each.collection, "", None, "next ingest", each.next)
        for task in each.tasks:
            yield _row(each.collection, task.task_id, task.at, task.state, task.why)


def _row(collection: str, task: str, at: Any, state: str, why: str) -> dict[str, Any]:
    return {"collection": collection, "task": task, "at": at, "state": state, "why": why}


EXPLAIN = Verb("explain", "why an object was or was not extracted", _configure, _run)
