"""Points of the vector store as documents and hits on the wire.

The common fields have places of their own; what the extractor wrote beside them is ``payload``.
Namespace, collection id, segment and content key stay inside. Nothing is validated again: the
payload was checked when it was indexed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.domain.wire import DocumentOut, Hit, Reason

_PLACED = frozenset(
    {"object_id", "object_name", "bucket", "collection", "extractor", "mime", "text"}
    | {"page", "start_ms", "end_ms", "box", "labels"}
)
_INSIDE = frozenset({"namespace", "collection_id", "segment", "content"})
_APART = _PLACED | _INSIDE


def document(point_id: str, payload: Mapping[str, Any]) -> DocumentOut:
    return DocumentOut.model_construct(**_fields(point_id, payload))


def hit(
    rank: int, score: float, reasons: list[Reason], point_id: str, payload: Mapping[str, Any]
) -> Hit:
    return Hit.model_construct(
        rank=rank, score=score, reasons=reasons, others=[], **_fields(point_id, payload)
    )


def _fields(point_id: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    get = payload.get
    return {
        "document_id": point_id,
        "object_id": get("object_id", ""),
        "object_name": get("object_name", ""),
        "bucket": get("bucket", ""),
        "collection": get("collection", ""),
        "extractor": get("extractor", ""),
        "mime": get("mime", ""),
        "text": get("text"),
        "page": get("page"),
        "start_ms": get("start_ms"),
        "end_ms": get("end_ms"),
        "box": get("box"),
        "labels": list(get("labels") or ()),
        "payload": {name: value for name, value in payload.items() if name not in _APART},
    }
