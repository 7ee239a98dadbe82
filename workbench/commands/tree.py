"""The tree of verbs: one list, from which the shell and the magics take parser, help and names."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import Any, cast

from workbench.commands import delete, explain, ingest, nouns, reindex, search, sql, tasks
from workbench.commands.base import Verb
from workbench.commands.parser import Parser, unknown_verb

VERBS: tuple[Verb, ...] = (
    ingest.INGEST,
    search.SEARCH,
    tasks.TASKS,
    tasks.WAIT,
    tasks.PAUSE,
    tasks.RESUME,
    tasks.CANCEL,
    tasks.RETRY,
    tasks.FAILURES,
    nouns.BUCKETS,
    nouns.COLLECTIONS,
    nouns.OBJECTS,
    nouns.DOCUMENTS,
    nouns.EXTRACTORS,
    explain.EXPLAIN,
    reindex.REINDEX,
    delete.DELETE,
    sql.SQL,
    sql.TELEMETRY,
)


def find_verb(name: str) -> Verb | None:
    return next((verb for verb in VERBS if verb.name == name), None)


def verb_parser(verb: Verb, prog: str, *, shell: bool = False) -> Parser:
    """The parser of one verb's arguments; ``prog`` is how it was called (``mixpeek tasks``)."""
    parser = Parser(prog=prog, description=verb.help)
    configure(parser, verb, shell=shell)
    return parser


def configure(parser: argparse.ArgumentParser, verb: Verb, *, shell: bool) -> None:
    """What the verb takes and what every verb takes. Parsed arguments hold the verb as ``verb``
    and always have ``json``, which only a shell offers."""
    verb.configure(parser)
    parser.add_argument("--namespace", metavar="NAME", help="the namespace to work in")
    if shell:
        parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(verb=verb, **({} if shell else {"json": False}))


def listing(title: str, verbs: Iterable[tuple[str, str]]) -> str:
    """Names and what they do, for help."""
    return "\n".join([f"{title}:", *(f"  {name:<12} {text}" for name, text in verbs), ""])


class _Tree(Parser):
    """The whole tree in one parser. A verb that does not exist is answered with the nearest."""

    def format_help(self) -> str:
        verbs = listing("Media, search and tasks", [(verb.name, verb.help) for verb in VERBS])
        about = f"`{self.prog} VERB --help` says what a verb takes."
        return f"usage: {self.prog} VERB …\n\n{verbs}\n{about}\n"

    def parse_known_args(
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        first = args[0] if args else ""
        if first and not first.startswith("-") and find_verb(first) is None:
            raise unknown_verb(self.prog, first, (verb.name for verb in VERBS))
        return super().parse_known_args(args, namespace)


def build_parser(prog: str) -> Parser:
    """The parser of a whole line, e.g. of ``%mixpeek`` in a notebook: ``parse_args`` gives the
    arguments with ``verb``. Raises ``WrongUse`` and ``HelpRequested``."""
    tree = _Tree(prog=prog)
    subparsers: Any = tree.add_subparsers(metavar="VERB", required=True, parser_class=Parser)
    for verb in VERBS:
        parser = cast(
            Parser, subparsers.add_parser(verb.name, help=verb.help, description=verb.help)
        )
        configure(parser, verb, shell=False)
    return tree
