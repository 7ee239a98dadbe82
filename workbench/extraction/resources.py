"""What Ray has, what an extractor asks of it, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields

from workbench.extraction.jobs import Recipe

#: Fractions of a slot add up with a little noise.
_NOISE = 1e-9


@dataclass(frozen=True)
class Room:
    """CPU slots, GPUs and bytes of memory: what a cluster has, or what an actor takes of it."""

    cpu: float = 0.0
    gpu: float = 0.0
    memory: float = 0.0

    def __sub__(self, taken: Room) -> Room:
        return Room(*(a - b for a, b in zip(astuple(self), astuple(taken), strict=True)))

    def lacks(self, wanted: Room) -> tuple[str, ...]:
        """The names of what is too little here for ``wanted``; none when it fits."""
        return tuple(
            one.name
            for one in fields(self)
            if getattr(wanted, one.name) > getattr(self, one.name) + _NOISE
        )

    def has_any(self, names: Iterable[str]) -> bool:
        return any(getattr(self, name) > 0 for name in names)


@dataclass(frozen=True)
class Cluster:
    """What the Ray that was reached has in all, and the types of its accelerators."""

    room: Room
    accelerators: frozenset[str] = frozenset()


def takes(recipe: Recipe) -> Room:
    """What an actor of the recipe takes."""
    wanted = recipe.resources
    return Room(wanted.cpu, wanted.gpu, wanted.memory or 0)


def missing(recipe: Recipe, have: Cluster) -> str:
    """What the extractor needs and the cluster has not, "" when it has everything."""
    needs, kind = takes(recipe), recipe.resources.accelerator_type
    said = {
        "cpu": f"needs {needs.cpu:g} CPUs, Ray has {have.room.cpu:g}",
        "gpu": f"needs a GPU, Ray has {have.room.gpu:g}",
        "memory": f"needs {needs.memory / 2**30:.1f} GiB of memory, Ray has "
        f"{have.room.memory / 2**30:.1f}",
    }
    if lacking := have.room.lacks(needs):
        return said[lacking[0]]
    if kind and kind not in have.accelerators:
        return f"needs an accelerator of type {kind}, Ray has {_or_none(have.accelerators)}"
    return ""


def _or_none(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "none"
