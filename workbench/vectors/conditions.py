"""The product's filters in Qdrant's own words: one translation for the embedded engine and the
server, so that both find the same points.

The result is the JSON of Qdrant's REST filters (``must``, ``should``, ``must_not`` of conditions).
Numbers are always asked as ranges, because ``match`` would tell 3 from 3.0. A condition that
nothing satisfies becomes an empty id list, which every engine answers with nothing.

Indexes change what the engine finds: under an index of numbers or dates only values of its type are
found, and numbers and dates are compared with each other, as microseconds. ``fitting`` takes the
second away; the first is left to who declares an index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.domain.filters import And, Condition, Filter, Not, Operator, Or, Scalar
from workbench.domain.filters.values import is_number, moment, words

Clause = dict[str, Any]

_NOTHING: Clause = {"has_id": []}
_NUMBERS, _DATES = ("integer", "float"), ("datetime",)
_RANGES = {Operator.GT: "gt", Operator.GTE: "gte", Operator.LT: "lt", Operator.LTE: "lte"}


def to_engine(where: Filter | None) -> Clause | None:
    """The engine's filter object; None asks for every point."""
    if where is None:
        return None
    clause = _clause(where)
    return clause if _is_group(clause) else {"must": [clause]}


def fitting(clause: Clause, indexes: Mapping[str, str]) -> Clause:
    """``clause`` for a space with these index types: a range of dates finds nothing in numbers, nor
    one of numbers in dates."""
    if _is_group(clause):
        return {group: [fitting(c, indexes) for c in parts] for group, parts in clause.items()}
    if "range" not in clause:
        return clause
    dates = any(isinstance(bound, str) for bound in clause["range"].values())
    other = _NUMBERS if dates else _DATES
    return _NOTHING if indexes.get(clause["key"]) in other else clause


def _is_group(clause: Clause) -> bool:
    return not clause.keys().isdisjoint(("must", "should", "must_not"))


def _clause(where: Filter) -> Clause:
    match where:
        case And(filters):
            return {"must": [_clause(f) for f in filters]}
        case Or(filters):
            return _any([_clause(f) for f in filters])
        case Not(filters):
            return {"must_not": [_clause(f) for f in filters]}
        case Condition(field, operator, value):
            return _condition(field, operator, value)


def _any(clauses: Sequence[Clause]) -> Clause:
    if not clauses:
        return _NOTHING
    return clauses[0] if len(clauses) == 1 else {"should": list(clauses)}


def _condition(field: str, operator: Operator, value: Any) -> Clause:
    match operator:
        case Operator.EQ:
            return _equal(field, [value])
        case Operator.NE:
            return {"must_not": [_equal(field, [value])]}
        case Operator.IN:
            return _equal(field, value)
        case Operator.NIN:
            return {"must_not": [_equal(field, value)]}
        case Operator.CONTAINS:
            return {"key": field, "match": {"substring": value}}
        case Operator.STARTS_WITH:
            return {"key": field, "match": {"prefix": value}}
        case Operator.TEXT:
            wanted = " ".join(words(value))
            return {"key": field, "match": {"text": wanted}} if wanted else _NOTHING
        case Operator.EXISTS | Operator.IS_NULL:
            empty: Clause = {"is_empty": {"key": field}}
            return empty if (operator is Operator.IS_NULL) == value else {"must_not": [empty]}
        case _:
            return _ordered(field, _RANGES[operator], value)


def _equal(field: str, values: Sequence[Scalar]) -> Clause:
    texts = [v for v in values if isinstance(v, str)]
    clauses: list[Clause] = []
    if len(texts) == 1:
        clauses.append({"key": field, "match": {"value": texts[0]}})
    elif texts:
        clauses.append({"key": field, "match": {"any": texts}})
    for value in values:
        if isinstance(value, bool):
            clauses.append({"key": field, "match": {"value": value}})
        elif not isinstance(value, str):
            number = float(value)
            clauses.append({"key": field, "range": {"gte": number, "lte": number}})
    return _any(clauses)


def _ordered(field: str, bound: str, value: Any) -> Clause:
    if is_number(value):
        return {"key": field, "range": {bound: float(value)}}
    instant = moment(value) if isinstance(value, str) else None
    if instant is None:
        return _NOTHING
    return {"key": field, "range": {bound: instant.isoformat().replace("+00:00", "Z")}}
