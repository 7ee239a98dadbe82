"""Empty metadata stores for tests, in SQLite and in a PostgreSQL server of their own.

The server is what Debian's ``postgresql`` brings; it starts on a socket in a folder that goes with
it, and does not wait for the disk. An empty store is a copy of one that was migrated once:
migrating takes half a second, copying 5 to 100 ms.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path

import sqlalchemy as sa

from workbench.store.database import Database
from workbench.store.migrations import migrate

#: A language whose order of letters is not that of bytes: names must be ordered by bytes even so.
CLUSTER = (
    *("-U", "mixpeek", "-A", "trust", "-N", "-E", "UTF8"),
    *("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en"),
)
#: Nothing here must survive a power loss, but what was committed survives a killed server; nobody
#: else may connect.
SETTINGS = (
    *("fsync = off", "full_page_writes = off", "max_wal_size = 256MB", "shared_buffers = 32MB"),
    *("max_connections = 200", "listen_addresses = ''", "autovacuum = off"),
)


class SqliteStores:
    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="mxsqlite"))
        self._empty: Path | None = None

    def empty(self) -> str:
        """The address of a migrated store without rows."""
        if self._empty is None:
            self._empty = self._folder / "empty.db"
            _migrate(f"sqlite:///{self._empty}")
        path = shutil.copy(self._empty, self._folder / f"{uuid.uuid4().hex}.db")
        return f"sqlite:///{path}"

    def unmigrated(self) -> str:
        return f"sqlite:///{self._folder / uuid.uuid4().hex}.db"

    def drop(self, url: str) -> None:
        path = Path(url.removeprefix("sqlite:///"))
        for each in path.parent.glob(path.name + "*"):
            each.unlink()

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


class PostgresStores:
    def __init__(self) -> None:
        """Start a server. Raises ``FileNotFoundError`` where none is installed."""
        self._control = _control()
        self._folder = Path(tempfile.mkdtemp(prefix="mxpg"))
        # The server refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(self._folder, self._user)
        self._data = self._folder / "data"
        self._migrated = False
        self._run(str(Path(self._control).with_name("initdb")), *CLUSTER)
        with open(self._data / "postgresql.conf", "a", encoding="utf-8") as settings:
            settings.writelines(f"{each}\n" for each in SETTINGS)
            settings.write(f"unix_socket_directories = '{self._folder}'\n")
        self.start()

    def start(self) -> None:
        self._run(self._control, "-w", "-l", str(self._folder / "log"), "start")

    def stop(self) -> None:
        """At once, as if it were killed."""
        self._run(self._control, "-m", "immediate", "stop")

    def empty(self) -> str:
        """The address of a migrated store without rows."""
        if not self._migrated:
            self._sql('CREATE DATABASE "empty" TEMPLATE template0')
            _migrate(self._url("empty"))
            self._migrated = True
        return self._create("empty")

    def unmigrated(self) -> str:
        return self._create("template0")

    def drop(self, url: str) -> None:
        name = sa.make_url(url).database
        self._sql(f'DROP DATABASE "{name}" WITH (FORCE)')

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _create(self, template: str) -> str:
        name = uuid.uuid4().hex
        self._sql(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        return self._url(name)

    def _url(self, name: str) -> str:
        return f"postgresql://mixpeek@/{name}?host={self._folder}"

    def _sql(self, statement: str) -> None:
        import psycopg

        place = f"dbname=postgres user=mixpeek host={self._folder}"
        with psycopg.connect(place, autocommit=True) as connection:
            connection.execute(statement.encode())

    def _run(self, program: str, *arguments: str) -> None:
        # What the server writes goes to its log: it would keep a pipe open.
        command = [program, "-D", str(self._data), *arguments]
        subprocess.run(command, check=True, user=self._user, cwd="/", stdout=subprocess.DEVNULL)


Stores = SqliteStores | PostgresStores


def _control() -> str:
    """Where the program that starts servers lies, beside the others of its version."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    found = shutil.which("pg_ctl") or (str(debian[-1]) if debian else None)
    if found is None:
        raise FileNotFoundError("PostgreSQL's server (Debian: postgresql)")
    return os.path.realpath(found)


def _migrate(url: str) -> None:
    database = Database(url)
    migrate(database)
    database.close()
