"""The filter language as SQL, over the fields that a list allows.

A filter finds the rows for which ``filters.matches`` holds; where it could never hold (an unknown
field, a text compared with a number) it is refused instead of finding nothing. Conditions have two
values, never SQL's third: on an absent field ``ne`` and ``nin`` hold. Text is compared exactly,
case included, the same in SQLite and PostgreSQL. Times are given as ISO 8601 (UTC where no zone is
named) or as UTC milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.filters import And, Condition, Filter, Not, Operator, Or, Scalar
from workbench.domain.filters.values import moment

Kind = Literal["text", "integer", "time", "bool"]
Clause = sa.ColumnElement[bool]

#: What an absent value counts as in an order: less than every real one.
FIELD_FLOOR: Mapping[Kind, Any] = {"text": "", "integer": -(2**62), "time": -(2**62), "bool": False}
_LARGEST = 2**63
_ORDERED = ("integer", "time")


@dataclass(frozen=True)
class Field:
    column: sa.ColumnElement[Any]
    kind: Kind = "text"
    nullable: bool = False


def condition(expression: Filter, fields: Mapping[str, Field]) -> Clause:
    """``expression`` as a SQL condition. Raises ``invalid_filter``."""
    if isinstance(expression, Condition):
        return _compare(expression, fields)
    parts = [condition(part, fields) for part in expression.filters]
    match expression:
        case And():
            return sa.and_(sa.true(), *parts)
        case Or():
            return sa.or_(sa.false(), *parts)
        case Not():
            return sa.not_(sa.or_(sa.false(), *parts))


def checked(kind: Kind, value: Any) -> Any:
    """``value`` as a field of ``kind`` keeps it. Raises ValueError for what cannot be one."""
    match kind:
        case "text" if isinstance(value, str):
            value.encode()  # refuses lone surrogates, which no database takes
            if "\0" not in value:
                return value
        case "bool" if isinstance(value, bool):
            return value
        case "integer" | "time" if isinstance(value, int | float) and not isinstance(value, bool):
            if -_LARGEST <= value < _LARGEST:  # false for NaN too
                return value
        case "time" if isinstance(value, str):
            instant = moment(value)
            if instant is not None:
                return round(instant.timestamp() * 1000)
        case _:
            pass
    raise ValueError(f"{value!r} is no {kind}")


def _compare(part: Condition, fields: Mapping[str, Field]) -> Clause:
    field = fields.get(part.field)
    if field is None:
        known = ", ".join(sorted(fields))
        raise _invalid(part, f"there is no field {part.field!r} to filter by", f"fields: {known}")
    column, operator = field.column, part.operator
    if operator in (Operator.EXISTS, Operator.IS_NULL):
        if not isinstance(part.value, bool):
            raise _invalid(part, f"{operator} takes true or false")
        absent = part.value is (operator is Operator.IS_NULL)
        return column.is_(None) if absent else column.is_not(None)
    if operator in (Operator.IN, Operator.NIN):
        chosen = column.in_([_value(part, field, one) for one in _several(part)])
        return _sure(chosen, field) if operator is Operator.IN else sa.not_(_sure(chosen, field))
    value = _value(part, field, part.value)
    match operator:
        case Operator.NE:
            return column.is_distinct_from(value)
        case Operator.EQ:
            clause = column == value
        case Operator.GT if field.kind in _ORDERED:
            clause = column > value
        case Operator.GTE if field.kind in _ORDERED:
            clause = column >= value
        case Operator.LT if field.kind in _ORDERED:
            clause = column < value
        case Operator.LTE if field.kind in _ORDERED:
            clause = column <= value
        case Operator.STARTS_WITH if field.kind == "text":
            clause = sa.func.substr(column, 1, len(value)) == value
        case Operator.CONTAINS if field.kind == "text":
            # the one test of a part that is exact in case in every SQL
            clause = sa.func.replace(column, value, "") != column
        case _:
            raise _invalid(part, f"{operator} does not go with the field {part.field!r}")
    return _sure(clause, field)


def _several(part: Condition) -> tuple[Scalar, ...]:
    if not isinstance(part.value, tuple):
        raise _invalid(part, f"{part.operator} takes a list of values")
    return part.value


def _value(part: Condition, field: Field, value: Scalar | tuple[Scalar, ...]) -> Any:
    try:
        return checked(field.kind, value)
    except (ValueError, OverflowError) as problem:
        message = f"{part.field!r} is compared with a {field.kind}"
        raise _invalid(part, message) from problem


def _sure(clause: Clause, field: Field) -> Clause:
    """False where the field is absent, instead of unknown."""
    return sa.func.coalesce(clause, sa.false()) if field.nullable else clause


def _invalid(part: Condition, message: str, hint: str | None = None) -> WorkbenchError:
    return WorkbenchError(Code.INVALID_FILTER, message, hint, {"field": part.field})
