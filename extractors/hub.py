"""Models that are not packaged: named by a parameter, fetched from the model hub once.

``fastembed`` (an optional package) knows text models, picture models with a text tower, and cross
encoders; ``faster-whisper`` knows speech models. A name that neither knows is refused where a
parameter is checked. The files come from the folder that the administrator names
(``MIXPEEK_MODELS``, with ``MODEL/NAME`` in it), else from the hub's cache (``HF_HOME``), which is
not compared with the hub again, so that a collection keeps its model; else they are fetched into
that cache, unless ``HF_HUB_OFFLINE`` or ``TRANSFORMERS_OFFLINE`` forbids it. Nothing else takes the
model's place: what cannot be had is an error that says what to do.
"""

from __future__ import annotations

import difflib
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

log = logging.getLogger(__name__)

T = TypeVar("T")
Vectors = npt.NDArray[np.float32]
Kind = Literal["text", "image", "rerank"]

FOLDER_VARIABLE = "MIXPEEK_MODELS"
#: Fetching and opening a model may take so long; what was fetched by then is kept.
SECONDS = 900.0
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}(?:/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?")
CLASSES: Mapping[Kind, str] = {
    "text": "TextEmbedding",
    "image": "ImageEmbedding",
    "rerank": "rerank.cross_encoder.TextCrossEncoder",
}
BESIDE = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "preprocessor_config.json",
)
#: What models want before a query and before a passage, by the beginning of their names.
PREFIXES: Mapping[str, tuple[str, str]] = {
    "intfloat/multilingual-e5": ("query: ", "passage: "),
    "nomic-ai/nomic-embed": ("search_query: ", "search_document: "),
    "snowflake/": ("Represent this sentence for searching relevant passages: ", ""),
    "mixedbread-ai/": ("Represent this sentence for searching relevant passages: ", ""),
    "BAAI/bge-small-en": ("Represent this sentence for searching relevant passages: ", ""),
    "BAAI/bge-base-en": ("Represent this sentence for searching relevant passages: ", ""),
    "BAAI/bge-large-en": ("Represent this sentence for searching relevant passages: ", ""),
}


class ModelMissing(RuntimeError):
    """A model that cannot be had. The message says why and what to do."""


# ---- what a parameter may name ------------------------------------------------------------------


def dimension(kind: Literal["text", "image"], name: str) -> int:
    """The size of the model's vectors. Raises ValueError."""
    return int(_described(kind, name)["dim"])


def check(kind: Kind, name: str) -> None:
    """Raises ValueError where it is clear beforehand that the model cannot be had."""
    known = _described(kind, name)
    if given_folder(name) is None and offline() and _cached(known) is None:
        raise ValueError(_missing_offline(name))


def text_tower(name: str) -> str:
    """The text model of the space that a picture model writes to. Raises ValueError."""
    names = _names("text")
    for tower in (name, name.replace("-vision", "-text")):
        if tower in names:
            return tower
    able = [each for each in _names("image") if {each, each.replace("-vision", "-text")} & {*names}]
    raise ValueError(
        f"the model {name} knows pictures only, so no text would find them; "
        f"models that know both: {', '.join(sorted(able))}"
    )


def check_speech(name: str) -> None:
    """Raises ValueError for what is no Whisper model, or cannot be had offline."""
    from faster_whisper.utils import available_models

    if not NAME.fullmatch(name):
        raise ValueError("a model's name is expected, like small or turbo, or OWNER/REPOSITORY")
    known = [str(each) for each in available_models()]
    if given_folder(name) is not None:
        return
    if "/" not in name and name not in known:
        raise ValueError(f"there is no Whisper model {name}; {_near(name, known)}")
    if offline() and _whisper(name, local=True) is None:
        raise ValueError(_missing_offline(name))


def _described(kind: Kind, name: str) -> Mapping[str, Any]:
    if not NAME.fullmatch(name):
        raise ValueError("a model's name is expected, like BAAI/bge-small-en-v1.5")
    names = _names(kind)
    if name not in names:
        raise ValueError(f"fastembed knows no model {name} for this; {_near(name, list(names))}")
    return names[name]


@cache
def _names(kind: Kind) -> Mapping[str, Mapping[str, Any]]:
    """What fastembed says of its models, by name. Raises ValueError where it is not installed."""
    return {each["model"]: each for each in _class(kind).list_supported_models()}


def _class(kind: Kind) -> Any:
    module, _, name = f"fastembed.{CLASSES[kind]}".rpartition(".")
    try:
        found = getattr(import_module(module), name)
        import_module("loguru").logger.disable("fastembed")  # what matters is said here
    except ImportError as error:
        raise ValueError(
            f"models by name need the package fastembed, which is not installed ({error}): "
            "pip install 'mixpeek-workbench[hub]'"
        ) from None
    return found


def _near(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    return f"did you mean {' or '.join(near)}?" if near else f"it knows {', '.join(known[:8])}, …"


# ---- where the files are ------------------------------------------------------------------------


def offline() -> bool:
    """Whether the environment forbids to ask the hub."""
    values = (os.environ.get(name, "") for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))
    return any(value.strip().lower() in ("1", "true", "yes", "on") for value in values)


