"""The short text form of filters: a recursive descent parser that points at what it refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NoReturn

from workbench.domain.filters.lexer import LexError, Token, tokens
from workbench.domain.filters.tree import (
    FIELD,
    MAX_CONDITIONS,
    MAX_DEPTH,
    MAX_TEXT,
    And,
    Condition,
    Filter,
    Not,
    Operator,
    Or,
    Problem,
    Scalar,
    condition,
    refuse,
)

_SIGNS: Mapping[str, Operator] = {
    "=": Operator.EQ,
    "!=": Operator.NE,
    ">": Operator.GT,
    ">=": Operator.GTE,
    "<": Operator.LT,
    "<=": Operator.LTE,
    "~": Operator.TEXT,
}
_KEYWORDS = {"and", "or", "not", "in", "contains", "starts", "with", "exists", "is", "null"}
_LITERALS = {"true", "false"}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def parse_text(text: str) -> Filter:
    """A filter from its short text form. Raises ``WorkbenchError`` with the position.

    ``or`` binds weakest, then ``and``, then ``not``. Conditions: ``page > 3``,
    ``mime = image/png``, ``labels in (cat, dog)``, ``x not in (1, 2)``, ``name contains "a b"``,
    ``name starts with img``, ``page exists``, ``page is null``, ``page is not null``,
    ``text ~ "red dog"``.
    """
    return _TextParser(text).parse()


class _TextParser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0
        self.conditions = 0
        if len(text) > MAX_TEXT:
            self.refuse(Token("end", "", MAX_TEXT, 0), f"it is longer than {MAX_TEXT} characters")
        try:
            self.tokens = list(tokens(text))
        except LexError as error:
            self.refuse(Token("end", "", error.position, 0), str(error))

    def parse(self) -> Filter:
        found = self.disjunction()
        if self.peek.kind != "end":
            self.refuse(
                self.peek, "and, or, or the end is expected", "put values with spaces in quotes"
            )
        return found

    @property
    def peek(self) -> Token:
        return self.tokens[self.at]

    def take(self) -> Token:
        token = self.peek
        self.at += token.kind != "end"
        return token

    def accept(self, *keywords: str) -> bool:
        found = self.peek.is_word(*keywords)
        self.at += found
        return found

    def sign(self, sign: str) -> bool:
        found = self.peek.kind == "sign" and self.peek.text == sign
        self.at += found
        return found

    def disjunction(self) -> Filter:
        parts = [self.conjunction()]
        while self.accept("or"):
            parts.append(self.conjunction())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def conjunction(self) -> Filter:
        parts = [self.negation()]
        while self.accept("and"):
            parts.append(self.negation())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def negation(self) -> Filter:
        token = self.peek
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.refuse(token, f"it is nested more than {MAX_DEPTH} deep")
        if self.accept("not"):
            found: Filter = Not((self.negation(),))
        elif self.sign("("):
            found = self.disjunction()
            if not self.sign(")"):
                self.refuse(self.peek, "a closing ) is expected")
        else:
            found = self.condition()
        self.depth -= 1
        return found

    def condition(self) -> Condition:
        field = self.take()
        if field.kind not in ("word", "string") or field.is_word(*_KEYWORDS):
            self.refuse(field, "a field is expected")
        self.conditions += 1
        if self.conditions > MAX_CONDITIONS:
            self.refuse(field, f"it has more than {MAX_CONDITIONS} conditions")
        if not FIELD.fullmatch(field.text):
            self.refuse(field, f"{field.text!r} is no field name")
        operator, value = self.comparison()
        try:
            return condition(field.text, operator, value)
        except Problem as problem:
            self.refuse(self.tokens[self.at - 1], str(problem))

    def comparison(self) -> tuple[Operator, object]:
        token = self.take()
        if token.kind == "sign" and token.text in _SIGNS:
            return _SIGNS[token.text], self.value()
        if token.is_word("in"):
            return Operator.IN, self.values()
        if token.is_word("not") and self.accept("in"):
            return Operator.NIN, self.values()
        if token.is_word("contains"):
            return Operator.CONTAINS, self.string()
        if token.is_word("starts") and self.accept("with"):
            return Operator.STARTS_WITH, self.string()
        if token.is_word("exists"):
            return Operator.EXISTS, True
        if token.is_word("is"):
            wanted = not self.accept("not")
            if self.accept("null"):
                return Operator.IS_NULL, wanted
        known = "one of = != > >= < <= ~, in, not in, contains, starts with, exists, is null"
        return self.refuse(token, "an operator is expected", known)

    def values(self) -> list[Scalar]:
        if not self.sign("("):
            self.refuse(self.peek, "a list is expected", "for example: labels in (cat, dog)")
        found = [self.value()]
        while self.sign(","):
            found.append(self.value())
        if not self.sign(")"):
            self.refuse(self.peek, "a comma or a closing ) is expected")
        return found

    def string(self) -> str:
        token = self.take()
        if token.kind not in ("word", "string"):
            self.refuse(token, "a text is expected")
        return token.text

    def value(self) -> Scalar:
        token = self.take()
        if token.kind == "string":
            return token.text
        if token.kind != "word":
            self.refuse(token, "a value is expected")
        if token.is_word(*_LITERALS):
            return token.text.lower() == "true"
        if token.is_word(*_KEYWORDS):
            self.refuse(token, f"{token.text!r} is a word of the language: put it in quotes")
        number = _NUMBER.fullmatch(token.text)
        if number is None:
            return token.text
        if number[1] or number[2]:
            return float(token.text)
        # Python refuses to read very long integers; the first digits say enough: too large.
        return int(token.text[:400])

    def refuse(self, token: Token, why: str, hint: str | None = None) -> NoReturn:
        near = self.text[token.position : token.position + max(token.length, 1)][:40]
        where = f"column {token.position + 1}" + (f" ({near})" if near else "")
        refuse(where, why, {"position": token.position}, hint)
