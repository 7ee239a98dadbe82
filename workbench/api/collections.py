"""Collections: list, look at, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from workbench.api.extractors import features_of
from workbench.api.requests import NamespaceId, PageOf, ServicesOf, answer, present
from workbench.api.services import Extractors
from workbench.api.tasks import accepted
from workbench.domain.errors import WorkbenchError
from workbench.domain.retries import policy
from workbench.domain.wire import CollectionOut, FeatureOut, Page, TaskOut
from workbench.extraction.registry import parse_parameters
from workbench.store.collections import CollectionRow
from workbench.store.moments import moment

router = APIRouter(prefix="/collections", tags=["collections"])


@router.get("", response_model=Page[CollectionOut])
def list_collections(services: ServicesOf, namespace_id: NamespaceId, page: PageOf) -> Response:
    rows = services.collections.list(namespace_id, page)
    found = [_out(row, services.extractors) for row in rows.results]
    return answer(Page[CollectionOut](results=found, next_cursor=rows.next_cursor))


@router.get("/{name_or_id}", response_model=CollectionOut)
def get_collection(name_or_id: str, services: ServicesOf, namespace_id: NamespaceId) -> Response:
    row = present(services.collections.get(namespace_id, name_or_id), "collection", name_or_id)
    return answer(_out(row, services.extractors))


@router.delete("/{name_or_id}", response_model=TaskOut, status_code=202)
def delete_collection(name_or_id: str, services: ServicesOf, namespace_id: NamespaceId) -> Response:
    """Removes the collection and its documents. The bucket and its objects stay."""
    row = present(services.collections.get(namespace_id, name_or_id), "collection", name_or_id)
    task_id = services.accept.delete(namespace_id, "collection", row.collection_id)
    return accepted(services, namespace_id, task_id)


def _out(row: CollectionRow, extractors: Extractors) -> CollectionOut:
    return CollectionOut(
        collection_id=row.collection_id,
        name=row.name,
        bucket=row.bucket,
        extractor=row.extractor,
        parameters=dict(row.parameters),
        digest=row.digest,
        revision=row.revision,
        features=_features(row.extractor, row.parameters, extractors),
        documents=row.documents,
        retry=policy(row.retry),
        created_at=moment(row.created_at),
    )


def _features(key: str, parameters: Mapping[str, Any], extractors: Extractors) -> list[FeatureOut]:
    """None for an extractor that is not installed any more, or that does not know the parameters
    any more: its documents remain readable."""
    spec = next((spec for spec in extractors.specs() if spec.key == key), None)
    if spec is None:
        return []
    try:
        return features_of(spec, parse_parameters(spec, parameters))
    except WorkbenchError:
        return []
