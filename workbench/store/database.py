"""The connection to the metadata store: SQLite here, PostgreSQL by its address.

Promises: one writer at a time, whatever the number of processes, so a write may read before it
changes and finds what it read; any number of readers beside it, each with one view of everything
it reads; a committed transaction survives a power loss; who waits to write gives up after
``PATIENCE``. That is a lock in the process and, in SQLite, ``BEGIN IMMEDIATE``, WAL and
``synchronous=FULL``; in PostgreSQL an advisory lock that goes with the transaction, and readers at
REPEATABLE READ. All calls block: async code calls them in a thread.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.engine import Connection, Engine

from workbench.domain.errors import Code, WorkbenchError


def now_ms() -> int:
    return time.time_ns() // 1_000_000


#: Seconds that a writer waits for others, and a caller for a server.
PATIENCE, CONNECT = 30, 10
#: Seconds after which a server ends the transaction of a writer that has gone without a word, whose
#: lock holds up all others.
SILENCE = 60
#: Which advisory lock of the database a writer holds: the workbench's own number.
_WRITER = 0x6D697870656B


class Database:
    def __init__(self, url: str) -> None:
        """``url`` is SQLAlchemy's, e.g. ``sqlite:////home/…/metadata.db``."""
        self.url = url
        self.sqlite = url.startswith("sqlite")
        self._lock = threading.Lock()
        if self.sqlite:
            options: dict[str, Any] = {
                "connect_args": {"check_same_thread": False, "timeout": PATIENCE}
            }
            self._writer = sa.create_engine(url, pool_size=1, max_overflow=0, **options)
            self._reader = sa.create_engine(url, pool_size=8, max_overflow=8, **options)
            _configure_sqlite(self._writer, "BEGIN IMMEDIATE")
            _configure_sqlite(self._reader, "BEGIN")
        else:
            self._writer = _server(url)
            self._reader = self._writer.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )

    @contextmanager
    def write(self) -> Generator[Connection]:
        """A transaction that may change rows; committed at the end, rolled back on an error."""
        with self._lock, self._writer.begin() as connection:
            if not self.sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITER)))
            yield connection

    @contextmanager
    def read(self) -> Generator[Connection]:
        """A consistent view that changes nothing."""
        with self._reader.connect() as connection:
            yield connection

    def examine(self) -> tuple[str, bool]:
        """The version of the server, and whether tables can be made in it. Raises what
        ``out_of_reach`` knows."""
        allowed = sa.func.has_schema_privilege(sa.func.current_schema(), "CREATE")
        with self.read() as connection:
            version = connection.execute(sa.text("SHOW server_version")).scalar_one()
            return str(version), bool(connection.execute(sa.select(allowed)).scalar())

    @property
    def engine(self) -> Engine:
        """The writing engine, for migrations."""
        return self._writer

    def close(self) -> None:
        self._reader.dispose()
        self._writer.dispose()


def out_of_reach(problem: BaseException) -> bool:
    """Whether this says that the database did not answer, or that others wrote for longer than
    one waits: a later try may succeed."""
    match problem:
        case exc.TimeoutError() | exc.InterfaceError():
            return True
        case exc.OperationalError():
            return not isinstance(problem.orig, sqlite3.Error) or "is locked" in str(problem.orig)
        case exc.DBAPIError():
            return problem.connection_invalidated
        case _:
            return False


def refused(problem: BaseException) -> bool:
    """Whether this says that a value cannot be kept: PostgreSQL takes no NUL in a text."""
    return isinstance(problem, exc.DataError)


def _server(url: str) -> Engine:
    """Raises ``WorkbenchError`` where the server's driver is not installed."""
    place = sa.make_url(url)
    if place.drivername == "postgresql":
        place = place.set(drivername="postgresql+psycopg")
    if "psycopg" in place.drivername:
        place = place.set(query={"connect_timeout": str(CONNECT), **place.query})
    try:
        engine = sa.create_engine(
            place,
            pool_size=8,
            max_overflow=8,
            pool_pre_ping=True,  # a server that was started again is no error
            pool_timeout=PATIENCE,
        )
    except ModuleNotFoundError as error:
        raise WorkbenchError(
            Code.INVALID_PARAMETER,
            f"the database of the metadata needs the driver {error.name}, not installed here",
            "pip install 'mixpeek-workbench[postgresql]' brings psycopg; SQLite needs none",
        ) from error

    def connect(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{PATIENCE}s'")
            cursor.execute(f"SET idle_in_transaction_session_timeout = '{SILENCE}s'")
        connection.commit()

    event.listen(engine, "connect", connect)
    return engine


def _configure_sqlite(engine: Engine, begin: str) -> None:
    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we begin, not the driver
        cursor = connection.cursor()
        for pragma in (
            # First: switching to WAL can itself find the file busy.
            f"busy_timeout={PATIENCE * 1000}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            "cache_size=-32768",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", connect)
    event.listen(engine, "begin", begin_transaction)
