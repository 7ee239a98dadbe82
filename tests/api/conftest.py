from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from api_stand import Stand, make_stand

from workbench.store.database import Database


@pytest.fixture
async def stand(database: Database, tmp_path: Path) -> AsyncIterator[Stand]:
    stand = make_stand(database, tmp_path, tmp_path / "none.sock")
    yield stand
    await stand.close()


@pytest.fixture
def client(stand: Stand) -> httpx.AsyncClient:
    """With the home's key."""
    return stand.client()
