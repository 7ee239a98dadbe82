"""Search. The one route whose own cost is felt with every query: nothing in it is done twice."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from workbench.api.requests import NamespaceId, ServicesOf, answer
from workbench.domain.wire import SearchRequest, SearchResponse

router = APIRouter(prefix="/search", tags=["search"])


@router.post("", response_model=SearchResponse)
async def search(body: SearchRequest, services: ServicesOf, namespace_id: NamespaceId) -> Response:
    """Find documents by a text, an example, a vector or another document."""
    return answer(await services.search.search(namespace_id, body))
