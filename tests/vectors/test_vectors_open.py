"""Which adapter a location opens, and what a store says that nobody answers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workbench.vectors import open_vectors
from workbench.vectors.embedded import EmbeddedStore
from workbench.vectors.port import Arm, VectorsUnavailable
from workbench.vectors.server import ServerStore


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
async def test_a_location_chooses_the_adapter() -> None:
    for location, kind in {
        "http://127.0.0.1:1": ServerStore,
        "https://vectors.example": ServerStore,
        "/run/x/vectors": EmbeddedStore,
        "unix:/run/x/vectors": EmbeddedStore,
    }.items():
        store = open_vectors(location, api_key="secret-key")
        assert isinstance(store, kind)
        assert "secret-key" not in repr(store)
        await store.close()


async def test_a_server_that_is_away() -> None:
    store = open_vectors("http://127.0.0.1:1")
    with pytest.raises(VectorsUnavailable):
        await store.spaces()
    with pytest.raises(VectorsUnavailable):
        await store.search([Arm("x", "bm25", 1, text="x")])
    await store.close()


async def test_an_owner_that_is_away(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "none", patience=0.3)
    with pytest.raises(VectorsUnavailable, match="none"):
        await store.spaces()
    await store.close()
    with pytest.raises(VectorsUnavailable, match="closed"):
        await store.spaces()


async def test_a_path_that_is_no_socket(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / ("x" * 200), patience=0.1)
    with pytest.raises(VectorsUnavailable):
        await store.spaces()


@pytest.mark.skipif(
    not os.environ.get("QDRANT_URL"),
    reason="QDRANT_URL is not set: the contract was not run against a Qdrant server",
)
async def test_the_contract_ran_against_a_server() -> None:
    store = open_vectors(os.environ["QDRANT_URL"], api_key=os.environ.get("QDRANT_API_KEY"))
    assert (await store.health())["engine"] == "qdrant"
    await store.close()
