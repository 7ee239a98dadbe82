"""``tasks``, ``wait``, ``cancel``, ``retry``, ``failures``."""

from __future__ import annotations

import argparse

from workbench.commands.base import Context, Outcome, Verb
from workbench.commands.follow import accepted, add_strict, follow, task_outcome
from workbench.commands.lists import add_limit, fetch

_FAILURES = ("object_name", "collection", "category", "message", "hint", "stage", "retryable")


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
    parser.add_argument("--detach", action="store_true", help="start it and do not wait")
    add_strict(parser)


def _configure_failures(parser: argparse.ArgumentParser) -> None:
    _one_task(parser)
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


def _retry(context: Context, args: argparse.Namespace) -> Outcome:
    task = context.client.retry(args.task_id)
    return accepted(task) if args.detach else follow(context, task.task_id, task)


def _failures(context: Context, args: argparse.Namespace) -> Outcome:
    found, note = fetch(context, args, context.client.failures, args.task_id)
    rows = [failure.model_dump(mode="json") for failure in found]
    return Outcome("failures", rows, rows, columns=_FAILURES, note=note)


TASKS = Verb("tasks", "list tasks, or show one", _configure_tasks, _tasks)
WAIT = Verb("wait", "wait for the end of a task", _configure_wait, _wait)
CANCEL = Verb("cancel", "cancel a task; what is indexed stays", _one_task, _cancel)
RETRY = Verb("retry", "try the failed items of a task again", _configure_retry, _retry)
FAILURES = Verb("failures", "what failed in a task, and why", _configure_failures, _failures)
