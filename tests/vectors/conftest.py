"""Both adapters, each over its real engine: an owner process, and qdrant-client's local mode or the
server that ``QDRANT_URL`` names."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
from qdrant_client import AsyncQdrantClient
from vectors_owner import OwnerProcess

from workbench.vectors.embedded import EmbeddedStore
from workbench.vectors.port import VectorStore
from workbench.vectors.server import ServerStore


@pytest.fixture(scope="session")
def shared_owner() -> Iterator[OwnerProcess]:
    """One owner for all tests that do no harm to it."""
    owner = OwnerProcess().start()
    yield owner
    owner.close()


URL = os.environ.get("QDRANT_URL")


@pytest.fixture(params=["embedded", "local", *(["server"] if URL else [])])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[VectorStore]:
    prefix = f"test_{uuid.uuid4().hex[:8]}_"
    made: VectorStore
    if request.param == "embedded":
        made = EmbeddedStore(request.getfixturevalue("shared_owner").socket)
    elif request.param == "local":
        made = ServerStore(AsyncQdrantClient(":memory:"))
    else:
        key = os.environ.get("QDRANT_API_KEY")
        made = ServerStore.connect(str(URL), api_key=key, prefix=prefix)
    yield made
    if request.param == "server":
        for space in await made.spaces():
            await made.drop_space(space)
    await made.close()


@pytest.fixture
def fresh() -> str:
    """The name of a space that no other test uses."""
    return f"test_v1_{uuid.uuid4().hex[:8]}"
