"""Tokens of the filter language's short text form.

A text is cut into words, quoted strings, operators and ``( ) ,``. Every token keeps its position,
so that an error can point at it. A bare word is anything without spaces, quotes, brackets, commas
and operator signs: ``application/pdf`` and ``2026-01-31`` need no quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["word", "string", "sign", "end"]

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<sign>!=|>=|<=|==|[=><~(),])
      | (?P<word>[^\s"'=!<>~(),]+)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class LexError(Exception):
    """A character that begins no token. ``position`` counts from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


@dataclass(frozen=True)
class Token:
    """``text`` is what a string says, without its quotes; ``length`` is what was typed."""

    kind: Kind
    text: str
    position: int
    length: int

    def is_word(self, *keywords: str) -> bool:
        return self.kind == "word" and self.text.lower() in keywords


def tokens(text: str) -> Iterator[Token]:
    """The tokens of ``text``, closed by one of kind ``end``. Raises ``LexError``."""
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            if text[at] in "\"'":
                raise LexError("a quoted text is not closed", at)
            raise LexError(f"the character {text[at]!r} has no meaning here", at)
        typed = found.group()
        match found.lastgroup:
            case "string":
                yield Token("string", _ESCAPE.sub(r"\1", typed[1:-1]), at, len(typed))
            case "sign":
                yield Token("sign", "=" if typed == "==" else typed, at, len(typed))
            case "word":
                yield Token("word", typed, at, len(typed))
            case _:
                pass
        at = found.end()
    yield Token("end", "", len(text), 0)
