"""Buckets: list, look at, delete."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from workbench.api.requests import NamespaceId, PageOf, ServicesOf, answer, present
from workbench.api.tasks import accepted
from workbench.domain.wire import BucketOut, Page, TaskOut

router = APIRouter(prefix="/buckets", tags=["buckets"])


@router.get("", response_model=Page[BucketOut])
def list_buckets(services: ServicesOf, namespace_id: NamespaceId, page: PageOf) -> Response:
    return answer(services.buckets.list(namespace_id, page))


@router.get("/{name_or_id}", response_model=BucketOut)
def get_bucket(name_or_id: str, services: ServicesOf, namespace_id: NamespaceId) -> Response:
    return answer(present(services.buckets.get(namespace_id, name_or_id), "bucket", name_or_id))


@router.delete("/{name_or_id}", response_model=TaskOut, status_code=202)
def delete_bucket(name_or_id: str, services: ServicesOf, namespace_id: NamespaceId) -> Response:
    """Removes the bucket with its collections and documents. Its source stays as it is."""
    bucket_id = present(services.buckets.find(namespace_id, name_or_id), "bucket", name_or_id)
    task_id = services.accept.delete(namespace_id, "bucket", bucket_id)
    return accepted(services, namespace_id, task_id)
