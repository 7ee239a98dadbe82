"""Search over all collections in reach.

The request is checked, its scope narrowed, the query encoded by the models that the outputs in
scope name, all ranked lists are asked for in one round trip, and fused. One list alone keeps the
engine's scores and order, and is asked for exactly what the page shows. Where a reranker is named,
the first ``DEPTH`` hits are ordered anew, before groups and pages are made of all. Every search,
also one that fails, is told to telemetry once.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from workbench.domain import filters
from workbench.domain.errors import Code, WorkbenchError, not_found
from workbench.domain.wire import Hit, SearchRequest, SearchResponse, SearchTiming
from workbench.extraction.contract import Output, Query, Vector
from workbench.extraction.registry import Registry, outputs_for
from workbench.search.arms import Target, for_text, for_vector, for_vectors, searchable
from workbench.search.encoder import Encodable, QueryEncoder
from workbench.search.grouping import grouped
from workbench.search.query import (
    DocumentQuery,
    MediaQuery,
    SearchQuery,
    TextQuery,
    VectorQuery,
    kind_of,
    parse,
)
from workbench.search.ranking import Ranking, retrieve
from workbench.search.reranking import DEPTH, Rerankers, reranked
from workbench.search.scope import Buckets, Collections, Scope, Space, narrow
from workbench.telemetry.events import SearchEvent
from workbench.vectors.port import (
    VectorStore,
)

#: Candidates of each list when several are fused: a document in the page by virtue of two middling
#: ranks must be seen in both. Later pages look deeper, so their order may differ a little from the
#: continuation of the first.
FEWEST_CANDIDATES = 50
CANDIDATES = 4
#: How much deeper the lists are looked through, one after the other, while objects with many close
#: documents leave no room for others in groups; and how deep at most.
WIDER = (1, 4, 16)
DEEPEST = 5_000


@dataclass
class _Run:
    """What one search adds up while it goes."""

    encode: float = 0.0
    engine: float = 0.0
    rerank: float = 0.0
    collections: int = 0
    warnings: list[str] = field(default_factory=list[str])


class Searcher:
    """``emit`` takes the event of each search and must not block."""

    def __init__(
        self,
        collections: Collections,
        buckets: Buckets,
        registry: Registry,
        vectors: VectorStore,
        encoder: QueryEncoder,
        rerankers: Rerankers,
        emit: Callable[[SearchEvent], None],
    ) -> None:
        self._collections = collections
        self._buckets = buckets
        self._registry = registry
        self._vectors = vectors
        self._encoder = encoder
        self._rerankers = rerankers
        self._emit = emit

    async def search(self, namespace_id: str, request: SearchRequest) -> SearchResponse:
        """Raises ``WorkbenchError``: not found, invalid query, filter or media, unavailable."""
        at, begun, run = time.time_ns() // 1_000_000, time.perf_counter(), _Run()
        hits: list[Hit] = []
        error: str | None = Code.INTERNAL
        try:
            scope, hits = await self._search(namespace_id, request, run)
            error = None
        except WorkbenchError as refused:
            error = refused.code
            raise
        except asyncio.CancelledError:
            error = "canceled"
            raise
        finally:
            seconds = time.perf_counter() - begun
            self._emit(
                SearchEvent(
                    event_id=uuid.uuid4().hex,
                    namespace_id=namespace_id,
                    at=at,
                    mode=request.mode,
                    kind=kind_of(request),
                    collections=run.collections,
                    hits=len(hits),
                    encode_seconds=run.encode,
                    engine_seconds=run.engine,
                    rerank_seconds=run.rerank,
                    seconds=seconds,
                    error=error,
                )
            )
        return SearchResponse(
            hits=hits,
            mode=request.mode,
            collections=list(scope.names),
            timing=SearchTiming(
                encode=run.encode, engine=run.engine, rerank=run.rerank, total=seconds
            ),
            warnings=run.warnings,
        )

    async def _search(
        self, namespace_id: str, request: SearchRequest, run: _Run
    ) -> tuple[Scope, list[Hit]]:
        query = parse(request)
        if request.rerank is not None and not isinstance(query, TextQuery):
            raise WorkbenchError(
                Code.INVALID_QUERY,
                "rerank compares texts: there is none in this query",
                "search with a text, or without rerank",
            )
        user = None if request.filter is None else filters.parse(request.filter)
        if request.kinds:
            user = filters.all_of(filters.any_of("kind", tuple(request.kinds)), user)
        scope = await self._narrow(namespace_id, request.buckets, request.collections)
        run.collections = len(scope.names)
        run.warnings += scope.warnings
        targets = await self._targets(scope, request, query, run)
        if not targets:
            return scope, []
        leave_out = query.document_id if isinstance(query, DocumentQuery) else None
        ranking = Ranking(self._vectors, scope, targets, user, leave_out, request.exact)
        hits = await _found(ranking, request, run)
        if request.rerank is not None and isinstance(query, TextQuery):
            hits = await self._reranked(hits, request.rerank, query.text, run)
        hits = _page(hits, request)
        if not hits and request.offset == 0 and user is None and request.mode != "text":
            names = ", ".join(scope.names[:3])
            run.warnings.append(f"no documents were found in {names}: they may still be empty")
        return scope, hits

    async def _narrow(
        self, namespace_id: str, buckets: Sequence[str] = (), collections: Sequence[str] = ()
    ) -> Scope:
        def look() -> Scope:
            reach = self._collections.reach(namespace_id)
            return narrow(namespace_id, reach, self._buckets, self._registry, buckets, collections)

        return await asyncio.to_thread(look)

    # ---- from the query to ranked lists ---------------------------------------------------------

    async def _targets(
        self, scope: Scope, request: SearchRequest, query: SearchQuery, run: _Run
    ) -> list[Target]:
        match query:
            case TextQuery():
                dense = [] if request.mode == "text" else searchable(scope, "text")
                asked = Query("text", text=query.text)
                vectors = await self._encode(asked, dense, run, words=request.mode == "hybrid")
                targets = for_text(scope, request.mode, query.text, vectors)
                what = "a text"
            case MediaQuery():
                dense = searchable(scope, query.media)
                asked = Query(query.media, data=query.data)
                targets = for_vectors(dense, await self._encode(asked, dense, run))
                what = f"an example of {query.mime}"
            case VectorQuery():
                spec = self._registry.get(query.extractor).spec
                targets = for_vector(scope, query, outputs_for(spec, spec.parameters()))
                what = f"a vector of {query.feature}"
            case DocumentQuery():
                vectors = await self._stored(scope.namespace_id, query.document_id, run)
                outputs = [(space, out) for space in scope.spaces for out in space.outputs]
                targets = for_vectors(outputs, vectors)
                what = "the vectors of that document"
        if not targets and scope.collections:
            run.warnings.append(f"no collection here can be searched with {what}")
        return targets

    async def _encode(
        self,
        query: Query,
        outputs: Sequence[tuple[Space, Output]],
        run: _Run,
        words: bool = False,
    ) -> Mapping[str, Vector]:
        """The query by model. A model that cannot be opened is a warning while something else can
        be searched: by another model, or by ``words``."""
        if not outputs:
            return {}
        begun = time.perf_counter()
        unopened: list[WorkbenchError] = []
        try:
            vectors = await self._encoder.encode(
                query,
                [Encodable(space.extractor, space.parameters, out) for space, out in outputs],
                unopened.append,
            )
        finally:
            run.encode = time.perf_counter() - begun
        if unopened and not vectors and not words:
            raise unopened[0]
        rest = "what they find is searched by words only" if words else "it was not searched"
        run.warnings += dict.fromkeys(f"{error.message}; {rest}" for error in unopened)
        return vectors

    async def _stored(self, namespace_id: str, document_id: str, run: _Run) -> Mapping[str, Vector]:
        """The vectors of a document of this namespace, by model."""
        try:
            wanted = str(uuid.UUID(document_id))
        except ValueError:
            raise not_found("document", document_id) from None
        begun = time.perf_counter()
        everything = await self._narrow(namespace_id)
        try:
            for space in everything.spaces:
                point = (
                    await retrieve(self._vectors, space.name, [wanted], with_vectors=True)
                ).get(wanted)
                if point is None or not everything.holds(point.payload):
                    continue
                by_name = {out.name: out.model for out in space.outputs}
                return {
                    by_name[name]: vector
                    for name, vector in point.vectors.items()
                    if name in by_name
                }
        finally:
            run.engine += time.perf_counter() - begun
        raise not_found("document", document_id)

    async def _reranked(self, hits: list[Hit], model: str, query: str, run: _Run) -> list[Hit]:
        """The first of them in the order of the cross-encoder, the rest below as it is."""
        first, rest = hits[:DEPTH], hits[DEPTH:]
        texts = [hit.text for hit in first if hit.text]
        if not texts:
            return hits
        begun = time.perf_counter()
        try:
            scores = await self._rerankers.score(model, query, texts)
        finally:
            run.rerank = time.perf_counter() - begun
        return [*reranked(first, scores.tolist(), model), *rest]


async def _found(ranking: Ranking, request: SearchRequest, run: _Run) -> list[Hit]:
    """The hits that the page is made of: exactly it, or all from the first on where they are
    ordered anew or put into groups."""
    begun = time.perf_counter()
    try:
        if request.group:
            return await _for_groups(ranking, request)
        top, offset = request.top, request.offset
        if request.rerank is not None:
            top, offset = max(DEPTH, offset + top), 0
        hits, _ = await ranking.hits(_limit(ranking, top + offset), top, offset)
        return hits
    finally:
        run.engine += time.perf_counter() - begun


async def _for_groups(ranking: Ranking, request: SearchRequest) -> list[Hit]:
    """Looked for deeper while they are of too few objects."""
    limit = max(FEWEST_CANDIDATES, CANDIDATES * (request.offset + request.top))
    hits: list[Hit] = []
    for wider in WIDER:
        many = max(limit, min(limit * wider, DEEPEST))
        hits, whole = await ranking.hits(many, many, 0)
        if whole or len({hit.object_id for hit in hits}) >= request.offset + request.top:
            break
    return hits


def _limit(ranking: Ranking, page: int) -> int:
    """How much of each list is asked for."""
    page += ranking.leave_out is not None
    return page if len(ranking.targets) == 1 else max(FEWEST_CANDIDATES, CANDIDATES * page)


def _page(hits: list[Hit], request: SearchRequest) -> list[Hit]:
    if request.group:
        return grouped(hits, request.top, request.offset)
    if request.rerank is not None:
        return hits[request.offset : request.offset + request.top]
    return hits
