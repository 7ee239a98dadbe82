"""The JSON form of filters, in and out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, cast

from workbench.domain.filters.tree import (
    FLAGS,
    MAX_CONDITIONS,
    MAX_DEPTH,
    And,
    Condition,
    Filter,
    Not,
    Operator,
    Or,
    Problem,
    condition,
    refuse,
)

_GROUPS: Mapping[str, type[And] | type[Or] | type[Not]] = {"AND": And, "OR": Or, "NOT": Not}


def parse_json(value: object) -> Filter:
    """A filter from its JSON form. Raises ``WorkbenchError`` with the path of what is wrong."""
    return _JsonParser().parse(value, "", 1)


def to_json(filter: Filter) -> dict[str, Any]:
    """The JSON form: ``parse_json`` gives the same filter back."""
    match filter:
        case Condition(field, operator, value):
            plain = list(value) if isinstance(value, tuple) else value
            return {"field": field, "operator": operator.value, "value": plain}
        case And(filters):
            return {"AND": [to_json(f) for f in filters]}
        case Or(filters):
            return {"OR": [to_json(f) for f in filters]}
        case Not(filters):
            return {"NOT": [to_json(f) for f in filters]}


class _JsonParser:
    def __init__(self) -> None:
        self.conditions = 0

    def parse(self, value: object, path: str, depth: int) -> Filter:
        if not isinstance(value, Mapping):
            self.refuse(path, "an object is expected")
        if depth > MAX_DEPTH:
            self.refuse(path, f"it is nested more than {MAX_DEPTH} deep")
        node = cast("Mapping[object, object]", value)
        if "field" in node or "operator" in node:
            return self.condition(node, path)
        if any(key in _GROUPS for key in node):
            parts = [self.group(key, part, path, depth) for key, part in node.items()]
        else:
            parts = [
                self.check(key, Operator.EQ, part, _join(path, str(key)))
                for key, part in node.items()
            ]
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def group(self, key: object, value: object, path: str, depth: int) -> Filter:
        group = _GROUPS.get(str(key))
        path = _join(path, str(key))
        if group is None:
            self.refuse(path, "AND, OR and NOT stand alone in their object")
        if not isinstance(value, list):
            self.refuse(path, "a list of filters is expected")
        items = cast("list[object]", value)
        return group(tuple(self.parse(v, f"{path}[{i}]", depth + 1) for i, v in enumerate(items)))

    def condition(self, node: Mapping[object, object], path: str) -> Condition:
        unknown = [str(key) for key in node if key not in ("field", "operator", "value")]
        if unknown:
            self.refuse(_join(path, unknown[0]), "a condition has field, operator and value only")
        try:
            operator = Operator(str(node.get("operator")))
        except ValueError:
            known = ", ".join(Operator)
            self.refuse(_join(path, "operator"), f"it is one of {known}")
        value = node.get("value", True if operator in FLAGS else None)
        return self.check(node.get("field"), operator, value, path)

    def check(self, field: object, operator: Operator, value: object, path: str) -> Condition:
        self.conditions += 1
        if self.conditions > MAX_CONDITIONS:
            self.refuse(path, f"it has more than {MAX_CONDITIONS} conditions")
        try:
            return condition(field, operator, value)
        except Problem as problem:
            self.refuse(path, str(problem))

    def refuse(self, path: str, why: str) -> NoReturn:
        refuse(path or "its start", why, {"path": path})


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
