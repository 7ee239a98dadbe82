"""The few statements that SQLite and PostgreSQL spell alike but SQLAlchemy keeps by dialect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

T = TypeVar("T")


def upsert(
    connection: Connection,
    table: sa.Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    update: bool = True,
    before: Mapping[str, str] | None = None,
) -> None:
    """Insert rows; where the primary key exists, replace the others' values (or leave the row).
    ``before`` names columns that then get what another column had until now."""
    if not rows:
        return
    module = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = module.insert(table)
    keys = [column.name for column in table.primary_key]
    others = [name for name in rows[0] if name not in keys]
    if update and others:
        values: dict[str, Any] = {name: statement.excluded[name] for name in others}
        values |= {name: table.c[source] for name, source in (before or {}).items()}
        statement = statement.on_conflict_do_update(index_elements=keys, set_=values)
    else:
        statement = statement.on_conflict_do_nothing()
    connection.execute(statement, [dict(row) for row in rows])


def slices(values: Sequence[T], size: int = 5000) -> Iterator[Sequence[T]]:
    """Pieces that fit into one statement's variables."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
