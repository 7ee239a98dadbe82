"""Modules that several tests share lie beside this file (``toys``).

Tests that start a whole stack or a Ray run one after the other, the others side by side:
``engines`` marks the first, by their folders (see the Makefile).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from databases import Stores

    from workbench.store.database import Database

HERE = Path(__file__).parent
ENGINES = frozenset({"extraction", "faults", "hostile", "journeys", "lab", "stack"})

sys.path.insert(0, str(HERE))


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(HERE).parts[0] in ENGINES:
            item.add_marker("engines")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What needs a metadata store is tested with each kind, or with those of its mark."""
    if "stores" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("stores")
        kinds = mark.args if mark else ("sqlite", "postgresql")
        metafunc.parametrize("stores", kinds, indirect=True, scope="session")


@pytest.fixture(scope="session")
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    """Empty metadata stores of each kind."""
    from databases import PostgresStores, SqliteStores

    try:
        stores = SqliteStores() if request.param == "sqlite" else PostgresStores()
    except FileNotFoundError as missing:
        pytest.skip(f"{missing} is not installed")
    yield stores
    stores.close()


@pytest.fixture
def database(stores: Stores) -> Iterator[Database]:
    """A migrated store without rows."""
    from workbench.store.database import Database

    url = stores.empty()
    database = Database(url)
    yield database
    database.close()
    stores.drop(url)
