"""Modules that several tests share lie beside this file (``toys``).

Tests that start a whole stack or a Ray run one after the other, the others side by side:
``engines`` marks the first, by their folders (see the Makefile).
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ENGINES = frozenset({"extraction", "faults", "hostile", "journeys", "lab", "stack"})

sys.path.insert(0, str(HERE))


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(HERE).parts[0] in ENGINES:
            item.add_marker("engines")
