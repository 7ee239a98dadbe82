"""Argument parsers that raise instead of ending the process, for shell and magics alike.

Wrong use is ``WrongUse``: what is wrong in one line, what to type in the other. ``--help`` raises
``HelpRequested`` with the text.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from workbench.domain.errors import Code, WorkbenchError


class WrongUse(WorkbenchError):
    """A verb, an option or a value that does not exist or does not fit."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(Code.INVALID, message, hint)


class HelpRequested(Exception):
    """Not an error: ``text`` is the help that was asked for."""

    def __init__(self, text: str) -> None:
        super().__init__("help was asked for")
        self.text = text


class _Help(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> NoReturn:
        raise HelpRequested(parser.format_help())


class _Wide(argparse.HelpFormatter):
    """Leaves room for the longest option beside its help."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32)


class Parser(argparse.ArgumentParser):
    """Options are never abbreviated, so that a new one cannot change what a script means."""

    def __init__(self, prog: str | None = None, description: str | None = None) -> None:
        super().__init__(
            prog,
            description=description,
            formatter_class=_Wide,
            add_help=False,
            allow_abbrev=False,
        )
        self.add_argument("-h", "--help", action=_Help, nargs=0, help="show this help")

    def parse_known_args(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Unknown options are refused here, by the parser of the verb they were given to."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            raise self._unknown(unknown)
        return found, unknown

    def error(self, message: str) -> NoReturn:
        raise WrongUse(f"{self.prog}: {message}", f"`{self.prog} --help` lists what it takes")

    def _unknown(self, unknown: Sequence[str]) -> WrongUse:
        known = [name for action in self._actions for name in action.option_strings]
        first = unknown[0].partition("=")[0]
        near = nearest(first, known) if first.startswith("-") else None
        what = "there is no option" if first.startswith("-") else "too many arguments:"
        hint = f"did you mean {near}? " if near else ""
        return WrongUse(
            f"{self.prog}: {what} {' '.join(unknown)}",
            f"{hint}`{self.prog} --help` lists what it takes",
        )


def unknown_verb(prog: str, name: str, known: Iterable[str]) -> WrongUse:
    near = nearest(name, known)
    hint = f"did you mean {near}? " if near else ""
    return WrongUse(f"{prog} has no verb {name!r}", f"{hint}`{prog} --help` lists all")


def nearest(word: str, known: Iterable[str]) -> str | None:
    import difflib  # only where something was mistyped

    found = difflib.get_close_matches(word, list(known), n=1)
    return found[0] if found else None


def positive(text: str) -> int:
    """The type of options that count something."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("it must be 1 or more")
    return value


def positive_up_to(limit: int) -> Any:
    """``positive`` with an upper end."""

    def parse(text: str) -> int:
        value = int(text)
        if not 1 <= value <= limit:
            raise argparse.ArgumentTypeError(f"it must be from 1 to {limit:,}")
        return value

    parse.__name__ = "int"  # argparse names the type in its message
    return parse
