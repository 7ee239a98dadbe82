"""``ingest``: start an ingest and follow it to its end."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NoReturn

from workbench.client.upload import Uploading
from workbench.commands.base import DONE, NOT_CLEAN, Context, Outcome, Verb
from workbench.commands.follow import accepted, add_strict, follow
from workbench.commands.parser import WrongUse
from workbench.commands.words import plural
from workbench.domain import retries
from workbench.domain.errors import WorkbenchError
from workbench.domain.wire import DryRunOut


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="PATH", help="a folder, or a file in it")
    parser.add_argument("--bucket", metavar="NAME", help="default: the folder's name")
    parser.add_argument(
        "--extractors",
        metavar="a,b",
        help="default: those of the bucket; the first time, every one that fits the files",
    )
    parser.add_argument(
        "--set",
        metavar="extractor.param=value",
        action="append",
        default=[],
        dest="settings",
        help="a parameter of an extractor; repeatable, the value is JSON or else text",
    )
    parser.add_argument(
        "--exclude",
        metavar="GLOB",
        action="append",
        default=[],
        help="leave out files of these names; repeatable",
    )
    parser.add_argument(
        "--verify", action="store_true", help="compare what files hold, not only size and time"
    )
    parser.add_argument(
        "--retry",
        metavar="SETTINGS",
        help=f"how often an item is tried, kept by the collections: {retries.EXAMPLE}",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        dest="dry",
        help="only list what would be done to how many files, by type and extractor",
    )
    parser.add_argument("--detach", action="store_true", help="start it and do not wait")
    add_strict(parser)


def _run(context: Context, args: argparse.Namespace) -> Outcome:
    if args.dry:
        _check_dry(args)
        return _dry(
            context.client.dry_run(
                args.source,
                bucket=args.bucket,
                extractors=names(args.extractors),
                parameters=parameters(args.settings),
                exclude=args.exclude,
            )
        )
    last: Uploading | None = None

    def uploading(state: Uploading) -> None:
        nonlocal last
        last = state
        context.uploading(state)

    task = context.client.ingest(
        args.source,
        bucket=args.bucket,
        extractors=names(args.extractors),
        parameters=parameters(args.settings),
        exclude=args.exclude,
        verify=args.verify,
        retry=_policy(args.retry),
        uploading=uploading,
    )
    outcome = accepted(task) if args.detach else follow(context, task.task_id, task)
    return outcome if last is None else _not_sent(outcome, last)


def _not_sent(outcome: Outcome, state: Uploading) -> Outcome:
    """What was left out of an upload is a failure of that file, though the task never saw it."""
    if not state.left_out or outcome.status != DONE:
        return outcome
    some = "; ".join(f"{name}: {reason}" for name, reason in state.left_out[:3])
    said = f"{plural(len(state.left_out), 'file')} could not be uploaded ({some})"
    return replace(outcome, status=NOT_CLEAN, note=f"{said}; nothing was removed")


def _check_dry(args: argparse.Namespace) -> None:
    """What a dry run does not look at is refused, not passed over."""
    given = {
        "--verify": args.verify,
        "--retry": args.retry is not None,
        "--detach": args.detach,
        "--strict": args.strict,
    }
    if without := [option for option, there in given.items() if there]:
        raise WrongUse(f"--dry-run takes no {', '.join(without)}", "leave it out")


def _policy(text: str | None) -> dict[str, Any] | None:
    try:
        return None if text is None else retries.parse(text)
    except WorkbenchError as error:
        raise WrongUse(f"--retry {text!r} is not understood: {error.message}", error.hint) from None


def _dry(found: DryRunOut) -> Outcome:
    rows = [row.model_dump(mode="json") for row in found.rows]
    said = [f"{'new ' if found.new else ''}bucket {found.bucket}", plural(found.files, "file")]
    said += [f"{found.unchanged:,} unchanged"] * bool(found.unchanged)
    said += [f"{found.unmatched:,} of types no extractor takes"] * bool(found.unmatched)
    said += ["not all: listing takes too long for a dry run"] * (not found.complete)
    columns = ("extractor", "kind", "mime", "files", "bytes")
    note = f"{', '.join(said)}; nothing was done"
    return Outcome("rows", rows, found.model_dump(mode="json"), columns=columns, note=note)


def names(text: str | None) -> list[str] | None:
    """``a,b`` as a list; None when nothing was said."""
    if text is None:
        return None
    found = [name.strip() for name in text.split(",")]
    if not all(found):
        raise WrongUse(f"--extractors {text!r} holds an empty name", "e.g. --extractors image,text")
    return list(dict.fromkeys(found))


def parameters(settings: Iterable[str]) -> dict[str, dict[str, Any]]:
    """``extractor.param=value`` by extractor and parameter; the last one wins. A value that is JSON
    is taken as JSON, any other as the text it is."""
    found: dict[str, dict[str, Any]] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        extractor, dot, parameter = name.partition(".")
        if not (equals and dot and extractor.strip() and parameter.strip()):
            raise WrongUse(
                f"--set {setting!r} is not understood",
                "say extractor.param=value, e.g. --set text.chunk_size=800",
            )
        found.setdefault(extractor.strip(), {})[parameter.strip()] = _value(value)
    return found


def _value(text: str) -> Any:
    def refuse(_: str) -> NoReturn:  # NaN and Infinity are no JSON, though Python would take them
        raise ValueError

    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        return text


INGEST = Verb("ingest", "extract, index and make searchable what a folder holds", _configure, _run)
