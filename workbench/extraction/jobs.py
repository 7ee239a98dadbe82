"""What the pool is asked to do, and how that can end without a summary.

A *recipe* is an extractor with its parameters; a *job* is a chunk, or some objects of it, for an
actor of that recipe. What is raised says whether another try may help: a worker that died and a Ray
that does not start may come back, models that cannot be opened and a resource that the cluster
lacks do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.extraction.contract import Resources


@dataclass(frozen=True)
class Recipe:
    """What an actor is made of. ``digest`` identifies it."""

    digest: str
    target: str  # module:Class
    parameters: Mapping[str, Any] = field(hash=False, compare=False)
    resources: Resources = field(hash=False, compare=False)


@dataclass(frozen=True)
class Job:
    recipe: Recipe
    namespace_id: str
    chunk_id: str
    only: tuple[int, ...] | None = None
    part: str = ""


class WorkerDied(Exception):
    """The worker process ended in the middle of the job, which it had for ``seconds``."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds


class LoadFailed(Exception):
    """The extractor's models cannot be opened."""


class RayNotStarted(Exception):
    """Ray does not start, or the cluster is not reached. It may later."""


class NoSuchResource(Exception):
    """The cluster has no such resource, e.g. no GPU."""


class StoppedBeforeResult(Exception):
    """The job was stopped before it had anything to keep."""
