"""Namespaces: the unit of isolation. A namespace never changes its id or its name."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError

from workbench.domain import ids
from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.wire import NamespaceOut, Page
from workbench.store.conditions import Field
from workbench.store.database import Database, now_ms
from workbench.store.listing import Listing, PageRequest, fetch
from workbench.store.moments import moment
from workbench.store.tables import namespaces

DEFAULT = "default"

_LISTING = Listing(
    key=namespaces.c.namespace_id,
    fields={
        "name": Field(namespaces.c.name),
        "created_at": Field(namespaces.c.created_at, "time"),
    },
    sort="name",
)


class Namespaces:
    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str) -> NamespaceOut:
        """A new namespace. Raises ``conflict`` when there is one of this name."""
        namespace_id, now = ids.new_id(ids.NAMESPACE), now_ms()
        row = {"namespace_id": namespace_id, "name": name, "created_at": now}
        try:
            with self._database.write() as connection:
                connection.execute(sa.insert(namespaces), row)
        except IntegrityError as problem:
            message = f"there is a namespace {name!r} already"
            raise WorkbenchError(Code.CONFLICT, message) from problem
        return _out(namespace_id, name, now)

    def ensure(self, name: str = DEFAULT) -> NamespaceOut:
        """The namespace of this name, made when it is absent."""
        found = self.get(name)
        if found is not None:
            return found
        try:
            return self.create(name)
        except WorkbenchError:
            made_by_another = self.get(name)
            if made_by_another is None:
                raise
            return made_by_another

    def get(self, name_or_id: str) -> NamespaceOut | None:
        """By id first, then by name."""
        matches = sa.or_(
            namespaces.c.namespace_id == name_or_id,
            namespaces.c.name == name_or_id,
        )
        by_id_first = (namespaces.c.namespace_id == name_or_id).desc()
        query = sa.select(namespaces).where(matches).order_by(by_id_first).limit(1)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _from_row(row)

    def list(self, request: PageRequest, reach: frozenset[str] | None = None) -> Page[NamespaceOut]:
        """``reach`` holds the ids of the namespaces to show; None: all."""
        query = sa.select(namespaces)
        if reach is not None:
            query = query.where(namespaces.c.namespace_id.in_(reach))
        with self._database.read() as connection:
            rows, cursor = fetch(connection, query, _LISTING, request)
        return Page[NamespaceOut](results=[_from_row(row) for row in rows], next_cursor=cursor)


def _from_row(row: Row[Any]) -> NamespaceOut:
    return _out(row.namespace_id, row.name, row.created_at)


def _out(namespace_id: str, name: str, created_at: int) -> NamespaceOut:
    return NamespaceOut(namespace_id=namespace_id, name=name, created_at=moment(created_at))
