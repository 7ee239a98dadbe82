"""Documents of a segment as points of the vector store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from workbench.domain.mime import kind_of
from workbench.domain.names import stem
from workbench.extraction.chunks import ChunkItem, Manifest
from workbench.extraction.segments import Segment
from workbench.vectors.port import PointBatch

#: Columns of a segment that are fields of the payload; absent values are left out.
_FIELDS = ("position", "text", "page", "start_ms", "end_ms", "box", "labels")


def content_key(object_id: str, sha256: str, digest: str) -> str:
    """Which content of an object a document was made of, and by what: 16 hex digits. What an object
    has under another key is replaced."""
    return hashlib.sha256(f"{object_id}/{sha256}/{digest}".encode()).hexdigest()[:16]


def points(segment: Segment, manifest: Manifest, read: Mapping[str, str]) -> PointBatch:
    """The batch to upsert; ``read`` is the SHA-256 of each object. Payloads are flat, the
    extractor's fields beside the common ones."""
    items = {item.object_id: item for item in manifest.items}
    shared = {
        "namespace": manifest.namespace_id,
        "bucket": manifest.bucket,
        "collection": manifest.collection,
        "collection_id": manifest.collection_id,
        "extractor": manifest.extractor,
        "segment": manifest.chunk_id,
    }
    rows = segment.rows
    payloads: list[Mapping[str, Any]] = []
    for index, object_id in enumerate(rows["object_id"]):
        payload = json.loads(rows["payload"][index])
        payload.update(shared)
        payload.update(_of_object(items[object_id]))
        payload["content"] = content_key(object_id, read[object_id], manifest.digest)
        for name in _FIELDS:
            value = rows[name][index]
            if value is not None:
                payload[name] = value
        payloads.append(payload)
    return PointBatch(
        ids=rows["document_id"],
        vectors=segment.vectors,
        texts=[_indexed_text(payload) for payload in payloads],
        payloads=payloads,
    )


def _indexed_text(payload: Mapping[str, Any]) -> str:
    """What the text index sees: the document's text, and the file's name where the extractor has
    not put it there."""
    text = payload.get("text", "")
    name = stem(payload["object_name"])
    return text if name.lower() in text.lower() else f"{text}\n{name}"


def _of_object(item: ChunkItem) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "object_id": item.object_id,
        "object_name": item.name,
        "mime": item.mime,
        "kind": kind_of(item.mime),
    }
    if item.modified_at is not None:
        moment = datetime.fromtimestamp(item.modified_at / 1000, UTC)
        fields["modified_at"] = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return fields
