"""Migrations: the metadata store is brought to this version's tables when the service starts.

``migrate`` looks at the version that the store has. The newest one costs a single read, and Alembic
is not even imported. An older store is changed in one transaction, all revisions or none; two
processes that start at once do it once. A store that a newer version has changed is left alone.

A new revision is a file in ``versions`` and its number at the end of ``REVISIONS``.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workbench.domain.errors import Code, WorkbenchError
from workbench.store.database import Database

REVISIONS = ("0001", "0002", "0003", "0004")
FOLDER = Path(__file__).parent
VERSION_TABLE = "metadata_version"

_version = sa.table(VERSION_TABLE, sa.column("version_num", sa.String))


def migrate(database: Database) -> None:
    """Raises ``version_mismatch`` when the store is from a newer version of the workbench."""
    with database.read() as connection:
        if _found(connection) == REVISIONS[-1]:
            return
    with database.write() as connection:
        if _found(connection) != REVISIONS[-1]:  # another process may have been faster
            _upgrade(connection)


def _found(connection: Connection) -> str | None:
    """The revision that the store has, None for an empty one."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(sa.select(_version.c.version_num)).scalar_one_or_none()
    if found is not None and found not in REVISIONS:
        raise WorkbenchError(
            Code.VERSION_MISMATCH,
            "the metadata of this home was written by a newer version of the workbench",
            "install that version, or choose another home with MIXPEEK_HOME",
            {"found": found, "known": REVISIONS[-1]},
        )
    return found


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
