"""The connection to the metadata store: SQLite here, PostgreSQL by its address.

Promises: one writer at a time in SQLite (a lock, and ``BEGIN IMMEDIATE`` so that a write never
starts as a read); any number of readers beside it (WAL); a committed transaction survives a power
loss (``synchronous=FULL``). All calls block: async code calls them in a thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from workbench.domain.errors import Code, WorkbenchError


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Database:
    def __init__(self, url: str) -> None:
        """``url`` is SQLAlchemy's, e.g. ``sqlite:////home/…/metadata.db``."""
        self.url = url
        self.sqlite = url.startswith("sqlite")
        self._lock = threading.Lock()
        if self.sqlite:
            options: dict[str, Any] = {"connect_args": {"check_same_thread": False, "timeout": 30}}
            self._writer = sa.create_engine(url, pool_size=1, max_overflow=0, **options)
            self._reader = sa.create_engine(url, pool_size=8, max_overflow=8, **options)
            _configure_sqlite(self._writer, "BEGIN IMMEDIATE")
            _configure_sqlite(self._reader, "BEGIN")
        else:
            self._writer = self._reader = _engine(url)

    @contextmanager
    def write(self) -> Generator[Connection]:
        """A transaction that may change rows; committed at the end, rolled back on an error."""
        if self.sqlite:
            with self._lock, self._writer.begin() as connection:
                yield connection
        else:
            with self._writer.begin() as connection:
                yield connection

    @contextmanager
    def read(self) -> Generator[Connection]:
        """A consistent view that changes nothing."""
        with self._reader.connect() as connection:
            yield connection

    @property
    def engine(self) -> Engine:
        """The writing engine, for migrations."""
        return self._writer

    def close(self) -> None:
        self._reader.dispose()
        self._writer.dispose()


def _engine(url: str) -> Engine:
    """Of a server. Raises ``WorkbenchError`` where its driver is not installed."""
    try:
        return sa.create_engine(url, pool_size=8, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise WorkbenchError(
            Code.INVALID_PARAMETER,
            f"the database of the metadata needs the driver {error.name}, not installed here",
            f"pip install {error.name}; or leave database_url out: SQLite needs none",
        ) from error


def _configure_sqlite(engine: Engine, begin: str) -> None:
    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we begin, not the driver
        cursor = connection.cursor()
        for pragma in (
            "busy_timeout=30000",  # first: switching to WAL can itself find the file busy
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
