"""The shell ``mixpeek``: the verbs of ``commands`` and those of the stack.

Standard output holds the answer and nothing else: text, or with ``--json`` one JSON document.
Progress, notes and errors go to standard error. Exit status: 0 done; 1 the task failed, was
canceled or had failures; 2 wrong use; 3 no service; 4 refused or failed by the service; 130
interrupted. The stack's verbs are imported only when one of them, or the list of all, is asked for.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench import __version__
from workbench.client import connect
from workbench.commands.base import DONE, INTERRUPTED, REFUSED, WRONG_USE, Context, Outcome, Verb
from workbench.commands.failing import envelope, exit_status
from workbench.commands.parser import HelpRequested, Parser, unknown_verb
from workbench.commands.progress import TerminalWatch
from workbench.commands.render import render_text
from workbench.commands.tree import VERBS, find_verb, listing, verb_parser
from workbench.commands.words import clean
from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.room import MESSAGE, disk_is_full

if TYPE_CHECKING:
    from workbench.stack.cli import StackVerb

PROG = "mixpeek"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (without the program's name); returns the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _never_fail_to_print()
    try:
        status = _dispatch(arguments)
        sys.stdout.flush()
    except HelpRequested as asked:
        return _write(asked.text, DONE)
    except WorkbenchError as error:
        _report(error, as_json="--json" in arguments)
        return exit_status(error)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        return _pipe_closed(DONE)
    except OSError as error:
        if not disk_is_full(error):
            raise
        full = WorkbenchError(Code.UNAVAILABLE, MESSAGE, "free some space, then try again")
        _report(full, as_json="--json" in arguments)
        return exit_status(full)
    return status


def _dispatch(arguments: list[str]) -> int:
    name = arguments[0] if arguments else "--help"
    if name in ("-h", "--help"):
        return _write(_overview(), DONE if arguments else WRONG_USE)
    if name == "--version":
        return _write(f"{PROG} {__version__}\n", DONE)
    verb = find_verb(name)
    if verb is not None:
        return _run(verb, arguments[1:])
    stack = _stack_verbs()
    for found in stack:
        if found.name == name:
            return _run_stack(found, arguments[1:])
    known = [verb.name for verb in VERBS] + [verb.name for verb in stack if not verb.hidden]
    raise unknown_verb(PROG, name, [*known, "--help", "--version"])


def _run(verb: Verb, arguments: list[str]) -> int:
    args = verb_parser(verb, f"{PROG} {verb.name}", shell=True).parse_args(arguments)
    watch = TerminalWatch(sys.stderr)
    with connect(args.namespace, notify=watch.note) as client:
        try:
            outcome = verb.run(Context(client, watch, _confirm, uploading=watch.uploading), args)
        finally:
            watch.clear()
    return _show(outcome, as_json=args.json)


def _show(outcome: Outcome, *, as_json: bool) -> int:
    terminal = sys.stdout.isatty()
    if as_json:
        if outcome.note:
            print(f"note: {clean(outcome.note)}", file=sys.stderr)
        indent = 2 if terminal else None
        return _write(
            json.dumps(outcome.json, indent=indent, allow_nan=False) + "\n", outcome.status
        )
    columns = shutil.get_terminal_size().columns if terminal else None
    return _write(render_text(outcome, columns) + "\n", outcome.status)


def _run_stack(verb: StackVerb, arguments: list[str]) -> int:
    parser = Parser(prog=f"{PROG} {verb.name}", description=verb.help)
    verb.configure(parser)
    args = parser.parse_args(arguments)
    try:
        return verb.run(args)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("workbench", "extractors", "jupyter_ext"):
            raise
        print(f"error: {PROG} {verb.name} needs {error.name}, not installed here", file=sys.stderr)
        print("hint: pip install 'mixpeek-workbench[all]'", file=sys.stderr)
        return REFUSED


def _stack_verbs() -> tuple[StackVerb, ...]:
    from workbench.stack.cli import STACK_VERBS

    return STACK_VERBS


def _overview() -> str:
    stack = [(verb.name, verb.help) for verb in _stack_verbs() if not verb.hidden]
    return "\n".join(
        [
            f"usage: {PROG} VERB … | --help | --version",
            "",
            listing("Media, search and tasks", [(verb.name, verb.help) for verb in VERBS]),
            listing("The stack", stack),
            f"`{PROG} VERB --help` says what a verb takes; every verb also takes --json.",
            "",
        ]
    )


def _confirm(question: str) -> bool:
    """Asks on standard error, so that the answer's output stays clean."""
    if not sys.stdin.isatty():
        return False
    print(f"{clean(question)} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _report(error: WorkbenchError, *, as_json: bool) -> None:
    if as_json and exit_status(error) == REFUSED:
        print(json.dumps(envelope(error), default=str), file=sys.stderr)
        return
    print(f"error: {clean(error.message)}", file=sys.stderr)
    if error.hint:
        print(f"hint: {clean(error.hint)}", file=sys.stderr)


def _write(text: str, status: int) -> int:
    """To standard output; a reader that has seen enough (``| head``) is no failure."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        return _pipe_closed(status)
    return status


def _pipe_closed(status: int) -> int:
    """Point standard output elsewhere, or the interpreter complains when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status


def _never_fail_to_print() -> None:
    """A terminal that lacks a character shows a stand-in."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
