"""Completion inside ``%mixpeek``, ``%%search`` and ``%%telemetry``, in the kernel: it works in
every front end.

Verbs, options and choices come from the command tree, names from the service. One matcher of
IPython's second kind, which may ask for silence of the others: with the older hook Python's own
names were mixed in. Outside our lines it says nothing.
"""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from jupyter_ext import filter_completion, frames, stack
from jupyter_ext.catalogue import Catalogue
from jupyter_ext.desk import PROG
from workbench.commands.tree import VERBS, find_verb, verb_parser

_LINE: Final = re.compile(r"\s*(?:[A-Za-z_][\w.]*\s*=\s*)?%mixpeek\s+(.*)", re.DOTALL)
_CELL: Final = re.compile(r"\s*%%(search|telemetry)(?:\s+[A-Za-z_]\w*\s*<<)?\s+(.*)", re.DOTALL)
_SQL_WORD: Final = re.compile(r"[A-Za-z_][\w.]*$|$")
_FROM: Final = re.compile(
    r"\b(?:from|join)\s+([a-z_]\w*)"
    r"(?:\s+(?:as\s+)?(?!(?:where|group|order|having|limit|on|using|join|left|right|full|inner|"
    r"cross|natural|asof|union|except|intersect|qualify|window)\b)([a-z_]\w*))?",
    re.I,
)
_AFTER_FROM: Final = re.compile(r"\b(?:from|join)\s+[\w.]*$|\bfrom\b[^()]*,\s*[\w.]*$", re.I)

#: What an argument names, by its place in the parsed arguments.
_NAMES: Final[Mapping[str, str]] = {
    "bucket": "buckets",
    "collection": "collections",
    "task_id": "tasks",
    "namespace": "namespaces",
    "settings": "settings",
    "extractors": "extractors",
    "kind": "kinds",
}
_NAME_OF_VERB: Final[Mapping[str, str]] = {"objects": "buckets", "documents": "collections"}
_NAME_OF_NOUN: Final[Mapping[str, str]] = {"bucket": "buckets", "collection": "collections"}
_FILES: Final = frozenset({"source", "like"})
_COMMAS: Final = frozenset({"extractors", "kind"})


class Context(Protocol):
    """What is used of IPython's ``CompletionContext``."""

    full_text: str
    cursor_line: int

    @property
    def text_until_cursor(self) -> str: ...


@dataclass(frozen=True)
class Found:
    """Completions of ``fragment``, the end of the line up to the cursor."""

    fragment: str
    texts: Sequence[str]
    kind: str


def matcher(catalogue: Catalogue, namespace: Mapping[str, Any]) -> Callable[[Context], Any]:
    """A matcher for ``Completer.custom_matchers``."""
    from IPython.core.completer import SimpleCompletion, context_matcher

    def mixpeek_matcher(context: Context) -> dict[str, Any]:
        found = complete(context, catalogue, namespace)
        if found is None:
            return {"completions": [], "suppress": False}
        return {
            "completions": [SimpleCompletion(text, type=found.kind) for text in found.texts],
            "matched_fragment": found.fragment,
            "suppress": True,
            "ordered": True,
        }

    return context_matcher(identifier="mixpeek")(mixpeek_matcher)  # pyright: ignore


def complete(context: Context, catalogue: Catalogue, namespace: Mapping[str, Any]) -> Found | None:
    """None where the line is none of ours."""
    line = context.text_until_cursor
    lines = context.full_text.split("\n")
    first = next((i for i, text in enumerate(lines) if text.strip()), 0)
    cell = _CELL.match(lines[first] + " ")
    if cell and context.cursor_line > first:
        if cell[1] == "search":
            return None
        before = "\n".join([*lines[first + 1 : context.cursor_line], line])
        after = "\n".join(lines[context.cursor_line :])
        return _sql(before, before + after[len(line) :], catalogue, namespace)
    if context.cursor_line == first and (here := _CELL.match(line)):
        verb = "search" if here[1] == "search" else "sql"
        return _arguments(verb, *_split(here[2]), catalogue)
    if here := _LINE.match(line):
        rest = lines[context.cursor_line][len(line) :]
        return _line(*_split(here[1]), rest, catalogue, namespace)
    return None


def _split(text: str) -> tuple[list[str], str]:
    """Whole words, and the piece that is being typed, as it stands."""
    start, quote, i = 0, "", 0
    words: list[str] = []
    while i < len(text):
        character = text[i]
        if character == "\\" and quote != "'":
            i += 1
        elif quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character.isspace():
            words += _unquoted(text[start:i])
            start = i + 1
        i += 1
    return words, text[start:]


def _unquoted(word: str) -> list[str]:
    try:
        return shlex.split(word)
    except ValueError:
        return [word]


def _line(
    words: list[str],
    fragment: str,
    rest: str,
    catalogue: Catalogue,
    namespace: Mapping[str, Any],
) -> Found | None:
    if not words:
        verbs = [*(verb.name for verb in VERBS), *stack.VERBS]
        return _starting(fragment, [*verbs, "--help"], "verb")
    verb = words[0]
    if verb in ("sql", "telemetry") and not fragment.startswith("-"):
        return _sql(fragment, fragment + rest, catalogue, namespace)
    return _arguments(verb, words[1:], fragment, catalogue)


