"""What a query needs of its tables: which columns, and which time.

Works on DuckDB's own syntax tree (its ``get_table_names`` refuses ``USING``). Columns: a table's
column is needed when its name stands anywhere in the tree, as a column, an alias or even a text, so
that too much may be fetched and never too little; where columns can be meant without being named
(``*``, ``NATURAL``, a row as a value, names by position) all are needed. Time: of a plain
``SELECT`` over one table, comparisons of its time column that must hold for every row, with values
that can be computed beforehand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

Node: TypeAlias = Mapping[str, Any]
#: An expression's value in UTC milliseconds, None where it has none.
Evaluate: TypeAlias = Callable[[Node], "int | None"]

_UNNAMED = frozenset({"STAR", "POSITIONAL_REFERENCE", "PIVOT", "SHOW_REF", "TABLE_FUNCTION"})
_FIXED = frozenset({"CONSTANT", "CAST", "FUNCTION", "TYPE"})
_CLOCK = frozenset({"now", "get_current_timestamp", "current_timestamp", "today", "+", "-"})
_SPANS = frozenset({"trunc", "to_seconds", "to_minutes", "to_hours", "to_days", "to_weeks"})
_LOWER = frozenset({"COMPARE_GREATERTHAN", "COMPARE_GREATERTHANOREQUALTO"})
_UPPER = frozenset({"COMPARE_LESSTHAN", "COMPARE_LESSTHANOREQUALTO"})
#: Clocks move between our look at them and DuckDB's.
_SLACK_MS = 60_000


def named_tables(tree: Node) -> set[str]:
    """The tables that the query reads, in small letters; also where a ``WITH`` hides one."""
    return {
        str(node["table_name"]).lower() for node in _nodes(tree) if node.get("type") == "BASE_TABLE"
    }


def needed_columns(tree: Node, columns: Sequence[str]) -> list[str] | None:
    """Those of ``columns`` that the query may touch; None for all of them."""
    tables: set[str] = set()
    rows: set[str] = set()
    words: set[str] = set()
    for node in _nodes(tree):
        if (
            _UNNAMED & {str(node.get("type")), str(node.get("class"))}
            or node.get("ref_type") == "NATURAL"
            or node.get("column_name_alias")
        ):
            return None
        if node.get("type") == "BASE_TABLE":
            tables |= {str(node["table_name"]).lower(), str(node.get("alias", "")).lower()}
        if node.get("class") == "COLUMN_REF":
            rows.add(str(node["column_names"][-1]).lower())
        words.update(_words(node))
    if tables & rows:
        return None
    return [name for name in columns if name.lower() in words]


def only_describes(tree: Node) -> bool:
    """``DESCRIBE`` and ``SHOW`` look at no row."""
    source = tree["statements"][0]["node"].get("from_table") or {}
    return source.get("type") == "SHOW_REF" and source.get("show_type") != "SUMMARY"


def time_range(
    tree: Node, table: str, time: str, evaluate: Evaluate
) -> tuple[int | None, int | None]:
    """``since`` and ``until`` for the table, each None where there is no bound."""
    mentions = [
        node
        for node in _nodes(tree)
        if node.get("type") == "BASE_TABLE" and str(node["table_name"]).lower() == table
    ]
    top: Node = tree["statements"][0]["node"]
    if len(mentions) != 1 or top.get("type") != "SELECT_NODE" or top["from_table"] != mentions[0]:
        return None, None
    since: list[int] = []
    until: list[int] = []
    for kind, left, right in _conjuncts(top.get("where_clause")):
        if _is_column(left, time) and _is_fixed(right):
            value = evaluate(right)
            if value is not None and kind in _LOWER:
                since.append(value - _SLACK_MS)
            if value is not None and kind in _UPPER:
                until.append(value + _SLACK_MS)
    return max(since, default=None), min(until, default=None)


def selecting(template: Node, expression: Node) -> str:
    """The tree of ``SELECT 0`` (``template``) as one that selects ``expression``, as JSON."""
    tree = json.loads(json.dumps(template))
    tree["statements"][0]["node"]["select_list"] = [expression]
    return json.dumps(tree)


def _nodes(value: Any) -> Iterator[Node]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _nodes(inner)


def _words(node: Node) -> Iterator[str]:
    for value in node.values():
        for word in value if isinstance(value, list) else (value,):
            if isinstance(word, str):
                yield word.lower()


def _conjuncts(clause: Node | None) -> Iterator[tuple[str, Node, Node]]:
    """The comparisons that must all hold, as kind, left and right."""
    match clause:
        case {"type": "CONJUNCTION_AND", "children": children}:
            for child in children:
                yield from _conjuncts(child)
        case {"class": "COMPARISON", "type": kind, "left": left, "right": right}:
            yield kind, left, right
        case {"type": "COMPARE_BETWEEN", "input": value, "lower": lower, "upper": upper}:
            yield "COMPARE_GREATERTHANOREQUALTO", value, lower
            yield "COMPARE_LESSTHANOREQUALTO", value, upper
        case _:
            return


def _is_column(node: Node, name: str) -> bool:
    return node.get("class") == "COLUMN_REF" and str(node["column_names"][-1]).lower() == name


def _is_fixed(expression: Node) -> bool:
    """Constants, casts, the clock and spans of time: nothing that depends on a row."""
    for node in _nodes(expression):
        kind = node.get("class")
        if kind is not None and kind not in _FIXED:
            return False
        if kind == "FUNCTION" and node["function_name"] not in _CLOCK | _SPANS:
            return False
    return True
