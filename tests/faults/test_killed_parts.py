"""Each part is killed three times in the middle of an ingest, and Temporal's file is deleted; it
ends by itself, whole.

What is quick to come back is killed together with something that takes its time, which is harder
for both and costs no more. ``make faults`` kills one at a time, at more moments. Work goes on
without the service, and may be done before it is killed again: another ingest has the rest. The
seed is printed when a run fails.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from fault_runs import PARTS, Harness
from starting import restarted, temporal_deleted

#: The service dies alone: work goes on without it, and may be done when it is back.
TOGETHER = (("worker", "temporal"), ("raylet", "vectors"), ("actor",), ("service",), ("up",))

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


@pytest.mark.parametrize("parts", TOGETHER, ids="+".join)
def test_killed_parts_come_back_and_nothing_is_lost_or_doubled(
    harness: Harness, parts: tuple[str, ...]
):
    left = TIMES
    while left:
        run = harness.run([parts] * left)
        assert run.right, run
        assert run.kills, run
        left -= len(run.kills) // len(parts)


def test_a_start_after_temporals_file_was_deleted(harness: Harness):
    restart = restarted(harness, temporal_deleted)
    assert any("started again" in line for line in restart.found), restart


def test_no_part_is_left_out():
    assert sorted(part for parts in TOGETHER for part in parts) == sorted(PARTS)
