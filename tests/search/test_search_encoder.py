"""The query encoder: each model is opened once, in its own thread, and asked once for each text."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import numpy as np
import pytest
import search_fixtures as fixtures
from search_fixtures import DIMENSION, SEMANTIC, Shapes, calls, png, words

from workbench.domain.errors import Code, WorkbenchError
from workbench.extraction.contract import Query
from workbench.search.encoder import Encodable, QueryEncoder

VISUAL = Encodable("shapes@1", {}, Shapes.spec.outputs[0])
OF_WORDS = Encodable("words@1", {}, SEMANTIC)
OF_SHAPES = Encodable("shapes@1", {}, SEMANTIC)


@pytest.fixture
def encoder() -> Iterator[QueryEncoder]:
    calls.clear()
    made = QueryEncoder(fixtures.registry("Words", "Shapes", "Broken", "Wrong", "Apart"), cached=2)
    yield made
    made.close()


def asked(text: str) -> Query:
    return Query("text", text=text)


def done() -> list[str]:
    return [what for what, _ in calls]


async def test_a_model_is_asked_once_for_all_outputs_of_it(encoder: QueryEncoder) -> None:
    vectors = await encoder.encode(asked("a red dog"), [OF_SHAPES, OF_WORDS, OF_SHAPES])
    assert list(vectors) == ["tiny-words"]
    assert vectors["tiny-words"].shape == (DIMENSION,)
    np.testing.assert_array_equal(vectors["tiny-words"], words("a red dog"))
    # Of the two extractors that have the model, the one that opens less.
    assert done() == ["load words", "encode words/semantic"]


async def test_it_works_in_a_thread_of_its_own(encoder: QueryEncoder) -> None:
    await encoder.encode(asked("a"), [OF_WORDS])
    here = threading.current_thread().name
    assert {thread for _, thread in calls} == {"encode-words@1_0"} != {here}


async def test_texts_are_kept_and_the_oldest_go(encoder: QueryEncoder) -> None:
    for text in ("a", "b", "a", "c", "a", "b"):
        await encoder.encode(asked(text), [OF_WORDS])
    assert done().count("encode words/semantic") == 4  # a, b, c, and b again
    assert done().count("load words") == 1


async def test_pictures_are_encoded_by_their_own_model(encoder: QueryEncoder) -> None:
    query = Query("image", data=png((255, 0, 0)))
    vectors = await encoder.encode(query, [VISUAL])
    assert vectors["tiny-colour"].tolist() == pytest.approx([1, 0, 0, 0.1])
    assert done() == ["load shapes", "encode shapes/visual"]


async def test_many_at_once_open_a_model_once(encoder: QueryEncoder) -> None:
    await asyncio.gather(*(encoder.encode(asked(f"text {n}"), [OF_WORDS]) for n in range(20)))
    assert done().count("load words") == 1
    assert done().count("encode words/semantic") == 20


async def test_warming_opens_what_can_be_searched(
    encoder: QueryEncoder, caplog: pytest.LogCaptureFixture
) -> None:
    await encoder.warm()
    assert done().count("load words") == 1
    assert done().count("load shapes") == 1
    assert "search starts without lost" in caplog.text
    assert "lost.onnx" in caplog.text
    before = len(calls)
    await encoder.encode(asked("warm"), [OF_WORDS])
    assert len(calls) == before


@pytest.mark.parametrize(
    ("name", "code", "says"),
    [
        ("broken", Code.UNAVAILABLE, "models of broken@1 cannot be opened: FileNotFoundError"),
        ("wrong", Code.INTERNAL, "wrong@1 made no valid vector"),
        ("apart", Code.UNAVAILABLE, "apart@1 runs isolated"),
    ],
)
async def test_what_cannot_be_encoded_says_why(
    encoder: QueryEncoder, name: str, code: Code, says: str
) -> None:
    spec = fixtures.registry("Broken", "Wrong", "Apart").get(name).spec
    with pytest.raises(WorkbenchError, match=says) as caught:
        await encoder.encode(asked("a"), [Encodable(spec.key, {}, spec.outputs[0])])
    assert caught.value.code is code


async def test_content_that_cannot_be_encoded_is_the_askers_trouble(encoder: QueryEncoder) -> None:
    with pytest.raises(WorkbenchError, match="cannot encode this image: it is no whole") as caught:
        await encoder.encode(Query("image", data=b"\x89PNG\r\n"), [VISUAL])
    assert caught.value.code is Code.UNSUPPORTED_MEDIA
    with pytest.raises(WorkbenchError, match="it cannot be said") as caught:
        await encoder.encode(asked("unspeakable"), [OF_WORDS])
    assert caught.value.code is Code.INVALID_QUERY
