"""Each part is killed three times in the middle of an ingest; it ends by itself, whole.

``make faults`` does the same at more moments. The seed is printed when a run fails.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from fault_runs import PARTS, Harness

pytestmark = [pytest.mark.journey, pytest.mark.timeout(420)]

TIMES = 3
FILES = 400
PAUSE = 0.02


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    harness = Harness(tmp_path_factory.mktemp("killed"), FILES, PAUSE, seed)
    yield harness
    harness.close()


@pytest.mark.parametrize("part", PARTS)
def test_a_killed_part_comes_back_and_nothing_is_lost_or_doubled(harness: Harness, part: str):
    run = harness.run([part] * TIMES)
    assert len(run.kills) == TIMES
    assert run.right, run
