"""The Ray side of the pool: reaching Ray or starting one, making actors and ending them.

Ray is imported when it is first needed: that takes its time, and a worker without a job needs none
of it. What Ray says of an error goes through ``cause``, so that a person reads one line.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.extraction import ray_processes
from workbench.extraction.jobs import RayNotStarted, Recipe
from workbench.extraction.resources import Cluster, Room

_ACCELERATOR = "accelerator_type:"
_MODULE = re.compile(r"^(?:\w+\.)+(?=\w+: )")


@dataclass(frozen=True)
class RayOptions:
    """``address`` None starts a local Ray with ``cpus``; ``folder`` is its (short) temp path."""

    address: str | None
    cpus: int
    folder: str | None
    object_store_bytes: int = 128 * 1024 * 1024


def connect(options: RayOptions) -> Cluster:
    """Reach or start Ray; what it has. Raises RayNotStarted, and then nothing
    of a half-started one is left."""
    import ray

    where: dict[str, Any] = {"address": options.address}
    if options.address is None:
        where = {
            "address": "local",
            "num_cpus": options.cpus,
            "include_dashboard": False,
            "object_store_memory": options.object_store_bytes,
            "_temp_dir": options.folder,
        }
    try:
        ray.init(namespace="mixpeek", log_to_driver=False, **where)
        return cluster()
    except Exception as error:
        ray.shutdown()  # a half-started one would hold the ports of the next
        if options.address is None:
            ray_processes.end_all()
        raise RayNotStarted(cause(error)) from error


def disconnect() -> None:
    """Leave the cluster, or end the Ray that was started here."""
    import ray

    if ray.is_initialized():
        ray.shutdown()


def cluster() -> Cluster:
    """What the cluster has now; nodes may have come."""
    import ray

    found = ray.cluster_resources()
    room = Room(found.get("CPU", 0.0), found.get("GPU", 0.0), found.get("memory", 0.0))
    kinds = (name.removeprefix(_ACCELERATOR) for name in found if name.startswith(_ACCELERATOR))
    return Cluster(room, frozenset(kinds))


def create(recipe: Recipe, blobs: str) -> Any:
    """The handle of a new actor, which loads nothing before it is asked to."""
    import ray

    from workbench.extraction.actor import CONCURRENCY, ExtractorActor

    wanted = recipe.resources
    options: dict[str, Any] = {
        "num_cpus": wanted.cpu,
        "num_gpus": wanted.gpu,
        "max_restarts": 0,
        "max_task_retries": 0,
        "concurrency_groups": CONCURRENCY,
    }
    if wanted.memory:
        options["memory"] = wanted.memory
    if wanted.accelerator_type:
        options["accelerator_type"] = wanted.accelerator_type
    remote: Any = ray.remote(**options)(ExtractorActor)
    return remote.remote(recipe.target, dict(recipe.parameters), blobs)


def end(handle: Any) -> None:
    """End an actor, whatever it is doing; it may have ended already."""
    import ray

    with contextlib.suppress(Exception):
        ray.kill(handle, no_restart=True)


def cause(error: BaseException) -> str:
    """The last line of what the worker said, without Ray's frames around it and without the module
    of the error's class."""
    lines: Sequence[str] = [line.strip() for line in str(error).splitlines() if line.strip()]
    return _MODULE.sub("", lines[-1])[:500] if lines else type(error).__name__
