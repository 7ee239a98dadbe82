"""``reindex``: the vector index anew from the feature segments; nothing is extracted."""

from __future__ import annotations

import argparse
from dataclasses import replace

from workbench.commands.base import Context, Outcome, Verb
from workbench.commands.follow import accepted, add_strict, follow
from workbench.domain.wire import TaskOut


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bucket", metavar="NAME", help="only this bucket's collections")
    parser.add_argument("--collection", metavar="NAME", help="only this collection")
    parser.add_argument(
        "--compact",
        action="store_true",
        help="put small segments together, and delete what nothing uses",
    )
    parser.add_argument("--detach", action="store_true", help="start it and do not wait")
    add_strict(parser)


def _run(context: Context, args: argparse.Namespace) -> Outcome:
    task = context.client.reindex(args.bucket, args.collection, args.compact)
    if args.detach:
        return accepted(task)
    outcome = follow(context, task.task_id, task)
    last: TaskOut = outcome.data
    return replace(outcome, note=outcome.note or last.note)


REINDEX = Verb("reindex", "rebuild the search index from what was extracted", _configure, _run)
