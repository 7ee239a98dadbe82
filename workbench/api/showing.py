"""Which picture stands for an object or a document, and the answer that carries it.

Common pictures are shown by the service itself, everything else by an extractor (films, pages,
other formats, places within a picture): that of the document, or the default one of the type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from workbench.api.content import matches
from workbench.api.services import Services
from workbench.api.thumbnails import no_thumbnail, preview_tag, thumbnail_tag
from workbench.domain.errors import WorkbenchError
from workbench.extraction.contract import Extractor, Part
from workbench.extraction.preview import has_preview
from workbench.store.objects import ObjectRow

#: What a route of pictures answers, and how it is asked for their size.
PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/webp": {}}},
    304: {"description": "not changed"},
}
Size = Annotated[
    int, Query(ge=16, le=1024, description="edge in pixels, met by the next of a few sizes")
]


async def shown(
    services: Services,
    row: ObjectRow,
    part: Part,
    edge: int,
    headers: Mapping[str, str],
    extractor: str | None = None,
) -> Response:
    """200 or 304 with WebP. ``extractor`` is ``name@version``. Raises ``no_thumbnail``."""
    able = _extractor(services, row, extractor, part)
    if able is not None:
        tag = preview_tag(row, able.spec.key, part, edge)
    elif row.mime.startswith("image/"):
        tag = thumbnail_tag(row, edge)
    else:
        raise no_thumbnail(row, f"it is no picture but {row.mime}")
    known = {"ETag": f'"{tag}"', "Cache-Control": "private, max-age=60"}
    if matches(headers.get("if-none-match"), known["ETag"]):
        return Response(status_code=304, headers=known)
    if able is not None:
        made = await services.thumbnails.preview(row, able, part, edge, services.open_source)
    else:
        made = await services.thumbnails.get(row, edge, services.open_source)
    sent = known if made.tag else {"Cache-Control": "no-store"}
    return Response(made.data, headers=sent, media_type="image/webp")


def _extractor(
    services: Services, row: ObjectRow, name: str | None, part: Part
) -> type[Extractor] | None:
    """Who shows it; None where no extractor does."""
    if name is None:
        takes = (s for s in services.extractors.specs() if s.default and s.accepts_mime(row.mime))
        name = next((spec.key for spec in takes), None)
    if name is None:
        return None
    try:
        extractor = services.extractors.get(name)
    except WorkbenchError:  # it is not installed any more
        return None
    return extractor if has_preview(extractor, row.mime, part) else None
