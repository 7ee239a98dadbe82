"""From a query to the ranked lists to ask for.

A text gives a dense arm for each space and output that texts can search, and a BM25 arm for each
space. An example gives a dense arm for each output that examples of its kind can search. A vector
gives an arm for exactly the output that its feature address names. A document gives, for each of
its vectors, an arm for each output in scope of the same model.

Every arm carries the scope in its filter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.filters import Filter
from workbench.domain.wire import Mode
from workbench.extraction.contract import Output, QueryKind, Vector
from workbench.search.query import VectorQuery
from workbench.search.scope import Scope, Space
from workbench.vectors.port import TEXT_VECTOR, Arm


@dataclass(frozen=True)
class Target:
    """A ranked list to ask for, before its limit is known. ``output`` None is the text index."""

    space: Space
    output: Output | None
    vector: Vector | None = None
    text: str | None = None

    @property
    def kind(self) -> Literal["dense", "text"]:
        return "text" if self.output is None else "dense"

    @property
    def feature(self) -> str | None:
        if self.output is None or self.space.spec is None:
            return None
        return self.space.spec.address(self.output.name)

    @property
    def similarity(self) -> bool:
        """Whether scores are cosines."""
        return self.output is not None and self.output.distance == "cosine"

    def arm(
        self, scope: Scope, limit: int, user: Filter | None, *, exact: bool, payload: bool
    ) -> Arm:
        return Arm(
            space=self.space.name,
            using=TEXT_VECTOR if self.output is None else self.output.name,
            limit=limit,
            vector=self.vector,
            text=self.text,
            filter=scope.where(self.space, user),
            payload=payload,
            exact=exact,
        )


def searchable(scope: Scope, kind: QueryKind) -> list[tuple[Space, Output]]:
    """The outputs in scope that queries of ``kind`` can search."""
    return [
        (space, output)
        for space in scope.spaces
        for output in space.outputs
        if kind in output.queries
    ]


def for_text(scope: Scope, mode: Mode, text: str, vectors: Mapping[str, Vector]) -> list[Target]:
    """``vectors`` holds the text in the space of each model; it is not used in mode text."""
    targets: list[Target] = []
    if mode != "text":
        targets += for_vectors(searchable(scope, "text"), vectors)
    if mode != "dense":
        targets += [Target(space, None, text=text) for space in scope.spaces]
    return targets


def for_vectors(
    outputs: Sequence[tuple[Space, Output]], vectors: Mapping[str, Vector]
) -> list[Target]:
    """An arm for each output whose model is in ``vectors``."""
    return [
        Target(space, output, vector=vectors[output.model])
        for space, output in outputs
        if output.model in vectors
    ]


def for_vector(scope: Scope, query: VectorQuery, known: Sequence[Output]) -> list[Target]:
    """``known`` are the outputs of the extractor with its default parameters. Raises
    ``WorkbenchError`` for an output or a dimension that the extractor does not have."""
    outputs = [
        (space, output)
        for space in scope.spaces
        if space.extractor == query.extractor
        for output in space.outputs
        if output.name == query.output
    ]
    dimensions = {output.dimension for _, output in outputs} or {
        output.dimension for output in known if output.name == query.output
    }
    if not dimensions:
        names = ", ".join(output.name for output in known)
        raise WorkbenchError(
            Code.INVALID_QUERY,
            f"{query.extractor} has no output {query.output!r}",
            f"its outputs: {names}" if names else "it makes no vectors",
        )
    size = query.vector.shape[0]
    if size not in dimensions:
        wanted = " or ".join(str(each) for each in sorted(dimensions))
        raise WorkbenchError(
            Code.INVALID_QUERY,
            f"vectors of {query.feature} have {wanted} components, this one has {size}",
            "encode the query with the model of that feature",
        )
    return [
        Target(space, output, vector=query.vector)
        for space, output in outputs
        if output.dimension == size
    ]
