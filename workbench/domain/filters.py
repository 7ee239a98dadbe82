"""The one filter language: an expression tree with a JSON form and a short text form.

JSON: ``{"AND": [...]}``, ``{"OR": [...]}``, ``{"NOT": [...]}`` (none of them holds) of
``{"field", "operator", "value"}``. Text: ``page > 3 and mime = "application/pdf"``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

Scalar = str | int | float | bool


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
