"""The one filter language: an expression tree with a JSON form and a short text form.

JSON: ``{"AND": [...]}``, ``{"OR": [...]}``, ``{"NOT": [...]}`` (none of them holds) of
``{"field", "operator", "value"}``; ``{"mime": "image/png"}`` is short for ``eq``.
Text: ``page > 3 and not (mime = "application/pdf" or labels in (cat, dog))``.

``matches`` is what a filter means; every engine must agree with it:

- a field is a name or a dotted path through nested objects; a list matches if any element does;
- strings are equal by every character; numbers compare as numbers (3 equals 3.0), booleans only
  with booleans; order is defined between numbers, and between dates in ISO 8601 (UTC if no zone);
- ``contains`` and ``starts_with`` look at characters, ``text`` asks for all words of the value in
  one string, whatever their case and order;
- ``exists`` is false for a field that is missing, null or an empty list; ``is_null`` is the
  opposite; ``ne`` and ``nin`` hold where ``eq`` and ``in`` do not, so also for missing fields.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from workbench.domain.filters.json_form import parse_json, to_json
from workbench.domain.filters.meaning import matches
from workbench.domain.filters.text_form import parse_text
from workbench.domain.filters.tree import (
    And,
    Condition,
    Filter,
    Not,
    Operator,
    Or,
    Scalar,
    all_of,
    any_of,
    eq,
    refuse,
)

__all__ = [
    "And",
    "Condition",
    "Filter",
    "Not",
    "Operator",
    "Or",
    "Scalar",
    "all_of",
    "any_of",
    "eq",
    "matches",
    "parse",
    "parse_json",
    "parse_text",
    "to_json",
]


def parse(value: str | Mapping[str, Any]) -> Filter:
    """A filter from its short text form, from JSON, or from JSON in a string.

    Raises ``WorkbenchError`` (``invalid_filter``) that says where and why.
    """
    if not isinstance(value, str):
        return parse_json(value)
    if not value.lstrip().startswith("{"):
        return parse_text(value)
    try:
        tree = json.loads(value)
    except json.JSONDecodeError as error:
        refuse(f"column {error.pos + 1}", error.msg, {"position": error.pos})
    except (RecursionError, ValueError):
        refuse("its start", "it is nested too deeply or holds too long a number", {"path": ""})
    return parse_json(tree)
