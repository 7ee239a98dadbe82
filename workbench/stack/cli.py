"""The verbs of the stack, as data for the shell ``mixpeek``.

This module is light: each verb imports what it needs when it runs, so that ``mixpeek search`` never
loads an engine. ``run`` returns an exit status; ``WorkbenchError`` passes through to the shell.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class StackVerb:
    """``configure`` adds every option but ``--help``, ``--json`` included. ``hidden`` verbs are the
    bodies of the children that ``up`` starts."""

    name: str
    help: str
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    hidden: bool = False


def _json_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def _up_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--detach", action="store_true", help="return when the service answers; `down` stops it"
    )
    _json_option(parser)


def _lab_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", nargs="?", help="a notebook or a folder to open (default: here)")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument("--port", type=int, help="JupyterLab's port (default: a free one)")
    _json_option(parser)


def _no_options(parser: argparse.ArgumentParser) -> None:
    """A child is told everything by its environment."""


def _up(args: argparse.Namespace) -> int:
    from workbench.stack import verbs

    return verbs.up(detach=args.detach, as_json=args.json)


def _down(args: argparse.Namespace) -> int:
    from workbench.stack import verbs

    return verbs.down(as_json=args.json)


def _status(args: argparse.Namespace) -> int:
    from workbench.stack import verbs

    return verbs.status(as_json=args.json)


def _doctor(args: argparse.Namespace) -> int:
    from workbench.stack import doctor

    return doctor.run(as_json=args.json)


def _lab(args: argparse.Namespace) -> int:
    from workbench.stack import lab

    return lab.run(args.path, browser=not args.no_browser, port=args.port, as_json=args.json)


def _serve(_args: argparse.Namespace) -> int:
    import asyncio

    from workbench.stack import compose
    from workbench.stack.settings import load_settings

    asyncio.run(compose.serve(load_settings()))
    return 0


def _work(_args: argparse.Namespace) -> int:
    import asyncio

    from workbench.stack.settings import load_settings
    from workbench.stack.work import work

    asyncio.run(work(load_settings()))
    return 0


def _vectors(_args: argparse.Namespace) -> int:
    from workbench.stack.settings import load_settings
    from workbench.vectors import owner

    settings = load_settings()
    return owner.main(settings.vectors_folder, settings.vectors_socket)


STACK_VERBS: tuple[StackVerb, ...] = (
    StackVerb("up", "start every part of the stack and watch it", _up_options, _up),
    StackVerb("down", "stop the stack, whoever started it", _json_option, _down),
    StackVerb("status", "the parts: state, process, address, restarts", _json_option, _status),
    StackVerb("doctor", "look at each part: found, version, what to do", _json_option, _doctor),
    StackVerb("lab", "JupyterLab with the stack running", _lab_options, _lab),
    StackVerb("serve", "the service process", _no_options, _serve, hidden=True),
    StackVerb("work", "the worker process", _no_options, _work, hidden=True),
    StackVerb("vectors", "the owner of the embedded vectors", _no_options, _vectors, hidden=True),
)
