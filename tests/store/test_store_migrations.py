"""The store is brought to this version's tables, once, whole, and never backwards."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from databases import Stores

from workbench.domain.errors import Code, WorkbenchError
from workbench.store.database import Database
from workbench.store.migrations import FOLDER, REVISIONS, VERSION_TABLE, migrate
from workbench.store.tables import metadata


@pytest.fixture
def database(stores: Stores) -> Iterator[Database]:
    """With nothing in it."""
    database = Database(stores.unmigrated())
    yield database
    database.close()
    stores.drop(database.url)


def schema(database: Database) -> set[Any]:
    """Everything that the store keeps of its tables and indexes."""
    return sqlite_schema(database) if database.sqlite else server_schema(database)


def server_schema(database: Database) -> set[Any]:
    inspector = sa.inspect(database.engine)
    tables = [name for name in inspector.get_table_names() if name != VERSION_TABLE]
    return {
        (table, what, repr(sorted(found, key=repr)))
        for table in tables
        for what, found in (
            ("columns", [str(column) for column in inspector.get_columns(table)]),
            ("indexes", inspector.get_indexes(table)),
            ("unique", inspector.get_unique_constraints(table)),
            ("key", [inspector.get_pk_constraint(table)]),
        )
    }


def sqlite_schema(database: Database) -> set[Any]:
    query = sa.text("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    with database.read() as connection:
        rows = {
            (row.type, row.name, " ".join(row.sql.split())) for row in connection.execute(query)
        }
    return {row for row in rows if row[1] != VERSION_TABLE}


def version(database: Database) -> str:
    with database.read() as connection:
        return connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one()


def test_store_migrations_from_empty_give_the_tables(database: Database, stores: Stores) -> None:
    migrate(database)
    created = Database(stores.unmigrated())
    with created.write() as connection:
        metadata.create_all(connection)
    found, wanted = schema(database), schema(created)
    created.close()
    stores.drop(created.url)
    assert found == wanted
    assert version(database) == REVISIONS[-1]


def test_store_migrations_are_all_named() -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    script = ScriptDirectory.from_config(config)
    assert [step.revision for step in script.walk_revisions()][::-1] == list(REVISIONS)


def test_store_migrations_keep_what_is_there(database: Database) -> None:
    migrate(database)
    with database.write() as connection:
        row = {"namespace_id": "ns_1", "name": "a", "created_at": 1}
        connection.execute(sa.insert(metadata.tables["namespaces"]), row)
    migrate(database)
    with database.read() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM namespaces")).scalar_one() == 1


def test_store_migrations_number_the_rounds_that_marks_are_left_of(database: Database) -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        bucket = {"source_kind": "uploads", "source_uri": "", "chosen": False, "created_at": 1}
        objects = metadata.tables["objects"]
        for bucket_id, marks in (("bkt_1", ["r2", "r1", "r2", None]), ("bkt_2", ["r2"])):
            row = {"bucket_id": bucket_id, "namespace_id": "ns_1", "name": bucket_id, **bucket}
            connection.execute(sa.insert(metadata.tables["buckets"]).values(row))
            for number, mark in enumerate(marks):
                row = {
                    "object_id": f"{bucket_id}-{number}",
                    "namespace_id": "ns_1",
                    "bucket_id": bucket_id,
                    "name": str(number),
                    "mime": "text/plain",
                    "size": 1,
                    "fingerprint": "f",
                    "version": 1,
                    "offered": mark,
                    "created_at": 1,
                }
                connection.execute(sa.insert(objects).values(row))
    migrate(database)
    rounds = metadata.tables["rounds"].c
    query = sa.select(rounds.namespace_id, rounds.bucket_id, rounds.number, rounds.round)
    with database.read() as connection:
        rows = connection.execute(query.order_by(rounds.bucket_id, rounds.number)).all()
    assert [tuple(row) for row in rows] == [
        ("ns_1", "bkt_1", 1, "r1"),
        ("ns_1", "bkt_1", 2, "r2"),
        ("ns_1", "bkt_2", 1, "r2"),
    ]


def test_store_migrations_leave_a_newer_store_alone(database: Database) -> None:
    migrate(database)
    with database.write() as connection:
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    before = schema(database)
    with pytest.raises(WorkbenchError) as raised:
        migrate(database)
    assert raised.value.code is Code.VERSION_MISMATCH
    assert raised.value.details["found"] == "9999"
    assert schema(database) == before


def test_store_migrations_run_once_for_racing_starts(database: Database) -> None:
    with database.read() as connection:  # makes the file
        connection.execute(sa.text("SELECT 1"))
    code = f"""
        from workbench.store.database import Database
        from workbench.store.migrations import migrate
        migrate(Database({database.url!r}))
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    starts = [subprocess.Popen(command) for _ in range(3)]
    assert [start.wait(60) for start in starts] == [0, 0, 0]
    assert version(database) == REVISIONS[-1]


def test_store_migrations_undo_a_revision_that_fails(database: Database) -> None:
    """A store that breaks half way is as empty as before, and the next start succeeds."""
    with database.write() as connection:  # a table of the first revision is in the way
        connection.execute(sa.text("CREATE TABLE tasks (other INTEGER)"))
    before = schema(database)
    with pytest.raises(sa.exc.DBAPIError, match="tasks"):
        migrate(database)
    assert schema(database) == before
    with database.write() as connection:
        connection.execute(sa.text("DROP TABLE tasks"))
    migrate(database)
    assert version(database) == REVISIONS[-1]


@pytest.mark.stores("sqlite")
def test_store_migrations_cost_a_started_home_nothing(database: Database) -> None:
    """An up-to-date store is recognised without Alembic, within the time a start may take."""
    migrate(database)
    code = f"""
        import sys, time
        from workbench.store.database import Database
        from workbench.store.migrations import migrate
        spent = []
        for _ in range(5):
            begun = time.perf_counter()
            migrate(Database({database.url!r}))
            spent.append(time.perf_counter() - begun)
        print(min(spent), "alembic" in sys.modules)
    """
    out = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    seconds, imported = out.stdout.split()
    assert imported == "False"
    assert float(seconds) < 0.05
