"""The filter language: what it means, both forms, and what it refuses."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.filters import (
    And,
    Condition,
    Filter,
    Not,
    Operator,
    Or,
    matches,
    parse,
    parse_json,
    parse_text,
    to_json,
)

O = Operator  # noqa: E741


def condition(field: str, operator: Operator, value: object) -> Condition:
    return Condition(field, operator, value)  # type: ignore[arg-type]


A1 = condition("a", O.EQ, 1)
B2 = condition("b", O.EQ, 2)


# ---- strategies ---------------------------------------------------------------------------------

fields = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,8}(\.[a-z]{1,4})?", fullmatch=True)
texts = st.text(st.characters(codec="utf-8"), max_size=12)
numbers = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
scalars = texts | numbers | st.booleans()
dates = st.sampled_from(["2026-01-31", "2026-01-31T10:00:00Z", "2026-01-31 10:00"])


def conditions() -> st.SearchStrategy[Condition]:
    def of(operators: str, values: st.SearchStrategy[object]) -> st.SearchStrategy[Condition]:
        return st.builds(
            condition, fields, st.sampled_from([O(o) for o in operators.split()]), values
        )

    return st.one_of(
        of("eq ne", scalars),
        of("gt gte lt lte", numbers | dates),
        of("in nin", st.lists(scalars, min_size=1, max_size=4).map(tuple)),
        of("contains starts_with text", texts.filter(bool)),
        of("exists is_null", st.booleans()),
    )


def trees(leaves: st.SearchStrategy[Condition]) -> st.SearchStrategy[Filter]:
    def grow(children: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
        many = st.lists(children, min_size=2, max_size=3).map(tuple)
        return st.builds(And, many) | st.builds(Or, many) | st.builds(lambda f: Not((f,)), children)

    return st.recursive(leaves, grow, max_leaves=8)


def written(filter: Filter) -> str:
    """The short text form of a filter, with everything in quotes and brackets."""

    def quoted(value: object) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, str):
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return repr(value)

    signs = {O.EQ: "=", O.NE: "!=", O.GT: ">", O.GTE: ">=", O.LT: "<", O.LTE: "<=", O.TEXT: "~"}
    names = {O.CONTAINS: "contains", O.STARTS_WITH: "starts WITH"}
    match filter:
        case And(parts):
            return "(" + " and ".join(written(p) for p in parts) + ")"
        case Or(parts):
            return "(" + " OR ".join(written(p) for p in parts) + ")"
        case Not(parts):
            return "not " + written(parts[0])
        case Condition(field, O.IN | O.NIN as operator, value):
            assert isinstance(value, tuple)
            word = "in" if operator is O.IN else "not in"
            return f'"{field}" {word} ({",".join(quoted(v) for v in value)})'
        case Condition(field, O.IS_NULL, value):
            return f'"{field}" is {"" if value else "not "}null'
        case Condition(field, operator, value):
            return f'"{field}" {(signs | names)[operator]} {quoted(value)}'


# ---- both forms come back as they were ----------------------------------------------------------


@given(trees(conditions()))
def test_json_form_round_trips(filter: Filter) -> None:
    assert parse_json(to_json(filter)) == filter
    assert parse(json.dumps(to_json(filter))) == filter
    assert parse(to_json(filter)) == filter


@given(trees(conditions().filter(lambda c: c.operator is not O.EXISTS)))
def test_text_form_round_trips(filter: Filter) -> None:
    assert parse_text(written(filter)) == filter
    assert parse(written(filter)) == filter


def test_the_example_of_the_language() -> None:
    text = 'page > 3 and not (mime = "application/pdf" or labels in (cat, dog))'
    assert parse_text(text) == And(
        (
            condition("page", O.GT, 3),
            Not(
                (
                    Or(
                        (
                            condition("mime", O.EQ, "application/pdf"),
                            condition("labels", O.IN, ("cat", "dog")),
                        )
                    ),
                )
            ),
        )
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mime = application/pdf", condition("mime", O.EQ, "application/pdf")),
        ("mime == image/*", condition("mime", O.EQ, "image/*")),
        ("name='it\\'s'", condition("name", O.EQ, "it's")),
        ("a.b != -1.5", condition("a.b", O.NE, -1.5)),
        ("x>=1e3", condition("x", O.GTE, 1000.0)),
        ("zip = 00123", condition("zip", O.EQ, "00123")),
        ("done = TRUE", condition("done", O.EQ, True)),
        ("modified_at < 2026-01-31", condition("modified_at", O.LT, "2026-01-31")),
        ("x NOT IN (1, a)", condition("x", O.NIN, (1, "a"))),
        ("page exists", condition("page", O.EXISTS, True)),
        ("not page exists", Not((condition("page", O.EXISTS, True),))),
        ("page is not null", condition("page", O.IS_NULL, False)),
        ("text ~ 'red dog'", condition("text", O.TEXT, "red dog")),
        ("name contains 7", condition("name", O.CONTAINS, "7")),
        ("a = 1 or b = 2 and c = 3", Or((A1, And((B2, condition("c", O.EQ, 3)))))),
    ],
)  # fmt: skip
def test_text_forms(text: str, expected: Filter) -> None:
    assert parse_text(text) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"mime": "image/png"}, condition("mime", O.EQ, "image/png")),
        ({"a": 1, "b": True}, And((condition("a", O.EQ, 1), condition("b", O.EQ, True)))),
        ({"AND": [{"a": 1}], "NOT": [{"b": 2}]}, And((And((A1,)), Not((B2,))))),
        ({"field": "page", "operator": "exists"}, condition("page", O.EXISTS, True)),
        ({}, And(())),
    ],
)  # fmt: skip
def test_json_short_forms(value: dict[str, object], expected: Filter) -> None:
    assert parse_json(value) == expected


# ---- what is refused, and where -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0),
        ("page", 4),
        ("page >", 6),
        ("page > x", 7),
        ("page > true", 7),
        ("1page = 3", 0),
        ("a = 1 b = 2", 6),
        ("a = my file", 7),
        ("(a = 1", 6),
        ("a = 1)", 5),
        ("a in 1", 5),
        ("a in (1", 7),
        ("a in ()", 6),
        ('a = "open', 4),
        ("a = and", 4),
        ("a ! 1", 2),
        ("a is 3", 2),
        ("a contains (", 11),
        ("a = 1 and", 9),
        ("a = 9007199254740992", 4),
        ("a = " + "9" * 5000, 4),
        ("a = 1e999", 4),
        ("not " * 17 + "a = 1", 64),
        ("(" * 17 + "a = 1", 16),
        (" and ".join(["a = 1"] * 257), 256 * 10),
        ("x" * 70_000, 65_536),
    ],
)
def test_text_errors_show_the_position(text: str, position: int) -> None:
    with pytest.raises(WorkbenchError) as caught:
        parse_text(text)
    assert caught.value.code is Code.INVALID_FILTER
    assert caught.value.details == {"position": position}
    assert f"column {position + 1}" in caught.value.message


DEEP: dict[str, object] = {"a": 1}
for _ in range(16):
    DEEP = {"NOT": [DEEP]}


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ([], ""),
        (None, ""),
        ({"AND": {}}, "AND"),
        ({"AND": [{"OR": [3]}]}, "AND[0].OR[0]"),
        ({"AND": [{"a": 1}, {"field": "b", "operator": "is"}]}, "AND[1].operator"),
        ({"field": "b"}, "operator"),
        ({"field": "b", "operator": "eq", "valeu": 1}, "valeu"),
        ({"field": "b", "operator": "in", "value": 1}, ""),
        ({"field": "b", "operator": "in", "value": [None]}, ""),
        ({"field": "b", "operator": "in", "value": ["x"] * 1001}, ""),
        ({"field": "b c", "operator": "eq", "value": 1}, ""),
        ({"NOT": [{"x": float("nan")}]}, "NOT[0].x"),
        ({"x": "\ud800"}, "x"),
        ({"x": None}, "x"),
        ({"x": [1]}, "x"),
        ({"AND": [], "x": 1}, "x"),
        ({"OR": [{"a": 1}] * 257}, "OR[256].a"),
        (DEEP, ".".join(["NOT[0]"] * 16)),
    ],
)
def test_json_errors_show_the_path(value: object, path: str) -> None:
    with pytest.raises(WorkbenchError) as caught:
        parse_json(value)
    assert caught.value.code is Code.INVALID_FILTER
    assert caught.value.details == {"path": path}


def test_json_in_a_string_that_is_no_json() -> None:
    with pytest.raises(WorkbenchError, match="column 7") as caught:
        parse('{"a": oops}')
    assert caught.value.details == {"position": 6}
    with pytest.raises(WorkbenchError):
        parse('{"a":' * 100_000)
    with pytest.raises(WorkbenchError):
        parse('{"a":' + "9" * 5000 + "}")


@given(
    st.text(max_size=40)
    | st.from_regex(re.compile(r"[ab(),=<>!~'\" notriand0-9.]{0,40}"), fullmatch=True)
)
def test_any_text_is_a_filter_or_refused(text: str) -> None:
    try:
        filter = parse(text)
    except WorkbenchError:
        return
    assert parse_json(to_json(filter)) == filter


# ---- what it means ------------------------------------------------------------------------------

ROW = {
    "page": 3,
    "score": 0.5,
    "mime": "image/png",
    "labels": ["cat", "hot dog"],
    "ok": True,
    "none": None,
    "empty": [],
    "at": "2026-03-01T12:00:00+02:00",
    "text": "A Red dog, running. Straße",
    "exif": {"camera": "K-1", "iso": [100, 200]},
}


@pytest.mark.parametrize(
    "text",
    [
        "page = 3", "page = 3.0", "page != 4", "page >= 3 and page < 3.5", "score = 0.5",
        "page in (1, 3)", "page not in (1, 2)", "page exists", "page is not null",
        "missing is null", "none is null", "empty is null", "not none exists",
        "missing != 3", "missing not in (3)", "not missing > 3", "not missing = 3",
        "labels = cat", "labels = 'hot dog'", "labels contains dog", "labels starts with hot",
        "labels in (dog, cat)", "ok = true", "not ok = 1", "not ok > 0", "not page = '3'",
        "mime starts with image/", "mime contains /", "not mime contains PNG",
        "at > 2026-03-01", "at < 2026-03-01T10:00:01Z", "at >= 2026-03-01T10:00:00Z",
        "not at > 3", "not mime > 2026-01-01", "not page > 2026-01-01",
        "text ~ 'DOG red'", "text ~ straße", "not text ~ 'red do'", "not text ~ '...'",
        "exif.camera = K-1", "exif.iso > 150", "exif.lens is null", "not mime.x exists",
        "page = 9 or page = 3", "not (page = 9 or page = 8)",
    ],
)  # fmt: skip
def test_meaning(text: str) -> None:
    assert matches(parse_text(text), ROW)


def test_empty_groups() -> None:
    assert matches(And(()), ROW)
    assert matches(Not(()), ROW)
    assert not matches(Or(()), ROW)
