"""The results view as a widget. The first hits are a trait; what is asked for later comes as an
answer, so a long list is never sent twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import traitlets as t

from jupyter_ext.refining import Found, Like, Refine, Search
from jupyter_ext.thumbnails import mime_of
from jupyter_ext.widgets.live import LiveView, Reply
from jupyter_ext.widgets.module import results_module, style
from workbench.domain.wire import Hit

TEXT: Final = 4_000  # characters of a passage that a view gets
_EDGES: Final = (160, 640)
_LARGEST: Final = 1_000_000  # bytes of one picture
_OTHERS: Final = 20

#: A hit's picture of some size.
Picture = Callable[[Hit, int], bytes]


class ResultsView(LiveView):
    """``selected`` are ids of documents, of either side."""

    _esm = results_module()
    _css = style()

    selected = t.List(t.Unicode()).tag(sync=True)

    def __init__(self, search: Search, picture: Picture, home: str, namespace: str) -> None:
        self._search = search
        self._picture = picture
        answers = {"search": self._refine, "more": self._more, "picture": self._picture_of}
        super().__init__(answers, view=state(search.found), home=home, namespace=namespace)

    def _refine(self, body: Mapping[str, Any]) -> Reply:
        text, like = body.get("text"), body.get("like")
        example = Like(str(like["document_id"]), str(like.get("name", ""))) if like else None
        refine = Refine.of(body["refine"]) if "refine" in body else None
        found = self._search.search(text if isinstance(text, str) else None, example, refine)
        self.view = state(found)
        return Reply()

    def _more(self, body: Mapping[str, Any]) -> Reply:
        hits, complete = self._search.more(int(body["offset"]))
        return Reply({"hits": slim(hits), "complete": complete})

    def _picture_of(self, body: Mapping[str, Any]) -> Reply:
        ident = body.get("document_id")
        hit = next((h for h in self._search.found.hits if h.document_id == ident), None)
        if hit is None:
            return Reply()
        data = self._picture(hit, min(_EDGES, key=lambda edge: abs(edge - int(body["size"]))))
        mime = mime_of(data)
        return Reply({"mime": mime}, data) if mime and len(data) <= _LARGEST else Reply()


def state(found: Found) -> dict[str, Any]:
    """What the view draws, as JSON. ``hits`` are those of the first page only."""
    answer = found.response
    return {
        "query": found.query,
        "like": asdict(found.like) if found.like else None,
        "hits": slim(answer.hits),
        "complete": found.complete and len(found.hits) == len(answer.hits),
        "refine": asdict(found.refine),
        "collections": answer.collections,
        "warnings": answer.warnings,
        "seconds": answer.timing.total,
        "serial": found.serial,
    }


def slim(hits: Sequence[Hit]) -> list[dict[str, Any]]:
    """Hits without what a view does not show."""
    shown = ("kind", "modified_at", "width", "height")
    slimmed: list[dict[str, Any]] = []
    for hit in hits:
        whole = hit.model_dump(mode="json")
        whole["text"] = hit.text[:TEXT] if hit.text else None
        whole["payload"] = {key: hit.payload[key] for key in shown if key in hit.payload}
        whole["others"] = whole["others"][:_OTHERS]
        slimmed.append(whole)
    return slimmed
