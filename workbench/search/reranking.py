"""The second look at a search's best hits: a cross-encoder reads query and text together.

The models are named by the entry points ``mixpeek.rerankers``; none is imported before a search
asks for it. A model has a thread of its own, as the query encoders do, and the one that was asked
for longest ago is closed when there are more than ``OPEN``.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any

import numpy as np

from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.near import near
from workbench.domain.wire import Hit, Reason
from workbench.extraction.contract import Reranker, Vector
from workbench.search.session import ModelSession

log = logging.getLogger(__name__)

GROUP = "mixpeek.rerankers"
#: Hits that are read again: about a second of the smallest model on two cores. Those below keep
#: their order.
DEPTH = 50
#: Models held open: the large ones take gigabytes.
OPEN = 2


class Rerankers:
    """The rerankers of this environment. Belongs to one event loop."""

    def __init__(self, kinds: Callable[[], Sequence[type[Reranker]]]) -> None:
        self._kinds = kinds
        self._known: Mapping[str, type[Reranker]] | None = None
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    @classmethod
    def discover(cls) -> Rerankers:
        return cls(_installed)

    async def score(self, model: str, query: str, texts: Sequence[str]) -> Vector:
        """One score a text, shape (texts,). Raises ``WorkbenchError``: invalid query (there is no
        such model), unavailable (it cannot be opened)."""
        if self._known is None:
            kinds = await asyncio.to_thread(self._kinds)
            self._known = {name: kind for kind in kinds for name in kind.models}
        session = self._session(model, self._known)
        return await session.run(lambda: session.score(query, texts))

    def close(self) -> None:
        for session in self._sessions.values():
            session.close()

    def _session(self, model: str, known: Mapping[str, type[Reranker]]) -> _Session:
        if model not in known:
            raise _unknown(model, list(known))
        if model not in self._sessions:
            self._sessions[model] = _Session(known[model](model))
        self._sessions.move_to_end(model)
        while len(self._sessions) > OPEN:
            self._sessions.popitem(last=False)[1].close()
        return self._sessions[model]


class _Session(ModelSession):
    """One model. ``score`` runs in its thread only."""

    def __init__(self, reranker: Reranker) -> None:
        self._reranker = reranker
        super().__init__("rerank", reranker.load, _unopened)

    def score(self, query: str, texts: Sequence[str]) -> Vector:
        self.open()
        scores = np.asarray(self._reranker.score(query, texts), np.float32)
        if scores.shape != (len(texts),) or not bool(np.isfinite(scores).all()):
            raise WorkbenchError(
                Code.INTERNAL,
                f"{self._reranker.model} made no valid scores",
                "this is a defect of the reranker; search without rerank",
            )
        return scores


def _unopened(error: Exception) -> WorkbenchError:
    return WorkbenchError(
        Code.UNAVAILABLE, f"hits cannot be reranked: {error}", "search without rerank"
    )


def reranked(hits: Sequence[Hit], scores: Sequence[float], model: str) -> list[Hit]:
    """The hits that have a text by ``scores`` (theirs, in order), highest first; then the others
    in the order in which they are. Ranks start at 1; each score becomes the first reason."""
    told = iter(scores)
    scored = [(hit, next(told)) for hit in hits if hit.text]
    scored.sort(key=lambda each: -each[1])
    found: list[Hit] = []
    for rank, (hit, score) in enumerate(scored, start=1):
        why = Reason.model_construct(kind="rerank", feature=model, score=float(score), rank=rank)
        changes = {"rank": rank, "score": float(score), "reasons": [why, *hit.reasons]}
        found.append(hit.model_copy(update=changes))
    rest = (hit for hit in hits if not hit.text)
    for rank, hit in enumerate(rest, start=len(found) + 1):
        found.append(hit.model_copy(update={"rank": rank}))
    return found


def _installed() -> list[type[Reranker]]:
    found: list[type[Reranker]] = []
    for point in sorted(entry_points(group=GROUP), key=lambda each: (each.name, each.value)):
        try:
            kind: Any = point.load()
        # Foreign code: whatever its import raises is its own trouble, not the search's.
        except Exception as error:  # noqa: BLE001
            log.warning("reranker %s cannot be used: %s", point.name, error)
            continue
        if isinstance(kind, type) and issubclass(kind, Reranker):
            found.append(kind)
    return found


def _unknown(model: str, known: Sequence[str]) -> WorkbenchError:
    meant = " or ".join(near(model, known))
    told = f"did you mean {meant}?" if meant else f"models here: {', '.join(sorted(known))}"
    return WorkbenchError(Code.INVALID_QUERY, f"there is no model {model!r} to rerank with", told)
