"""What the text extractor and its text space promise."""

from __future__ import annotations

import numpy as np
import pytest
from extractor_files import File, answers, documents

from extractors import minilm
from extractors.text import TextExtractor
from workbench.extraction.contract import Query

GUIDE = (
    """# Boat guide

## Mooring

Tie the rope twice around the post.

## Engine

It needs oil every fifty hours. """
    + "Check the level when it is cold. " * 30
)


def test_passages_have_offsets_titles_and_vectors(texts: TextExtractor) -> None:
    found = documents(texts, File("guide.md", GUIDE.encode(), "text/markdown"))
    assert len(found) > 2
    for document in found:
        payload = document.payload
        assert document.text == GUIDE[payload["start"] : payload["end"]]
        assert set(payload) <= set(texts.spec.fields)
        assert document.vectors["semantic"].shape == (384,)
        assert document.vectors["semantic"].dtype == np.float32
        assert np.linalg.norm(document.vectors["semantic"]) == pytest.approx(1, abs=1e-4)
    assert found[0].payload["heading"] == "Boat guide > Mooring"
    assert found[-1].payload["heading"] == "Boat guide > Engine"
    assert found[0].payload["encoding"] == "utf-8"


def test_offsets_count_characters_of_the_decoded_text(texts: TextExtractor) -> None:
    text = "Žluťoučký kůň.\r\n\r\nÚpěl ďábelské ódy.\r\n" * 20
    found = documents(texts, File("a.txt", b"\xff\xfe" + text.encode("utf-16-le"), "text/plain"))
    assert len(found) > 1
    for document in found:
        assert document.text == text[document.payload["start"] : document.payload["end"]]
        assert document.payload["encoding"] == "utf-16-le"


def test_titles_are_part_of_the_vector(texts: TextExtractor) -> None:
    """The later passages of a section are found by its title, which they do not hold."""
    found = documents(texts, File("guide.md", GUIDE.encode(), "text/markdown"))
    bare = documents(texts, File("a.txt", (found[-1].text or "").encode(), "text/plain"))
    query = texts.encode(Query("text", text="boat engine"), "semantic")
    assert "engine" not in (found[-1].text or "").lower()
    assert float(found[-1].vectors["semantic"] @ query) > float(bare[0].vectors["semantic"] @ query)


def test_query_finds_the_passage_that_means_it(texts: TextExtractor) -> None:
    files = [
        File("a", b"The cat slept on the warm windowsill all afternoon.", "text/plain"),
        File("b", b"Interest rates rose again in the third quarter.", "text/plain"),
        File("c", b"Boil the pasta for nine minutes and drain it.", "text/plain"),
    ]
    space = np.stack([a.documents[0].vectors["semantic"] for a in answers(texts, files)])
    for text, right in (("a sleeping pet", 0), ("monetary policy", 1), ("cooking noodles", 2)):
        assert int((space @ texts.encode(Query("text", text=text), "semantic")).argmax()) == right


def test_time_is_told_by_stage(texts: TextExtractor) -> None:
    texts.clock.take()
    found = documents(texts, File("guide.md", GUIDE.encode(), "text/markdown"))
    stages = texts.clock.take()
    assert (stages["decode"].rows, stages["decode"].bytes) == (1, len(GUIDE.encode()))
    assert stages["infer"].rows == len(found)


@pytest.mark.parametrize(
    ("query", "output", "words"),
    [
        (Query("text", text=""), "semantic", "no words"),
        (Query("image", data=b"x"), "semantic", "cannot be searched with image"),
    ],
)
def test_bad_queries_are_named(texts: TextExtractor, query: Query, output: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        texts.encode(query, output)


def test_types_are_accepted_once() -> None:
    accepts = TextExtractor.spec.accepts
    assert len(accepts) == len(set(accepts))
    for mime in ("text/plain", "text/markdown", "text/x-python", "application/json"):
        assert TextExtractor.spec.accepts_mime(mime)
    for mime in ("text/html", "image/png", "application/pdf"):
        assert not TextExtractor.spec.accepts_mime(mime)


def test_encoder_sees_256_tokens() -> None:
    encoder = minilm.load_minilm()
    long = "word " * 300
    first, same, other = encoder.encode(
        [long, "word " * minilm.TEXT_TOKENS + "cat " * 500, "cat " + long]
    )
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_encoding_does_not_depend_on_neighbours_or_threads() -> None:
    sentences = ["a cat", "a much longer sentence about nothing in particular", "b"]
    one, two = minilm.load_minilm(1), minilm.load_minilm(2)
    together = one.encode(sentences)
    for row, sentence in zip(together, sentences, strict=True):
        assert np.array_equal(row, one.encode([sentence])[0])
    assert np.allclose(together, two.encode(sentences), atol=1e-5)
    assert one.encode([]).shape == (0, 384)
