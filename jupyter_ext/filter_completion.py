"""Completion inside ``--filter``: names of fields, operators, and the values that a field can have.

The expression that is being typed is cut into tokens as the filter language cuts it. What stands
before the last, unfinished one says what may come: a field at the beginning, after ``and``, ``or``,
``not`` and ``(``; an operator after a field; a value after an operator; a connective after a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from workbench.domain.filters.lexer import LexError, Token, tokens

_OPEN: Final = re.compile(r"""[^\s"'=!<>~(),]*\Z""")
_OPERATORS: Final = ("=", "!=", ">", ">=", "<", "<=", "in (", "contains", "starts with")
_SIGNS: Final = ("=", "!=", ">", ">=", "<", "<=")
_WORDS: Final = ("contains", "with", "in")
_CONNECT: Final = ("and", "or")
_PLAIN: Final = re.compile(r"""[^\s"'=!<>~(),]+""")


@dataclass(frozen=True)
class Offer:
    """What could stand in the place of ``piece``, the end of what is typed."""

    piece: str
    texts: Sequence[str]
    kind: str


def offer(typed: str, fields: Sequence[str], values: Callable[[str], Sequence[str]]) -> Offer:
    """``typed`` is the argument up to the cursor, perhaps with the quote that a shell needs."""
    outer = typed[:1] if typed[:1] in ("'", '"') else ""
    body = typed[len(outer) :]
    before, piece = _parted(body)
    place, field = _place(before, fields)
    if place == "value":
        quote = "'" if outer == '"' else '"'
        bare = piece.lstrip("\"'")
        found = [v for v in values(field) if v.casefold().startswith(bare.casefold())]
        return Offer(piece, [_quoted(v, quote, bool(outer)) for v in found], "value")
    wanted = {"field": [*fields, "not"], "operator": _OPERATORS, "connective": _CONNECT}[place]
    found = [text for text in wanted if text.casefold().startswith(piece.casefold())]
    return Offer(piece, found, place)


def _parted(body: str) -> tuple[str, str]:
    """What is complete, and the piece that is being typed. A text in quotes that is not closed is
    one piece."""
    try:
        list(tokens(body))
    except LexError as error:
        opened = error.position
        return (body[:opened], body[opened:]) if body[opened] in "\"'" else (body, "")
    piece = _OPEN.search(body)
    start = piece.start() if piece else len(body)
    return body[:start], body[start:]


def _place(before: str, fields: Sequence[str]) -> tuple[str, str]:
    """What may come after ``before``, and the field that it is about."""
    try:
        found = [token for token in tokens(before) if token.kind != "end"]
    except LexError:
        return "field", ""
    if not found or found[-1].is_word("and", "or", "not"):
        return "field", ""
    last = found[-1]
    inside = _list_of(found)
    if inside is not None and last.kind == "sign" and last.text in ("(", ","):
        return "value", inside
    if last.kind == "sign" and last.text == "(":
        return "field", ""
    if last.kind == "sign" and last.text in _SIGNS:
        return "value", _word(found, -2)
    if last.is_word(*_WORDS) and len(found) > 1:
        return "value", _word(found, -3 if last.is_word("with") else -2)
    if last.kind == "word" and last.text in fields and _begins(found[:-1]):
        return "operator", last.text
    return "connective", ""


def _begins(found: Sequence[Token]) -> bool:
    return not found or found[-1].is_word("and", "or", "not") or found[-1].text == "("


def _list_of(found: Sequence[Token]) -> str | None:
    """The field before ``in (`` where that is not closed."""
    for place in range(len(found) - 1, 0, -1):
        if found[place].kind == "sign" and found[place].text == ")":
            return None
        if found[place].text == "(" and found[place - 1].is_word("in"):
            return _word(found, place - 2)
    return None


def _word(found: Sequence[Token], place: int) -> str:
    return found[place].text if -len(found) <= place < len(found) else ""


def _quoted(value: str, quote: str, inside: bool) -> str:
    """As the language takes it. Without a shell's quotes around it, only plain words fit."""
    if _PLAIN.fullmatch(value) and not inside:
        return value
    return f"{quote}{value}{quote}"
