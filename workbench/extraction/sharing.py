"""Sharing what Ray has between the recipes that have work.

Room is handed out in rounds, one actor a recipe, so that nobody waits for the end of another's
queue. This knows numbers only, neither actors nor Ray.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workbench.extraction.resources import Room


@dataclass(frozen=True)
class Demand:
    """``jobs`` queued and running; what ``each`` actor takes."""

    jobs: int
    each: Room


def targets(demand: Mapping[str, Demand], room: Room) -> dict[str, int]:
    """How many actors each recipe should have: room is handed out in rounds, one actor to each
    recipe that still has an unserved job, until nothing fits. A recipe with work gets at least one
    actor when there is enough for it beside one of each before it."""
    shares = dict.fromkeys(demand, 0)
    free = room
    while True:
        given = False
        for key, wanted in demand.items():
            if shares[key] < wanted.jobs and not free.lacks(wanted.each):
                shares[key] += 1
                free -= wanted.each
                given = True
        if not given:
            return shares
