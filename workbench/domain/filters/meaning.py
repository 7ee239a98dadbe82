"""What a filter means, on one payload. Engines must find exactly the rows for which this holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from workbench.domain.filters.tree import And, Condition, Filter, Not, Operator, Or
from workbench.domain.filters.values import is_number, moment, words


def matches(filter: Filter, row: Mapping[str, Any]) -> bool:
    """Whether ``row`` (a payload, JSON values) satisfies ``filter``."""
    match filter:
        case And(filters):
            return all(matches(f, row) for f in filters)
        case Or(filters):
            return any(matches(f, row) for f in filters)
        case Not(filters):
            return not any(matches(f, row) for f in filters)
        case Condition(field, operator, value):
            return _holds(operator, value, _lookup(row, field))


def _lookup(row: Mapping[str, Any], field: str) -> Any:
    value: Any = row
    for key in field.split("."):
        if not isinstance(value, Mapping):
            return None
        value = cast("Mapping[str, Any]", value).get(key)
    return value


def _holds(operator: Operator, value: Any, found: Any) -> bool:
    present = found is not None and found != []
    elements: list[Any] = found if isinstance(found, list) else [found] if present else []
    match operator:
        case Operator.EXISTS:
            return present == value
        case Operator.IS_NULL:
            return present != value
        case Operator.EQ:
            return any(_equal(e, value) for e in elements)
        case Operator.NE:
            return not any(_equal(e, value) for e in elements)
        case Operator.IN:
            return any(_equal(e, v) for e in elements for v in value)
        case Operator.NIN:
            return not any(_equal(e, v) for e in elements for v in value)
        case Operator.CONTAINS:
            return any(isinstance(e, str) and value in e for e in elements)
        case Operator.STARTS_WITH:
            return any(isinstance(e, str) and e.startswith(value) for e in elements)
        case Operator.TEXT:
            wanted = set(words(value))
            return bool(wanted) and any(
                isinstance(e, str) and wanted <= set(words(e)) for e in elements
            )
        case _:
            return any(_ordered(operator, e, value) for e in elements)


def _equal(element: Any, value: Any) -> bool:
    if is_number(element) and is_number(value):
        return element == value
    return type(element) is type(value) and element == value


def _ordered(operator: Operator, element: Any, value: Any) -> bool:
    left, right = element, value
    if isinstance(element, str) and isinstance(value, str):
        left, right = moment(element), moment(value)
        if left is None or right is None:
            return False
    elif not (is_number(element) and is_number(value)):
        return False
    match operator:
        case Operator.GT:
            return left > right
        case Operator.GTE:
            return left >= right
        case Operator.LT:
            return left < right
        case _:
            return left <= right
