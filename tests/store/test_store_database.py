"""One writer at a time, readers with one view, and a server that goes away."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time

import pytest
import sqlalchemy as sa
from databases import PostgresStores, Stores
from store_rows import Rows

from workbench.domain.errors import WorkbenchError
from workbench.store import database as module
from workbench.store import tables as t
from workbench.store.database import Database, out_of_reach

PROCESSES, TIMES = 3, 40


def test_a_write_finds_what_it_read_whatever_the_number_of_processes(
    database: Database, rows: Rows
) -> None:
    namespace_id = rows.namespace("a")
    with database.write() as connection:
        connection.execute(sa.update(t.namespaces).values(created_at=0))
    code = f"""
        import sqlalchemy as sa
        from workbench.store import tables as t
        from workbench.store.database import Database
        database = Database({database.url!r})
        for _ in range({TIMES}):
            with database.write() as connection:
                count = connection.execute(sa.select(t.namespaces.c.created_at)).scalar_one()
                connection.execute(sa.update(t.namespaces).values(created_at=count + 1))
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    writers = [subprocess.Popen(command) for _ in range(PROCESSES)]
    assert [writer.wait(120) for writer in writers] == [0] * PROCESSES
    with database.read() as connection:
        found = connection.execute(sa.select(t.namespaces)).one()
    assert (found.namespace_id, found.created_at) == (namespace_id, PROCESSES * TIMES)


def test_a_reader_sees_one_view_of_everything(database: Database, rows: Rows) -> None:
    count = sa.select(sa.func.count()).select_from(t.namespaces)
    rows.namespace("a")
    with database.read() as connection:
        assert connection.execute(count).scalar() == 1
        rows.namespace("b")
        assert connection.execute(count).scalar() == 1
    with database.read() as connection:
        assert connection.execute(count).scalar() == 2


@pytest.mark.stores("postgresql")
def test_a_reader_changes_nothing(database: Database) -> None:
    with pytest.raises(sa.exc.InternalError, match="read-only"), database.read() as connection:
        connection.execute(sa.delete(t.namespaces))


def test_who_waits_to_write_gives_up_in_the_end(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 1)
    other = Database(database.url)
    with database.write():
        begun = time.monotonic()
        with pytest.raises(sa.exc.OperationalError) as caught, other.write():
            pass
    assert 0.5 < time.monotonic() - begun < 20
    assert out_of_reach(caught.value)
    with other.write():
        pass
    other.close()


@pytest.mark.stores("postgresql")
def test_a_writer_that_has_gone_holds_up_nobody_for_long(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SILENCE", 1)
    gone = Database(database.url)
    with pytest.raises(sa.exc.DBAPIError) as caught, gone.write() as connection:  # noqa: PT012
        with database.write():  # gets the lock, since the server ends the other transaction
            pass
        connection.execute(sa.text("SELECT 1"))
    assert out_of_reach(caught.value)
    gone.close()


def test_names_are_ordered_by_their_bytes(database: Database, rows: Rows) -> None:
    names = ["a", "B", "É", "a b", "a-b", "ab", "Z", "z", "_"]
    for name in names:
        rows.namespace(name)
    with database.read() as connection:
        found = connection.execute(sa.select(t.namespaces.c.name).order_by(t.namespaces.c.name))
        assert list(found.scalars()) == sorted(names, key=str.encode)


@pytest.mark.stores("postgresql")
def test_a_server_that_was_started_again_is_used_again(stores: Stores, database: Database) -> None:
    assert isinstance(stores, PostgresStores)
    with database.read() as connection:
        connection.execute(sa.text("SELECT 1"))
    stores.stop()
    try:
        with pytest.raises(sa.exc.OperationalError) as caught, database.read():
            pass
    finally:
        stores.start()
    assert out_of_reach(caught.value)
    with database.write() as connection:
        connection.execute(sa.delete(t.namespaces))


def test_a_server_without_its_driver_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(WorkbenchError, match="needs the driver psycopg") as caught:
        Database("postgresql://me:hush@host/db")
    assert "mixpeek-workbench[postgresql]" in str(caught.value.hint)
    assert "hush" not in str(caught.value)
