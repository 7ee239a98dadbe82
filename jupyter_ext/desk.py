"""Runs a verb for a notebook: the same tree as the shell, its outcome as an object.

Whatever goes wrong leaves here as one of the classes in ``errors``, so a cell never prints an error
and goes on.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, cast

from jupyter_ext import frames, modes, stack
from jupyter_ext.errors import MixpeekUsageError, WaitInterrupted, from_workbench
from jupyter_ext.refining import Search
from jupyter_ext.results import Help, Results, Rows, Shown, Table, Text
from jupyter_ext.screen import LiveTask, Screen
from jupyter_ext.task import Task, raise_unless_good
from jupyter_ext.task_list import Tasks
from workbench.client import Client, connect
from workbench.commands.base import INTERRUPTED, NOT_CLEAN, Context, Outcome
from workbench.commands.parser import HelpRequested, WrongUse
from workbench.commands.search import request as search_request
from workbench.commands.tree import build_parser
from workbench.domain.errors import WorkbenchError
from workbench.domain.wire import SearchResponse, TaskOut

PROG: Final = "%mixpeek"
_NAME: Final = re.compile(r"\{([A-Za-z_]\w*)\}")
_WHERE: Final = ("MIXPEEK_URL", "MIXPEEK_API_KEY", "MIXPEEK_HOME", "MIXPEEK_NAMESPACE")


class Desk:
    """What the magics of one kernel share. ``namespace`` is the user's, live."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self.namespace = namespace
        self.screen = Screen(lambda: modes.current(namespace))
        self._client: tuple[tuple[str | None, ...], Client] | None = None

    def client(self, namespace: str | None = None) -> Client:
        """A client of the service that the environment names now. It is kept while that stays the
        same, and with it its connection."""
        place = (namespace, *map(os.environ.get, _WHERE))
        if self._client is None or self._client[0] != place:
            self._client = (place, connect(namespace, notify=_tell))
        return self._client[1]

    def run(self, words: Sequence[str], text: str | None = None) -> object:
        """``words`` are a verb and its arguments, ``text`` what the cell holds below its first
        line. Gives what to display, or None."""
        self.screen.mode()  # a wrong setting is an error here, not in the middle of a display
        if not words or words[0] in ("-h", "--help"):
            return Help(build_parser(PROG).format_help() + stack.HELP)
        if words[0] in stack.VERBS:
            return stack.run(words[0], words[1:])
        try:
            args = build_parser(PROG).parse_args(list(words))
            if text is not None:
                _put(text, args)
            return self._run(args)
        except HelpRequested as help_:
            return Help(help_.text)
        except WorkbenchError as error:
            raise from_workbench(error) from error

    def _run(self, args: argparse.Namespace) -> object:
        client = self.client(args.namespace)
        live = LiveTask(self.screen, client)
        sql = getattr(args, "sql", "")
        named = frames.named(self.namespace, sql)
        context = Context(client, live, _confirm, named, live.uploading)
        try:
            outcome: Outcome = args.verb.run(context, args)
        finally:
            live.stopped()
        if outcome.status == INTERRUPTED:
            raise WaitInterrupted(outcome.data.task_id)
        return self._object(outcome, args, client)

    def _object(self, outcome: Outcome, args: argparse.Namespace, client: Client) -> object:
        match outcome.shape:
            case "task":
                return self._task(outcome, args, client)
            case "tasks":
                return Tasks(outcome.data, outcome.note, client, self.screen)
            case "hits":
                return self._results(cast(SearchResponse, outcome.data), args, client)
            case "rows" | "failures":
                return Rows(outcome.data, outcome.columns, outcome.note)
            case "frame":
                return Table(outcome.data, outcome.note)
            case "text":
                return Text(str(outcome.data))

    def _results(self, found: SearchResponse, args: argparse.Namespace, client: Client) -> Results:
        query = " ".join(args.text) or None
        search = Search(partial(search_request, args), client.search, found, query, args.top)
        return Results(search, Shown(client, self.screen))

    def _task(self, outcome: Outcome, args: argparse.Namespace, client: Client) -> Task:
        task = cast(TaskOut, outcome.data)
        if outcome.status == NOT_CLEAN:
            raise_unless_good(task, getattr(args, "strict", False))
        return Task(task, client, self.screen)

    def fill(self, text: str) -> str:
        """``{name}`` becomes the user's variable of that name, if it is a text or a number. Nothing
        is evaluated, and other braces stay."""

        def value(match: re.Match[str]) -> str:
            found = self.namespace.get(match[1])
            return str(found) if isinstance(found, str | int | float | os.PathLike) else match[0]

        return _NAME.sub(value, text)

    def words(self, line: str) -> list[str]:
        """The line as a shell splits it, ``{name}`` filled in afterwards: a path with blanks stays
        one word."""
        try:
            return [self.fill(word) for word in shlex.split(line)]
        except ValueError as error:
            raise MixpeekUsageError(
                f"the line cannot be split into words: {str(error).lower()}",
                "put a backslash before a quote that is part of a word",
            ) from None


def _put(text: str, args: argparse.Namespace) -> None:
    """The text of a cell goes where the verb takes its text."""
    if args.text:
        raise WrongUse(
            f"{' '.join(args.text)!r} stands beside the options, and the cell has a text too",
            "the text to search for goes below the first line",
        )
    args.text = [text] if text else []


def _tell(note: str) -> None:
    print(note, file=sys.stderr)


def _confirm(question: str) -> bool:
    """Ask whoever sits at the notebook; a kernel without a front end refuses to ask."""
    with suppress(EOFError, OSError, NotImplementedError):
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    return False
