"""Queries as vectors: the models of the installed extractors, opened once each.

A *session* is one extractor instance with a thread of its own, so that the event loop never waits
for a model and a model is never entered twice at once. Outputs of one model share a space, so one
session encodes for all of them: that of the extractor with the fewest outputs, which opens the
fewest files. Texts that were encoded lately are kept.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from workbench.domain.errors import Code, WorkbenchError
from workbench.extraction.contract import Extractor, Output, Query, QueryKind, Vector
from workbench.extraction.registry import Registry, outputs_for
from workbench.search.session import ModelSession

log = logging.getLogger(__name__)

#: Encoded texts kept: 1,000 of 384 dimensions are 1.5 MB.
CACHED = 1000


@dataclass(frozen=True)
class Encodable:
    """An output to encode for, with its extractor (``name@version``) and parameters."""

    extractor: str
    parameters: Mapping[str, Any]
    output: Output


class QueryEncoder:
    """Encodes queries for any model of the registry. Belongs to one event loop."""

    def __init__(self, registry: Registry, cached: int = CACHED) -> None:
        self._registry = registry
        self._cached = cached
        self._texts: OrderedDict[tuple[str, str], Vector] = OrderedDict()
        self._sessions: dict[str, _Session] = {}
        self._providers: dict[tuple[str, QueryKind], Encodable] = {}

    async def encode(
        self,
        query: Query,
        wanted: Iterable[Encodable],
        unopened: Callable[[WorkbenchError], None] | None = None,
    ) -> dict[str, Vector]:
        """The query in the space of each wanted output's model, by model; shape (dimension,).

        Raises ``WorkbenchError``: unavailable (the model cannot be opened), invalid query or
        unsupported media (the content cannot be encoded). With ``unopened`` a model that cannot be
        opened is left out, and its error told there.
        """
        models: dict[str, Encodable] = {}
        for each in wanted:
            models.setdefault(each.output.model, each)
        answers = await asyncio.gather(
            *(self._one(query, each) for each in models.values()), return_exceptions=True
        )
        vectors: dict[str, Vector] = {}
        for model, answer in zip(models, answers, strict=True):
            if not isinstance(answer, BaseException):
                vectors[model] = answer
            elif unopened is None or not _unavailable(answer):
                raise answer
            else:
                unopened(cast(WorkbenchError, answer))
        return vectors

    async def warm(self) -> None:
        """Open the model of every output that can be searched. One that cannot be opened is logged,
        and tried again when a query needs it."""
        for spec in self._registry.specs():
            if spec.isolated:
                continue
            defaults = spec.parameters()
            for output in outputs_for(spec, defaults):
                each = Encodable(spec.key, defaults.model_dump(), output)
                try:
                    for kind in sorted(output.queries):
                        session = self._session(self._provider(kind, each))
                        await session.run(session.open)
                    if "text" in output.queries:
                        await self._one(Query("text", text="warm"), each)
                except WorkbenchError as error:
                    log.warning("search starts without %s: %s", output.model, error)

    def close(self) -> None:
        for session in self._sessions.values():
            session.close()

    async def _one(self, query: Query, wanted: Encodable) -> Vector:
        key = (wanted.output.model, query.text or "")
        if query.kind == "text" and key in self._texts:
            self._texts.move_to_end(key)
            return self._texts[key]
        provider = self._provider(query.kind, wanted)
        session = self._session(provider)
        vector = await session.run(lambda: session.encode(query, provider.output))
        if query.kind == "text":
            self._texts[key] = vector
            while len(self._texts) > self._cached:
                self._texts.popitem(last=False)
        return vector

    def _provider(self, kind: QueryKind, wanted: Encodable) -> Encodable:
        """Who encodes this kind for the model of ``wanted``: chosen once, then kept."""
        key = (wanted.output.model, kind)
        if key not in self._providers:
            able = [
                (len(outputs), spec.key, Encodable(spec.key, defaults.model_dump(), output))
                for spec in self._registry.specs()
                if not spec.isolated
                for defaults in (spec.parameters(),)
                for outputs in (outputs_for(spec, defaults),)
                for output in outputs
                if output.model == wanted.output.model and kind in output.queries
            ]
            best = min(able, key=lambda each: each[:2], default=None)
            self._providers[key] = best[2] if best else wanted
        return self._providers[key]

    def _session(self, provider: Encodable) -> _Session:
        key = self._registry.digest(provider.extractor, provider.parameters)
        if key not in self._sessions:
            made = self._registry.create(provider.extractor, provider.parameters)
            if made.spec.isolated:
                raise WorkbenchError(
                    Code.UNAVAILABLE,
                    f"{made.spec.key} runs isolated, so queries for it are not encoded here",
                    "search other collections, or with mode text",
                )
            self._sessions[key] = _Session(made)
        return self._sessions[key]


def _unavailable(error: BaseException) -> bool:
    return isinstance(error, WorkbenchError) and error.code == Code.UNAVAILABLE


class _Session(ModelSession):
    """One extractor. ``encode`` runs in its thread only."""

    def __init__(self, extractor: Extractor) -> None:
        self._extractor = extractor
        self._key = extractor.spec.key
        super().__init__(f"encode-{self._key}", extractor.load, self._unopened)

    def encode(self, query: Query, output: Output) -> Vector:
        self.open()
        try:
            vector = self._extractor.encode(query, output.name)
        except ValueError as error:
            text = query.kind == "text"
            raise WorkbenchError(
                Code.INVALID_QUERY if text else Code.UNSUPPORTED_MEDIA,
                f"{self._key} cannot encode this {query.kind}: {error}",
            ) from error
        vector = np.asarray(vector, dtype=np.float32)
        if vector.shape != (output.dimension,) or not bool(np.isfinite(vector).all()):
            raise WorkbenchError(
                Code.INTERNAL,
                f"{self._key} made no valid vector for {output.name} out of this {query.kind}",
                "this is a defect of the extractor",
            )
        return vector

    def _unopened(self, error: Exception) -> WorkbenchError:
        return WorkbenchError(
            Code.UNAVAILABLE,
            f"the models of {self._key} cannot be opened: {type(error).__name__}: {error}",
            "run `mixpeek doctor`",
        )
