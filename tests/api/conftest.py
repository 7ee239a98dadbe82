from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from api_stand import Stand, make_stand

from workbench.store.database import Database
from workbench.store.migrations import migrate


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated store, to be copied: migrating takes half a second."""
    path = tmp_path_factory.mktemp("store") / "metadata.db"
    database = Database(f"sqlite:///{path}")
    migrate(database)
    database.close()
    return path


@pytest.fixture
def database(empty_store: Path, tmp_path: Path) -> Iterator[Database]:
    path = shutil.copy(empty_store, tmp_path / "metadata.db")
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


@pytest.fixture
async def stand(database: Database, tmp_path: Path) -> AsyncIterator[Stand]:
    stand = make_stand(database, tmp_path, tmp_path / "none.sock")
    yield stand
    await stand.close()


@pytest.fixture
def client(stand: Stand) -> httpx.AsyncClient:
    """With the home's key."""
    return stand.client()