def given_folder(name: str) -> Path | None:
    """The model's folder in the one that the administrator named, where it is there."""
    root = os.environ.get(FOLDER_VARIABLE, "")
    if not root or not NAME.fullmatch(name):
        return None
    found = (Path(root) / name).resolve()
    return found if found.is_relative_to(Path(root).resolve()) and found.is_dir() else None


def _files(known: Mapping[str, Any]) -> list[str]:
    return [known["model_file"], *known["additional_files"]]


def _cached(known: Mapping[str, Any]) -> Path | None:
    """The folder in the hub's cache, where all of the model is there."""
    return _snapshot(known, local=True)


def _snapshot(known: Mapping[str, Any], *, local: bool) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    source = known["sources"].get("hf")
    if not source:
        raise ModelMissing(f"the model {known['model']} is not on the model hub")
    wanted = _files(known)
    try:
        found = Path(
            snapshot_download(source, allow_patterns=[*BESIDE, *wanted], local_files_only=local)
        )
    except LocalEntryNotFoundError:
        if local:
            return None
        raise
    return found if all((found / each).exists() for each in wanted) else None


def _whisper(name: str, *, local: bool) -> Path | None:
    from faster_whisper.utils import download_model
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        found = Path(download_model(name, local_files_only=local))
    except LocalEntryNotFoundError:
        if local:
            return None
        raise
    return found if (found / "model.bin").exists() else None


def _missing_offline(name: str) -> str:
    return (
        f"the model {name} is not in the hub's cache, and the environment forbids to fetch it "
        f"(HF_HUB_OFFLINE); unset that, or put its files into {FOLDER_VARIABLE}/{name}"
    )


# ---- opening ------------------------------------------------------------------------------------


def text_model(name: str, threads: int) -> TextModel:
    """Raises ModelMissing."""
    return TextModel(name, _open("text", name, threads))


def picture_model(name: str, threads: int) -> PictureModel:
    """Raises ModelMissing."""
    return PictureModel(_open("image", name, threads))


def cross_encoder(name: str, threads: int) -> Any:
    """Raises ModelMissing."""
    return _open("rerank", name, threads)


def speech_folder(name: str) -> str:
    """The folder of a Whisper model. Raises ModelMissing."""
    return str(
        given_folder(name)
        or _had(name, lambda: _whisper(name, local=True), lambda: _whisper(name, local=False))
    )


def _open(kind: Kind, name: str, threads: int) -> Any:
    begun = time.monotonic()
    try:
        known = _described(kind, name)
    except ValueError as error:
        raise ModelMissing(str(error)) from None
    folder = given_folder(name) or _had(
        name, lambda: _cached(known), lambda: _snapshot(known, local=False)
    )

    def opened() -> Any:
        return _class(kind)(
            name,
            threads=threads,
            providers=["CPUExecutionProvider"],
            specific_model_path=str(folder),
        )

    model = _within(name, opened)
    log.info("model %s: opened from %s in %.1f s", name, folder, time.monotonic() - begun)
    return model


def _had(name: str, cached: Callable[[], Path | None], fetch: Callable[[], Path | None]) -> Path:
    found = cached()
    if found is not None:
        return found
    if offline():
        raise ModelMissing(_missing_offline(name))
    log.info("model %s: fetching it from the model hub", name)
    found = _within(name, fetch)
    if found is None:
        raise ModelMissing(f"the hub's copy of the model {name} lacks files that it needs")
    return found


def _within(name: str, call: Callable[[], T]) -> T:
    """What ``call`` gives within ``SECONDS``; its thread is left alone where it takes longer."""
    answers: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            answers.append(call())
        except BaseException as error:  # noqa: BLE001 - told to the one who waits
            errors.append(error)

    thread = threading.Thread(target=work, name=f"model {name}", daemon=True)
    thread.start()
    thread.join(SECONDS)
    if answers:
        return answers[0]
    if not errors:
        raise ModelMissing(
            f"the model {name} was not there after {SECONDS:,.0f} seconds; what was fetched is "
            "kept, so try again"
        )
    raise ModelMissing(
        f"the model {name} cannot be had: {type(errors[0]).__name__}: {errors[0]}"[:400]
        + f"; check the way to the model hub, or put its files into {FOLDER_VARIABLE}/{name}"
    ) from errors[0]


class TextModel:
    """A text model of the hub, used like the packaged one."""

    def __init__(self, name: str, model: Any) -> None:
        self._model = model
        found = (both for start, both in PREFIXES.items() if name.startswith(start))
        self._query, self._passage = next(found, ("", ""))

    def encode(self, texts: Sequence[str]) -> Vectors:
        return unit(list(self._model.passage_embed([self._passage + text for text in texts])))

    def encode_query(self, text: str) -> npt.NDArray[np.float32]:
        """Raises ValueError when there is nothing to search for."""
        if not text.strip():
            raise ValueError("the query has no words")
        return unit(list(self._model.query_embed(self._query + text)))[0]


class PictureModel:
    """The picture tower of a model that knows pictures and texts."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def look(self, views: Sequence[npt.NDArray[np.uint8]]) -> Vectors:
        """RGB views as rows of length 1."""
        return unit(list(self._model.embed([Image.fromarray(view) for view in views])))


def unit(rows: Sequence[npt.NDArray[Any]]) -> Vectors:
    """The rows at length 1."""
    vectors = np.stack(rows).astype(np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, 1e-12)
