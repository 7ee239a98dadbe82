"""``tasks``, ``wait``, ``pause``, ``resume``, ``cancel``, ``retry``, ``failures``."""

from __future__ import annotations

import argparse

from workbench.commands.base import Context, Outcome, Verb
from workbench.commands.follow import accepted, add_strict, follow, task_outcome
from workbench.commands.lists import add_limit, fetch
from workbench.domain.wire import RetryRequest

_FAILURES = (
    *("object_name", "collection", "category", "message", "hint", "stage", "retryable"),
    "attempts",
)


def _one_task(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task_id", metavar="ID", help="a task's id, tsk_…")


def _configure_tasks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "task_id", metavar="ID", nargs="?", help="one task; default: all, newest first"
    )
    add_limit(parser)


def _configure_wait(parser: argparse.ArgumentParser) -> None:
    _one_task(parser)
    add_strict(parser)


def _configure_retry(parser: argparse.ArgumentParser) -> None:
    _one_task(parser)
    parser.add_argument(
        "--retryable",
        action="store_true",
        help="only those that may succeed later: network and resource",
    )
    parser.add_argument(
        "--object",
        metavar="NAME",
        nargs="+",
        action="extend",
        default=[],
        dest="objects",
        help="only these objects",
    )
    _add_filter(parser)
    parser.add_argument("--detach", action="store_true", help="start it and do not wait")
    add_strict(parser)


def _add_filter(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--filter",
        metavar="EXPR",
        help="only failures for which it holds, e.g. 'category = \"format\" and attempts > 1'",
    )


def _configure_failures(parser: argparse.ArgumentParser) -> None:
    _one_task(parser)
    _add_filter(parser)
    add_limit(parser)


def _tasks(context: Context, args: argparse.Namespace) -> Outcome:
    if args.task_id:
        return task_outcome(context.client.task(args.task_id))
    found, note = fetch(context, args, context.client.tasks, sort="-created_at")
    return Outcome("tasks", found, [task.model_dump(mode="json") for task in found], note=note)


def _wait(context: Context, args: argparse.Namespace) -> Outcome:
    return follow(context, args.task_id)


def _cancel(context: Context, args: argparse.Namespace) -> Outcome:
    return accepted(context.client.cancel(args.task_id))


def _pause(context: Context, args: argparse.Namespace) -> Outcome:
    task = context.client.pause(args.task_id)
    return task_outcome(task, note=f"`mixpeek resume {task.task_id}` lets it go on")


def _resume(context: Context, args: argparse.Namespace) -> Outcome:
    return accepted(context.client.resume(args.task_id))


def _retry(context: Context, args: argparse.Namespace) -> Outcome:
    which = RetryRequest(retryable=args.retryable, objects=args.objects, filter=args.filter)
    task = context.client.retry(args.task_id, which)
    return accepted(task) if args.detach else follow(context, task.task_id, task)


def _failures(context: Context, args: argparse.Namespace) -> Outcome:
    failures = context.client.failures
    found, note = fetch(context, args, failures, args.task_id, filter=args.filter)
    rows = [failure.model_dump(mode="json") for failure in found]
    return Outcome("failures", rows, rows, columns=_FAILURES, note=note)


TASKS = Verb("tasks", "list tasks, or show one", _configure_tasks, _tasks)
WAIT = Verb("wait", "wait for the end of a task", _configure_wait, _wait)
CANCEL = Verb("cancel", "cancel a task; what is indexed stays", _one_task, _cancel)
PAUSE = Verb("pause", "let a task hold; resume lets it go on", _one_task, _pause)
RESUME = Verb("resume", "let a paused task go on", _one_task, _resume)
RETRY = Verb("retry", "try failed items of a task again, all or some", _configure_retry, _retry)
FAILURES = Verb("failures", "what failed in a task, and why", _configure_failures, _failures)
