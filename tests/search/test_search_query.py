"""What a person can get wrong in a query is answered before anything is asked."""

from __future__ import annotations

import base64
import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from search_fixtures import png

from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.wire import GivenVector, Media, SearchRequest
from workbench.search import query as queries
from workbench.search.query import DocumentQuery, MediaQuery, TextQuery, VectorQuery, parse

FEATURE = "mixpeek://text@1/semantic"


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def refused(request: SearchRequest) -> WorkbenchError:
    with pytest.raises(WorkbenchError) as caught:
        parse(request)
    return caught.value


def vector(feature: str = FEATURE, **more: object) -> SearchRequest:
    return SearchRequest(vector=GivenVector.model_validate({"feature": feature, **more}))


def test_a_text_is_stripped() -> None:
    assert parse(SearchRequest(text="  a dog \n")) == TextQuery("a dog")


def test_an_example_is_typed_by_its_content() -> None:
    found = parse(SearchRequest(media=Media(data=encoded(png((9, 9, 9))), name="what.txt")))
    assert isinstance(found, MediaQuery)
    assert (found.media, found.mime, found.data) == ("image", "image/png", png((9, 9, 9)))


def test_a_vector_comes_as_values_or_as_bytes() -> None:
    values = np.arange(1, 5, dtype="<f4")
    for request in (vector(values=[1, 2, 3, 4]), vector(data=encoded(values.tobytes()))):
        found = parse(request)
        assert isinstance(found, VectorQuery)
        assert (found.extractor, found.output) == ("text@1", "semantic")
        assert found.vector.dtype == np.float32
        assert found.vector.tolist() == [1, 2, 3, 4]


def test_a_document_is_named_by_its_id() -> None:
    assert parse(SearchRequest(document_id="x")) == DocumentQuery("x")


@pytest.mark.parametrize(
    ("request_", "code", "says"),
    [
        (SearchRequest(), Code.INVALID_QUERY, "has none"),
        (SearchRequest(text="a", document_id="b"), Code.INVALID_QUERY, "text and document"),
        (SearchRequest(text=" \n"), Code.INVALID_QUERY, "empty"),
        (SearchRequest(text="a" * 20_001), Code.INVALID_QUERY, "20001 characters"),
        (SearchRequest(document_id="a", mode="text"), Code.INVALID_QUERY, "a document has none"),
        (SearchRequest(media=Media(data="*")), Code.INVALID_QUERY, "base64"),
        (SearchRequest(media=Media(data="")), Code.UNSUPPORTED_MEDIA, "is empty"),
        (SearchRequest(media=Media(data="aGFsbG8=")), Code.UNSUPPORTED_MEDIA, "text/plain"),
        (SearchRequest(media=Media(data="AAEC")), Code.UNSUPPORTED_MEDIA, "octet-stream"),
        (vector("text@1/semantic", values=[1]), Code.INVALID_QUERY, "no feature address"),
        (vector("mixpeek://text/semantic", values=[1]), Code.INVALID_QUERY, "no feature address"),
        (vector(), Code.INVALID_QUERY, "either values or data"),
        (vector(values=[1], data="AAAA"), Code.INVALID_QUERY, "either values or data"),
        (vector(data="AAAA"), Code.INVALID_QUERY, "float32"),
        (vector(values=[1e-50]), Code.INVALID_QUERY, "zero"),
        (vector(data="!"), Code.INVALID_QUERY, "base64"),
        (vector(values=[]), Code.INVALID_QUERY, "empty"),
        (vector(values=[float("nan"), 1]), Code.INVALID_QUERY, "finite"),
        (vector(values=[1e39]), Code.INVALID_QUERY, "finite"),
        (vector(values=[0, 0]), Code.INVALID_QUERY, "zero"),
    ],
)
def test_a_wrong_query_is_refused_with_its_reason(
    request_: SearchRequest, code: Code, says: str
) -> None:
    error = refused(request_)
    assert error.code is code
    assert says in error.message


def test_an_example_that_is_too_large_is_refused_before_it_is_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queries, "MEDIA_BYTES", 3000)
    error = refused(SearchRequest(media=Media(data="*" * 4010)))
    assert error.code is Code.TOO_LARGE
    assert error.status == 413


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_vector_is_taken_or_refused_for_a_reason(feature: str, data: str) -> None:
    for address in (feature, FEATURE):
        with contextlib.suppress(WorkbenchError):
            parse(SearchRequest(vector=GivenVector(feature=address, data=data)))