def _arguments(name: str, words: list[str], fragment: str, catalogue: Catalogue) -> Found | None:
    verb = find_verb(name)
    if verb is None:
        return None
    actions = _actions(verb_parser(verb, f"{PROG} {name}"))
    options = {text: action for action in actions for text in action.option_strings}
    last = options.get(words[-1]) if words else None
    if last is not None and _takes_value(last):
        return _values(last, name, words, fragment, catalogue)
    if fragment.startswith("-"):
        option, equals, value = fragment.partition("=")
        if equals and option in options:
            return _values(options[option], name, words, value, catalogue)
        return _starting(fragment, _offered(actions, words), "option")
    given = _positionals(words, options)
    places = [action for action in actions if not action.option_strings]
    if len(given) < len(places):
        found = _values(places[len(given)], name, given, fragment, catalogue)
        if found is not None or fragment:
            return found
    return _starting(fragment, _offered(actions, words), "option")


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return parser._actions  # pyright: ignore[reportPrivateUsage] (argparse shows them nowhere else)


def _takes_value(action: argparse.Action) -> bool:
    return bool(action.option_strings) and action.nargs != 0


def _offered(actions: Iterable[argparse.Action], words: Sequence[str]) -> list[str]:
    """Long options that may still be given: those for lists again, others once."""
    return [
        action.option_strings[-1]
        for action in actions
        if action.option_strings
        and (isinstance(action.default, list) or not {*action.option_strings} & {*words})
    ]


def _positionals(words: Sequence[str], options: Mapping[str, argparse.Action]) -> list[str]:
    found: list[str] = []
    skip = False
    for word in words:
        action = options.get(word)
        if not skip and action is None and not word.startswith("-"):
            found.append(word)
        skip = action is not None and _takes_value(action)
    return found


def _values(
    action: argparse.Action, verb: str, given: Sequence[str], fragment: str, catalogue: Catalogue
) -> Found | None:
    if action.choices is not None:
        return _starting(fragment, map(str, action.choices), "choice")
    if action.dest in _FILES:
        return _files(fragment)
    if action.dest == "filter":
        return _filter(verb, fragment, catalogue)
    kind = _NAMES.get(action.dest)
    if action.dest == "name":
        kind = _NAME_OF_VERB.get(verb) or _NAME_OF_NOUN.get(given[-1] if given else "")
    if kind is None:
        return None
    piece = fragment.rpartition(",")[2] if action.dest in _COMMAS else fragment
    return _starting(piece, catalogue.names(kind), "name")


def _filter(verb: str, fragment: str, catalogue: Catalogue) -> Found:
    """Of a search the fields of documents, of the other verbs those of failures."""
    noun = "fields" if verb == "search" else "failure fields"

    def values(field: str) -> list[str]:
        return catalogue.names(f"{noun}: {field}")

    found = filter_completion.offer(fragment, catalogue.names(noun), values)
    return Found(found.piece, found.texts, found.kind)


def _starting(fragment: str, texts: Iterable[str], kind: str) -> Found:
    folded = fragment.casefold()
    return Found(fragment, [t for t in texts if t.casefold().startswith(folded)], kind)


def _files(fragment: str) -> Found | None:
    """Paths as a line takes them, blanks escaped. A quoted beginning is left alone."""
    if fragment[:1] in ("'", '"'):
        return None
    typed = "".join(_unquoted(fragment))
    start = typed.rpartition("/")[2]
    head = typed[: len(typed) - len(start)]
    try:
        inside = sorted(Path(head or ".").expanduser().iterdir())[:2000]
    except (OSError, RuntimeError):
        return None
    texts = [
        _escaped(head + path.name) + ("/" if path.is_dir() else "")
        for path in inside
        if path.name.startswith(start) and (start or not path.name.startswith("."))
    ]
    return Found(fragment, texts, "path")


def _escaped(path: str) -> str:
    return re.sub(r"([^\w@%+=:,./~-])", r"\\\1", path)


def _sql(
    before: str, whole: str, catalogue: Catalogue, namespace: Mapping[str, Any]
) -> Found | None:
    """Tables after FROM and JOIN; columns of the tables that the statement names elsewhere."""
    tables = catalogue.tables()
    fragment = _SQL_WORD.search(before)[0]  # pyright: ignore[reportOptionalSubscript]
    named = {(alias or table).lower(): table.lower() for table, alias in _FROM.findall(whole)}
    owner, dot, _ = fragment.rpartition(".")
    if dot:
        table = named.get(owner.lower(), owner.lower())
        return _starting(fragment, [f"{owner}.{c}" for c in tables.get(table, [])], "column")
    if _AFTER_FROM.search(before):
        return _starting(fragment, [*tables, *frames.names(namespace)], "table")
    chosen = [t for t in tables if t in named.values()] or list(tables)
    columns = dict.fromkeys(column for table in chosen for column in tables[table])
    return _starting(fragment, [*columns, *tables], "column")
