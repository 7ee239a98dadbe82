from __future__ import annotations

import pytest
from store_rows import Rows

from workbench.store.database import Database


@pytest.fixture
def rows(database: Database) -> Rows:
    return Rows(database)
