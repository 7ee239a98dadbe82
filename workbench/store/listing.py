"""Lists: one page of rows, in any allowed order, filtered by the filter language.

Paging is by key: a page ends with the sort value and the id of its last row, and the next one
begins after that pair. So a row that stays is given exactly once, whatever is inserted or removed
between two pages, and a page far back costs what the first one costs. Absent sort values come
first. A cursor is opaque and works only with the sort it was made for.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.filters import Filter
from workbench.store.conditions import FIELD_FLOOR, Field, checked, condition

T = TypeVar("T")
MAX_LIMIT = 1000
_VALUE, _KEY = "_sort_value", "_sort_key"


@dataclass(frozen=True)
class PageRequest:
    """``sort`` is a field's name, ``-name`` for the highest first; None: the list's own order."""

    limit: int = 100
    cursor: str | None = None
    sort: str | None = None
    filter: Filter | None = None


@dataclass(frozen=True)
class Slice(Generic[T]):
    """A page of rows that are no wire models."""

    results: Sequence[T]
    next_cursor: str | None


@dataclass(frozen=True)
class Listing:
    """What may be asked of one list: ``fields`` can be filtered and sorted by, ``key`` is unique
    and breaks ties, ``sort`` is the order when none is named."""

    key: sa.ColumnElement[str]
    fields: Mapping[str, Field]
    sort: str


def fetch(
    connection: Connection,
    query: sa.Select[Any],
    listing: Listing,
    request: PageRequest,
    sort: str | None = None,
) -> tuple[list[Row[Any]], str | None]:
    """A page of ``query``'s rows and the cursor of the next page, None after the last.

    ``sort`` replaces the listing's own order. Raises ``invalid_parameter`` for a limit, sort or
    cursor that cannot be, ``invalid_filter`` for a filter over other fields.
    """
    if not 1 <= request.limit <= MAX_LIMIT:
        raise _invalid("limit", f"limit must lie between 1 and {MAX_LIMIT}")
    order = request.sort or sort or listing.sort
    field, descending = _sort_field(listing, order)
    value = _sort_value(field)
    query = query.add_columns(value.label(_VALUE), listing.key.label(_KEY))
    if request.filter is not None:
        query = query.where(condition(request.filter, listing.fields))
    if request.cursor is not None:
        last = sa.tuple_(*_decode(request.cursor, order, field))
        place = sa.tuple_(value, listing.key)
        query = query.where(place < last if descending else place > last)
    keys = [value] if value is listing.key else [value, listing.key]
    query = query.order_by(*(key.desc() if descending else key for key in keys))
    rows = list(connection.execute(query.limit(request.limit + 1)))
    if len(rows) <= request.limit:
        return rows, None
    last_row = rows[request.limit - 1]
    mapping = last_row._mapping  # pyright: ignore[reportPrivateUsage]  (its public name)
    return rows[: request.limit], _encode(order, mapping[_VALUE], mapping[_KEY])


def _sort_field(listing: Listing, order: str) -> tuple[Field, bool]:
    name = order.removeprefix("-")
    field = listing.fields.get(name)
    if field is None:
        known = ", ".join(sorted(listing.fields))
        raise _invalid("sort", f"cannot sort by {name!r}", f"sort by one of: {known}")
    return field, order.startswith("-")


def _sort_value(field: Field) -> sa.ColumnElement[Any]:
    if not field.nullable:
        return field.column
    return sa.func.coalesce(field.column, FIELD_FLOOR[field.kind])


def _encode(order: str, value: Any, key: str) -> str:
    text = json.dumps([order, value, key], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str, order: str, field: Field) -> tuple[Any, str]:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        parts: Any = json.loads(raw)
    except (binascii.Error, ValueError, RecursionError) as problem:
        raise _invalid("cursor", "this is no cursor of this list") from problem
    if not isinstance(parts, list) or len(cast("list[Any]", parts)) != 3:
        raise _invalid("cursor", "this is no cursor of this list")
    made_for, value, key = cast("list[Any]", parts)
    if made_for != order:
        raise _invalid("cursor", f"this cursor belongs to another sort than {order!r}")
    try:
        return checked(field.kind, value), str(checked("text", key))
    except ValueError as problem:
        raise _invalid("cursor", "this is no cursor of this list") from problem


def _invalid(parameter: str, message: str, hint: str | None = None) -> WorkbenchError:
    return WorkbenchError(Code.INVALID_PARAMETER, message, hint, {"field": parameter})
