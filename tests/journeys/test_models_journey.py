"""Models by name through a whole stack: other vectors for texts and pictures, a second look at the
hits, and a model that is not to be had. The models are tiny, in the files of known names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_models
from PIL import Image
from stack_journey import Stack

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]

BGE, CLIP = "BAAI/bge-small-en-v1.5", "Qdrant/clip-ViT-B-32-vision"
CROSS = "Xenova/ms-marco-MiniLM-L-6-v2"
#: Nobody listens there: the model hub of a machine without a network.
NO_HUB = "http://127.0.0.1:9"
NOTES = {
    "dog.txt": "the dog runs along the beach",
    "cat.txt": "the cat sleeps on a sofa",
    "sea.txt": "a boat sails on the sea the sea the sea the sea the dog",
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("named")
    tiny_models.put_all(folder / "models")
    media = folder / "media"
    media.mkdir()
    for name, text in NOTES.items():
        (media / name).write_text(text)
    for name, colour in {"p1.png": (250, 5, 5), "p2.png": (5, 5, 250)}.items():
        Image.new("RGB", (320, 240), colour).save(media / name)
    stack = Stack(
        folder / "home", {"MIXPEEK_MODELS": str(folder / "models"), "HF_ENDPOINT": NO_HUB}
    )
    stack.up()
    yield stack
    stack.down()


def test_named_models_make_the_vectors_and_are_searched_by_them(stack: Stack) -> None:
    media = stack.home.parent / "media"
    chosen = ("--set", f"text.text_model={BGE}", "--set", f"image.picture_model={CLIP}")
    task = stack.json(
        "ingest", str(media), "--bucket", "named", "--extractors", "text,image", *chosen
    )
    assert task["progress"]["indexed"] == 5, task
    features = {
        feature["address"]: (feature["model"], feature["dimension"], feature["queries"])
        for collection in stack.json("collections")
        for feature in collection["features"]
    }
    assert features == {
        "mixpeek://text@1/semantic": (BGE, 384, ["text"]),
        "mixpeek://image@1/visual": (CLIP, 512, ["image", "text"]),
    }

    def best(*arguments: str) -> str:
        hits = stack.json("search", *arguments, "--bucket", "named", "--mode", "dense")["hits"]
        return hits[0]["object_name"]

    assert best("a dog on the beach", "--kind", "text") == "dog.txt"
    assert best("the red", "--kind", "image") == "p1.png"
    assert best("the blue", "--kind", "image") == "p2.png"
    assert best("--like", str(media / "p2.png")) == "p2.png"


def test_the_best_hits_are_read_again(stack: Stack) -> None:
    found = stack.json("search", "dog beach", "--bucket", "named", "--rerank", CROSS)
    first = found["hits"][0]
    assert first["object_name"] == "dog.txt"
    assert first["reasons"][0]["kind"] == "rerank"
    assert first["reasons"][0]["feature"] == CROSS
    assert found["timing"]["rerank"] > 0
    told = stack.run("search", "dog beach", "--bucket", "named", "--rerank", CROSS)
    assert told.out.split()[6:8] == ["2.1022", "dog.txt"], told
    wrong = stack.run("search", "dog", "--rerank", "ms-marco-MiniLM-L-6")
    assert wrong.status != 0
    assert f"did you mean {CROSS}" in wrong.err, wrong


def test_a_model_that_is_not_to_be_had_is_said_and_the_rest_goes_on(stack: Stack) -> None:
    media = stack.home.parent / "media"
    other = ("--set", "text.text_model=BAAI/bge-base-en-v1.5")
    task = stack.json(
        "ingest", str(media), "--bucket", "lost", "--extractors", "text,image", *other, status=1
    )
    assert task["progress"]["indexed"] == 2, task
    failures = stack.json("failures", task["task_id"])
    assert {each["object_name"] for each in failures} == set(NOTES)
    assert {each["category"] for each in failures} == {"model"}
    said = (
        "the extractor cannot be opened: ModelUnavailable: the model BAAI/bge-base-en-v1.5 is not"
    )
    assert failures[0]["message"].startswith(said)
    assert "copy that folder" in failures[0]["message"]
    unknown = stack.run("ingest", str(media), "--set", "text.text_model=bge-small-en")
    assert unknown.status != 0
    assert f"did you mean {BGE}" in unknown.err, unknown
