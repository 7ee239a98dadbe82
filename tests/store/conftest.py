from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from store_rows import Rows

from workbench.store.database import Database
from workbench.store.migrations import migrate


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A migrated store in a file of its own."""
    database = Database(f"sqlite:///{tmp_path / 'metadata.db'}")
    migrate(database)
    yield database
    database.close()


@pytest.fixture
def rows(database: Database) -> Rows:
    return Rows(database)
