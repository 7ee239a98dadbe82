"""Lists: paging that nothing disturbs, any allowed order, and filters that mean what they say."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.domain import filters
from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.filters import And, Condition, Filter, Not, Operator, Or
from workbench.store.conditions import Field, condition
from workbench.store.listing import Listing, PageRequest, fetch

TABLE = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("note", sa.Text),
    sa.Column("at", sa.BigInteger),
    sa.Column("good", sa.Boolean, nullable=False),
)
FIELDS = {
    "name": Field(TABLE.c.name),
    "size": Field(TABLE.c.size, "integer"),
    "note": Field(TABLE.c.note, nullable=True),
    "at": Field(TABLE.c.at, "time", nullable=True),
    "good": Field(TABLE.c.good, "bool"),
}
LISTING = Listing(TABLE.c.id, FIELDS, "name")

words = st.text(st.sampled_from("aAbé%_\\ 0"), max_size=4)
thing = st.fixed_dictionaries(
    {
        "name": words,
        "size": st.integers(-3, 3),
        "note": st.none() | words,
        "at": st.none() | st.integers(-2000, 2000).map(lambda n: n * 1000),
        "good": st.booleans(),
    }
)


@pytest.fixture(scope="module")
def connection() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        TABLE.metadata.create_all(connection)
        yield connection


def fill(connection: sa.Connection, things: Sequence[dict[str, Any]], first: int = 0) -> None:
    rows = [{"id": f"{i * 7919 % 1009:04}-{i}", **row} for i, row in enumerate(things, first)]
    if rows:
        connection.execute(sa.insert(TABLE), rows)


def walk(connection: sa.Connection, **request: Any) -> Iterator[list[str]]:
    cursor = None
    while True:
        page = PageRequest(cursor=cursor, **request)
        rows, cursor = fetch(connection, sa.select(TABLE), LISTING, page)
        yield [row.id for row in rows]
        if cursor is None:
            return


SLOW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
orders = st.sampled_from([order for name in FIELDS for order in (name, f"-{name}")])


@SLOW
@given(
    before=st.lists(thing, max_size=30),
    between=st.lists(st.lists(thing, max_size=5), max_size=12),
    limit=st.integers(1, 7),
    order=orders,
)
def test_store_listing_gives_each_row_once_while_others_come(
    connection: sa.Connection,
    before: list[dict[str, Any]],
    between: list[list[dict[str, Any]]],
    limit: int,
    order: str,
) -> None:
    connection.execute(sa.delete(TABLE))
    fill(connection, before)
    first = set(connection.execute(sa.select(TABLE.c.id)).scalars())
    seen: list[str] = []
    inserted = len(before)
    for number, page in enumerate(walk(connection, limit=limit, sort=order)):
        assert len(page) <= limit
        seen += page
        if number < len(between):
            fill(connection, between[number], inserted)
            inserted += len(between[number])
    assert len(seen) == len(set(seen))
    assert first <= set(seen)


@SLOW
@given(things=st.lists(thing, max_size=20), limit=st.integers(1, 9), order=orders)
def test_store_listing_sorts_by_value_then_id(
    connection: sa.Connection, things: list[dict[str, Any]], limit: int, order: str
) -> None:
    connection.execute(sa.delete(TABLE))
    fill(connection, things)
    rows = connection.execute(sa.select(TABLE)).mappings().all()
    name, backwards = order.removeprefix("-"), order.startswith("-")

    def key(row: Any) -> tuple[bool, Any, str]:
        value = row[name]
        value = value.encode() if isinstance(value, str) else value
        empty = b"" if name in ("name", "note") else 0
        absent = value is None or value == b""
        return (not absent, empty if absent else value, row["id"])

    wanted = [row["id"] for row in sorted(rows, key=key, reverse=backwards)]
    found = [key for page in walk(connection, limit=limit, sort=order) for key in page]
    assert found == wanted


texts, numbers = st.sampled_from(["name", "note"]), st.just("size")
conditions: st.SearchStrategy[Filter] = st.one_of(
    st.builds(Condition, texts, st.sampled_from([Operator.EQ, Operator.NE]), words),
    st.builds(
        Condition,
        texts,
        st.sampled_from([Operator.CONTAINS, Operator.STARTS_WITH]),
        words.filter(bool),
    ),
    st.builds(
        Condition,
        texts,
        st.sampled_from([Operator.IN, Operator.NIN]),
        st.lists(words, max_size=3).map(tuple),
    ),
    st.builds(
        Condition,
        numbers,
        st.sampled_from(
            [Operator.EQ, Operator.NE, Operator.GT, Operator.GTE, Operator.LT, Operator.LTE]
        ),
        st.integers(-3, 3) | st.floats(-3, 3),
    ),
    st.builds(Condition, st.just("good"), st.just(Operator.EQ), st.booleans()),
    st.builds(
        Condition,
        st.sampled_from(list(FIELDS)),
        st.sampled_from([Operator.EXISTS, Operator.IS_NULL]),
        st.booleans(),
    ),
)
expressions = st.recursive(
    conditions,
    lambda inner: st.builds(
        lambda kind, parts: kind(tuple(parts)),
        st.sampled_from([And, Or, Not]),
        st.lists(inner, max_size=3),
    ),
    max_leaves=6,
)


@SLOW
@given(things=st.lists(thing, max_size=15), expression=expressions)
def test_store_filters_find_what_they_mean(
    connection: sa.Connection, things: list[dict[str, Any]], expression: Filter
) -> None:
    connection.execute(sa.delete(TABLE))
    fill(connection, things)
    rows = connection.execute(sa.select(TABLE)).mappings().all()
    wanted = {row["id"] for row in rows if filters.matches(expression, dict(row))}
    query = sa.select(TABLE.c.id).where(condition(expression, FIELDS))
    assert set(connection.execute(query).scalars()) == wanted


def test_store_filters_take_times_as_dates_and_milliseconds(connection: sa.Connection) -> None:
    connection.execute(sa.delete(TABLE))
    base = {"name": "x", "size": 0, "note": None, "good": True}
    fill(connection, [{**base, "at": at} for at in (0, 86_400_000, None)])

    def names(text: str) -> int:
        query = sa.select(TABLE.c.id).where(condition(filters.parse(text), FIELDS))
        return len(connection.execute(query).all())

    assert names("at >= 1970-01-02") == 1
    assert names('at = "1970-01-01T02:00:00+02:00"') == 1
    assert names("at < 86400000") == 1
    assert names("at exists") == 2
    assert names("not (at >= 1970-01-02)") == 2


@pytest.mark.parametrize(
    "text",
    [
        'other = "x"',
        "name = 3",
        'size = "3"',
        "name > 3",
        "good > 1",
        'at = "soon"',
        'size contains "3"',
        'name text "word"',
        '{"field": "name", "operator": "eq", "value": "a\\u0000b"}',
    ],
)
def test_store_filters_refuse_what_cannot_hold(text: str) -> None:
    with pytest.raises(WorkbenchError) as raised:
        condition(filters.parse(text), FIELDS)
    assert raised.value.code is Code.INVALID_FILTER


@pytest.mark.parametrize(
    "request_",
    [
        PageRequest(limit=0),
        PageRequest(limit=1001),
        PageRequest(sort="id"),
        PageRequest(sort="--name"),
        PageRequest(cursor="!"),
        PageRequest(cursor="bm90IGpzb24"),
        PageRequest(cursor="é"),
        PageRequest(cursor="W10"),
    ],
)
def test_store_listing_refuses_pages_that_cannot_be(
    connection: sa.Connection, request_: PageRequest
) -> None:
    with pytest.raises(WorkbenchError) as raised:
        fetch(connection, sa.select(TABLE), LISTING, request_)
    assert raised.value.code is Code.INVALID_PARAMETER


def cursor_of(*parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("sort", "parts"),
    [
        ("size", ("name", "a", "0001")),
        ("size", ("size", "a", "0001")),
        ("size", ("size", 2**70, "0001")),
        ("size", ("size", 1, 7)),
        ("size", ("size", [1], "0001")),
        ("name", ("name", "\ud800", "0001")),
        ("name", ("name", None, "0001")),
    ],
)
def test_store_cursors_are_bound_to_their_sort_and_its_type(
    connection: sa.Connection, sort: str, parts: tuple[Any, ...]
) -> None:
    page = PageRequest(sort=sort, cursor=cursor_of(*parts))
    with pytest.raises(WorkbenchError) as raised:
        fetch(connection, sa.select(TABLE), LISTING, page)
    assert raised.value.details == {"field": "cursor"}
