"""One stack serves all journeys that leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from stack_journey import Stack


@pytest.fixture(scope="session")
def shared_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("shared")
    stack = Stack(folder / "home", {"MIXPEEK_EXTRACTORS": "toys:Toy"})
    stack.up()
    yield stack
    stack.down()
