"""A search that goes on: refined by facets, by another text or by a hit as the example, and paged.

It knows the request that it began with. What is refined is asked of the service anew, so it finds
what was not among the first hits; the conditions of the first request always hold too. Answers
are kept, so a view that was lost and comes back is given what was found. Safe among threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from workbench.domain import filters
from workbench.domain.filters import Filter
from workbench.domain.filters.tree import condition
from workbench.domain.mime import KINDS, Kind
from workbench.domain.wire import Hit, SearchRequest, SearchResponse

PAGE: Final = 50  # hits that are fetched when more are wanted
_FURTHEST: Final = 10_000  # offsets that the service takes
_LONGEST: Final = 100  # values of one facet


@dataclass(frozen=True)
class Refine:
    """What is chosen: nothing by default. ``since`` is in, ``until`` is out."""

    kinds: tuple[Kind, ...] = ()
    buckets: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None

    @classmethod
    def of(cls, given: object) -> Refine:
        """From what a browser sent; what is not understood is left out."""
        said = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
        named = _texts(said.get("kinds"))
        kinds: tuple[Kind, ...] = tuple(kind for kind in KINDS if str(kind) in named)
        since, until = said.get("since"), said.get("until")
        return cls(
            kinds,
            _texts(said.get("buckets")),
            _texts(said.get("labels")),
            since if isinstance(since, str) else None,
            until if isinstance(until, str) else None,
        )

    def as_filter(self) -> Filter | None:
        """All of it but the kinds, which a request has a place for."""
        parts: list[Filter | None] = [
            filters.any_of("bucket", self.buckets) if self.buckets else None,
            *(filters.eq("labels", label) for label in self.labels),
            condition("modified_at", filters.Operator.GTE, self.since) if self.since else None,
            condition("modified_at", filters.Operator.LT, self.until) if self.until else None,
        ]
        return filters.all_of(*parts)


def _texts(value: object) -> tuple[str, ...]:
    given = cast("list[object]", value) if isinstance(value, list) else []
    return tuple(each for each in given[:_LONGEST] if isinstance(each, str))


@dataclass(frozen=True)
class Like:
    """A hit that is the example."""

    document_id: str
    name: str


@dataclass(frozen=True)
class Found:
    """What is shown now. ``serial`` grows with every new search."""

    response: SearchResponse
    hits: tuple[Hit, ...]
    complete: bool
    query: str | None
    like: Like | None = None
    refine: Refine = field(default_factory=Refine)
    serial: int = 0


Ask = Callable[[SearchRequest], SearchResponse]


class Search:
    """``found`` is the present answer; ``changed`` is called after each new one."""

    def __init__(
        self,
        base: Callable[[], SearchRequest],
        ask: Ask,
        first: SearchResponse,
        query: str | None,
        top: int,
    ) -> None:
        self._base = base
        self._ask = ask
        self._lock = threading.Lock()
        self.found = Found(first, tuple(first.hits), len(first.hits) < top, query)
        self.changed: Callable[[Found], None] = lambda _: None

    def search(
        self, text: str | None = None, like: Like | None = None, refine: Refine | None = None
    ) -> Found:
        """A new search; what is not said stays. Raises ``WorkbenchError``."""
        with self._lock:
            now = self.found
            if like is not None:
                now = replace(now, like=like, query=None)
            elif text is not None:
                now = replace(now, query=text, like=None)
            now = replace(now, refine=refine if refine is not None else now.refine)
            request = self._request(now)
            response = self._ask(request)
            self.found = replace(
                now,
                response=response,
                hits=tuple(response.hits),
                complete=len(response.hits) < request.top,
                serial=now.serial + 1,
            )
            found = self.found
        self.changed(found)
        return found

    def more(self, offset: int) -> tuple[Sequence[Hit], bool]:
        """The hits from ``offset`` on, and whether they are the last. Raises ``WorkbenchError``."""
        with self._lock:
            if offset < len(self.found.hits) or self.found.complete:
                return self.found.hits[offset:], self.found.complete
            request = self._request(self.found).model_copy(
                update={"offset": len(self.found.hits), "top": PAGE}
            )
            response = self._ask(request)
            known = {hit.document_id for hit in self.found.hits}
            new = [hit for hit in response.hits if hit.document_id not in known]
            hits = (*self.found.hits, *new)
            last = len(response.hits) < PAGE or not new or len(hits) + PAGE > _FURTHEST
            self.found = replace(self.found, hits=hits, complete=last)
            found = self.found
        self.changed(found)
        return found.hits[offset:], found.complete

    def _request(self, wanted: Found) -> SearchRequest:
        base = self._base()
        refined = wanted.refine.as_filter()
        whole = filters.all_of(filters.parse(base.filter) if base.filter else None, refined)
        changes: dict[str, Any] = {
            "kinds": [k for k in wanted.refine.kinds if not base.kinds or k in base.kinds]
            or base.kinds,
            "filter": filters.to_json(whole) if whole is not None else None,
        }
        if wanted.like is not None:
            # Only texts are reranked.
            changes |= {"text": None, "media": None, "vector": None, "rerank": None}
            changes["document_id"] = wanted.like.document_id
        elif wanted.query is not None:
            changes |= {"text": wanted.query, "media": None, "vector": None, "document_id": None}
        return base.model_copy(update=changes)
