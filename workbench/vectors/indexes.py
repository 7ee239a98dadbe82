"""Payload indexes of every space, whichever the engine."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.vectors.port import IndexType

#: Payload fields that are indexed in every space: what searches, listings and deletes filter by.
COMMON_INDEXES: Mapping[str, IndexType] = {
    "namespace": "keyword",
    "bucket": "keyword",
    "collection": "keyword",
    "object_id": "keyword",
    "segment": "keyword",
    "kind": "keyword",
    "mime": "keyword",
    "labels": "keyword",
    "page": "integer",
}
TENANT = "namespace"
