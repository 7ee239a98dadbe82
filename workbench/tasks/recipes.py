"""From an extractor's name and parameters to the collection that a request asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.extraction.registry import Registry
from workbench.store.acceptance import Recipe


def recipe(
    registry: Registry,
    extractor: str,
    parameters: Mapping[str, Any],
    *,
    keep: bool,
    over: str | None = None,
) -> Recipe:
    """Raises ``WorkbenchError``: no such extractor, or a parameter that it does not take.
    ``keep``: a collection that is there keeps its parameters. ``over``: the digest of the revision
    whose parameters are among these."""
    made = registry.create(extractor, parameters)
    values = made.parameters.model_dump(mode="json")
    return Recipe(
        extractor=made.spec.key,
        name=made.spec.name,
        parameters=values,
        digest=registry.digest(extractor, values),
        space=registry.space(extractor, values).name,
        keep=keep,
        over=over,
    )
