"""The tree that a filter is, and what a condition may say."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn, cast

from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.filters.values import is_number, moment

Scalar = str | int | float | bool

#: Bounds on what a person may send: each condition costs the engine time, nesting costs stack.
MAX_DEPTH = 16
MAX_CONDITIONS = 256
MAX_VALUES = 1_000
MAX_TEXT = 65_536
#: Integers beyond this do not survive the engines' 64-bit floats.
MAX_INTEGER = 2**53 - 1


class Operator(StrEnum):
    EQ = "eq"
    NE = "ne"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    IN = "in"
    NIN = "nin"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    EXISTS = "exists"
    IS_NULL = "is_null"
    TEXT = "text"


ORDER = frozenset({Operator.GT, Operator.GTE, Operator.LT, Operator.LTE})
LISTS = frozenset({Operator.IN, Operator.NIN})
FLAGS = frozenset({Operator.EXISTS, Operator.IS_NULL})
STRINGS = frozenset({Operator.CONTAINS, Operator.STARTS_WITH, Operator.TEXT})


@dataclass(frozen=True)
class Condition:
    """``value`` is a tuple for ``in`` and ``nin``, a bool for ``exists`` and ``is_null``."""

    field: str
    operator: Operator
    value: Scalar | tuple[Scalar, ...]


@dataclass(frozen=True)
class And:
    filters: tuple[Filter, ...]


@dataclass(frozen=True)
class Or:
    filters: tuple[Filter, ...]


@dataclass(frozen=True)
class Not:
    """Holds when none of ``filters`` holds."""

    filters: tuple[Filter, ...]


Filter = Condition | And | Or | Not


def eq(field: str, value: Scalar) -> Condition:
    return Condition(field, Operator.EQ, value)


def any_of(field: str, values: tuple[Scalar, ...]) -> Condition:
    return Condition(field, Operator.IN, values)


def all_of(*filters: Filter | None) -> Filter | None:
    """The conjunction of those that are given; None when there are none."""
    present = tuple(f for f in filters if f is not None)
    if not present:
        return None
    return present[0] if len(present) == 1 else And(present)


FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z_][A-Za-z0-9_-]*)*")


class Problem(Exception):
    """Why a condition is refused; the parsers add where."""


def condition(field: object, operator: Operator, value: object) -> Condition:
    """A condition that every engine can be asked. Raises ``Problem``."""
    if not (isinstance(field, str) and len(field) <= 128 and FIELD.fullmatch(field)):
        raise Problem(f"{field!r} is no field name")
    if operator in LISTS:
        if not isinstance(value, list | tuple):
            raise Problem(f"{operator} takes a list of values")
        values = tuple(cast("list[object]", value))
        if len(values) > MAX_VALUES:
            raise Problem(f"more than {MAX_VALUES} values in one list")
        return Condition(field, operator, tuple(_scalar(v) for v in values))
    if operator in FLAGS:
        if not isinstance(value, bool):
            raise Problem(f"{operator} takes true or false")
        return Condition(field, operator, value)
    scalar = _scalar(value)
    if operator in STRINGS and not (isinstance(scalar, str) and scalar):
        raise Problem(f"{operator} takes a text")
    date = isinstance(scalar, str) and moment(scalar) is not None
    if operator in ORDER and not (is_number(scalar) or date):
        raise Problem(f"{scalar!r} has no order: compare with a number or a date (2026-01-31)")
    return Condition(field, operator, scalar)


def _scalar(value: object) -> Scalar:
    match value:
        case bool():
            return value
        case int() if abs(value) > MAX_INTEGER:
            raise Problem("the number is too large")
        case float() if not math.isfinite(value):
            raise Problem(f"{value} is not a number to compare with")
        case str() if any("\ud800" <= c <= "\udfff" for c in value):
            raise Problem("the text holds half a character (a lone surrogate)")
        case int() | float() | str():
            return value
        case None:
            raise Problem("null is no value: use the operator is_null")
        case _:
            raise Problem("a value is a text, a number, true or false")


def refuse(where: str, why: str, details: Mapping[str, Any], hint: str | None = None) -> NoReturn:
    raise WorkbenchError(
        Code.INVALID_FILTER, f"cannot read the filter at {where}: {why}", hint, details
    )
