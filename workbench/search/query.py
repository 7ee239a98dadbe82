"""A search request as one checked query: a text, an example, a vector, or a document.

Everything a person can get wrong in it is found here, before an engine or a model is asked.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import get_args

import numpy as np

from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.mime import HEAD, sniff
from workbench.domain.wire import GivenVector, Media, SearchRequest
from workbench.extraction.contract import QueryKind, Vector

#: An example is held in memory whole, several times over while it is decoded.
MEDIA_BYTES = 32 * 1024 * 1024
#: A model sees a few hundred words at most; more than this is no query.
TEXT_CHARACTERS = 20_000
_ADDRESS = re.compile(r"mixpeek://([a-z0-9_-]+@[0-9]+)/([a-z0-9_]+)")


@dataclass(frozen=True)
class TextQuery:
    text: str
    kind = "text"


@dataclass(frozen=True)
class MediaQuery:
    media: QueryKind
    data: bytes
    mime: str
    kind = "media"


@dataclass(frozen=True)
class VectorQuery:
    """``extractor`` (``name@version``) and ``output`` are the parts of ``feature``."""

    feature: str
    extractor: str
    output: str
    vector: Vector
    kind = "vector"


@dataclass(frozen=True)
class DocumentQuery:
    document_id: str
    kind = "document"


SearchQuery = TextQuery | MediaQuery | VectorQuery | DocumentQuery


def kind_of(request: SearchRequest) -> str:
    """What kind of query it is meant to be, for telemetry; also of one that is refused."""
    given = _given(request)
    return given[0] if len(given) == 1 else "text"


def parse(request: SearchRequest) -> SearchQuery:
    """Raises ``WorkbenchError``: invalid query, unsupported media or too large."""
    given = _given(request)
    if len(given) != 1:
        had = f"this one has {' and '.join(given)}" if given else "this one has none"
        raise _invalid(
            f"a search has one of text, media, vector and document; {had}",
            "give a text, or an example file, or a vector, or a document's id",
        )
    if request.text is not None:
        return _text(request.text)
    if request.mode == "text":
        raise _invalid(
            f"mode text compares words, and a {given[0]} has none", "use mode dense or hybrid"
        )
    if request.media is not None:
        return _media(request.media)
    if request.vector is not None:
        return _vector(request.vector)
    return DocumentQuery(request.document_id or "")


def _given(request: SearchRequest) -> list[str]:
    parts = {
        "text": request.text,
        "media": request.media,
        "vector": request.vector,
        "document": request.document_id,
    }
    return [name for name, value in parts.items() if value is not None]


def _text(text: str) -> TextQuery:
    if not text.strip():
        raise _invalid("the query's text is empty", "say in words what to look for")
    if len(text) > TEXT_CHARACTERS:
        raise _invalid(
            f"the query's text has {len(text)} characters, the limit is {TEXT_CHARACTERS}",
            "shorten it: a model reads no more than a few hundred words",
        )
    return TextQuery(text.strip())


def _media(media: Media) -> MediaQuery:
    if len(media.data) > MEDIA_BYTES * 4 // 3 + 4:
        raise WorkbenchError(
            Code.TOO_LARGE,
            f"the example is larger than {MEDIA_BYTES // 2**20} MiB",
            "use a smaller copy of it",
        )
    data = _base64(media.data, "the example")
    if not data:
        raise WorkbenchError(Code.UNSUPPORTED_MEDIA, f"the example {media.name!r} is empty")
    mime = sniff(data[:HEAD], media.name)
    family = mime.partition("/")[0]
    for known in get_args(QueryKind):
        if family == known and family != "text":
            return MediaQuery(known, data, mime)
    raise WorkbenchError(
        Code.UNSUPPORTED_MEDIA,
        f"the example {media.name!r} is {mime}, which cannot be searched with",
        "give its text as the query" if family == "text" else "use a picture",
    )


def _vector(given: GivenVector) -> VectorQuery:
    matched = _ADDRESS.fullmatch(given.feature)
    if matched is None:
        raise _invalid(
            f"{given.feature!r} is no feature address",
            "it looks like mixpeek://extractor@version/output",
        )
    if (given.values is None) == (given.data is None):
        raise _invalid("a vector has either values or data", None)
    if given.values is not None:
        with np.errstate(over="ignore"):  # what is too large for a float32 is refused below
            vector = np.asarray(given.values, dtype=np.float32)
    else:
        data = _base64(given.data or "", "the vector")
        if len(data) % 4:
            raise _invalid("the vector's data is no sequence of float32 (4 bytes each)", None)
        vector = np.frombuffer(data, dtype="<f4").astype(np.float32, copy=False)
    if vector.size == 0 or not bool(np.isfinite(vector).all()):
        raise _invalid("the vector is empty or has components that are no finite float32", None)
    if not vector.any():
        raise _invalid("the vector is zero in all components, so nothing is near it", None)
    return VectorQuery(given.feature, matched[1], matched[2], vector)


def _base64(data: str, what: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise _invalid(f"{what} is not valid base64", None) from None


def _invalid(message: str, hint: str | None) -> WorkbenchError:
    return WorkbenchError(Code.INVALID_QUERY, message, hint)
