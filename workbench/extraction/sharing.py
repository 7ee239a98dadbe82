"""Sharing the CPU slots of Ray between the recipes that have work.

Slots are handed out in rounds, one actor a recipe, so that nobody waits for the end of another's
queue. This knows numbers only, neither actors nor Ray.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Demand:
    """``jobs`` queued and running; ``cpu`` of one actor."""

    jobs: int
    cpu: float


def targets(demand: Mapping[str, Demand], slots: float) -> dict[str, int]:
    """How many actors each recipe should have: slots are handed out in rounds, one actor to each
    recipe that still has an unserved job, until nothing fits. A recipe with work gets at least one
    actor when the slots would fit it alone."""
    shares = dict.fromkeys(demand, 0)
    free = slots
    while True:
        given = False
        for key, wanted in demand.items():
            if shares[key] < wanted.jobs and wanted.cpu <= free + 1e-9:
                shares[key] += 1
                free -= wanted.cpu
                given = True
        if not given:
            return shares
