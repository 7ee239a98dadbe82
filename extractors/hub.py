"""Models by name: their files in a folder of this machine, fetched from the model hub when they are
first used.

A model's files lie below ``$MIXPEEK_MODELS`` (else the user's cache), by kind, in a folder that is
called as the model is, as plain files: a machine without a way to the hub gets them by a copy of
that folder. It is opened without asking anybody. One that is missing is downloaded beside its place
and put there when it is whole.

fastembed opens and runs them. It is only imported when a model is asked for by name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import platformdirs
from PIL import Image

from extractors import catalog, minilm
from extractors.models import default_threads
from workbench.extraction.contract import Reranker, Vector

FOLDER_VARIABLE = "MIXPEEK_MODELS"
#: Beside the weights: what fastembed reads, where a model has it.
BESIDE = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "preprocessor_config.json",
)
#: Texts in one forward pass: they are padded to the longest, so few.
TOGETHER = 8
#: Characters of a text that is compared with a query: a cross-encoder's own limit comes earlier.
MOST_RERANKED = 4_000


class ModelUnavailable(Exception):
    """The model's files are not here and cannot be had; the message says what to do."""


def models_folder() -> Path:
    """Where models that were asked for by name lie."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named).expanduser() if named else platformdirs.user_cache_path("mixpeek") / "models"


class NamedTexts(minilm.Tokens):
    """A text model of the catalogue, as ``minilm.Encoder`` is one. Texts are measured in tokens of
    MiniLM, so that passages are the same whatever model sees them."""

    def __init__(self, model: catalog.TextModel, threads: int) -> None:
        super().__init__()
        self._model = model
        self._runs: Any = _opened("text", model.name, threads)

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """The texts as rows of length 1, shape (n, dimension)."""
        told = [self._model.passage + text[: minilm.MAX_CHARACTERS] for text in texts]
        found = self._runs.passage_embed(told, batch_size=TOGETHER)
        return _rows(found, len(told), self._model.dimension)

    def encode_query(self, text: str) -> npt.NDArray[np.float32]:
        """One query, shape (dimension,). Raises ValueError when there is nothing to search for."""
        if not text.strip():
            raise ValueError("the query has no words")
        told = self._model.query + text[: minilm.MAX_CHARACTERS]
        return _rows(self._runs.query_embed(told), 1, self._model.dimension)[0]


class NamedPictures:
    """A picture model of the catalogue. Its weights are opened by the first picture that comes, so
    that who only encodes texts does not hold them."""

    def __init__(self, model: catalog.PictureModel, threads: int) -> None:
        self._model = model
        self._runs: Any = _opened("picture", model.name, threads)

    def look(self, views: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
        """Views of shape (224, 224, 3) as rows of length 1, shape (n, dimension)."""
        pictures = [Image.fromarray(view) for view in views]
        return _rows(self._runs.embed(pictures), len(pictures), self._model.dimension)


class CrossEncoder(Reranker):
    """The cross-encoders of the catalogue."""

    models = tuple(catalog.RERANK_MODELS)

    def load(self) -> None:
        self._runs: Any = _opened("rerank", self.model, default_threads())

    def score(self, query: str, texts: Sequence[str]) -> Vector:
        told = [text[:MOST_RERANKED] for text in texts]
        order = sorted(range(len(told)), key=lambda at: len(told[at]))
        found = self._runs.rerank(
            query[:MOST_RERANKED], [told[at] for at in order], batch_size=TOGETHER
        )
        scores = np.empty(len(told), np.float32)
        scores[order] = np.fromiter(found, np.float32, len(told))
        return scores


# ---- files --------------------------------------------------------------------------------------


def _opened(kind: str, name: str, threads: int) -> Any:
    try:
        from fastembed import ImageEmbedding, TextEmbedding
        from fastembed.rerank.cross_encoder import TextCrossEncoder
    except ImportError as error:
        raise ModelUnavailable(
            f"the model {name} needs the extra `models` of this package: "
            "pip install 'mixpeek-workbench[models]'"
        ) from error
    kinds = {"text": TextEmbedding, "picture": ImageEmbedding, "rerank": TextCrossEncoder}
    opens: Any = kinds[kind]
    stated: Mapping[str, Any] = next(
        each for each in opens.list_supported_models() if each["model"] == name
    )
    weights = [stated["model_file"], *stated["additional_files"]]

    def bring(folder: Path) -> None:
        from huggingface_hub import snapshot_download

        wanted = [*weights, *BESIDE]
        snapshot_download(stated["sources"]["hf"], local_dir=folder, allow_patterns=wanted)
        for file in weights:
            if not (folder / file).is_file():
                raise FileNotFoundError(f"{stated['sources']['hf']} has no {file}")

    return opens(
        name,
        threads=threads,
        providers=["CPUExecutionProvider"],
        lazy_load=True,
        specific_model_path=str(placed(kind, name, bring)),
    )


def placed(kind: str, name: str, bring: Callable[[Path], object]) -> Path:
    """The folder of a model, filled by ``bring`` if it is not there yet: it is there whole or not
    at all, and what an interrupted try has left is given to the next. Raises
    ``ModelUnavailable``."""
    folder = models_folder() / kind / name
    if folder.is_dir():
        return folder
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        bring(partial)
        partial.rename(folder)
    except Exception as error:
        if folder.is_dir():  # another process, which fetched it too, was done first
            return folder
        raise unavailable(name, folder, error) from error
    return folder


def unavailable(name: str, folder: Path, error: BaseException) -> ModelUnavailable:
    """What to raise when ``error`` kept the model from being fetched."""
    lines = str(error).strip().splitlines()
    reason = (lines[0] if lines else type(error).__name__)[:200]
    return ModelUnavailable(
        f"the model {name} is not in {folder} and cannot be fetched from the model hub ({reason}); "
        "try again where the hub can be reached, or copy that folder from a machine that has it"
    )


def _rows(found: Iterable[Any], count: int, dimension: int) -> npt.NDArray[np.float32]:
    """The vectors at length 1."""
    rows = np.empty((count, dimension), np.float32)
    for row, vector in enumerate(found):
        rows[row] = vector
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(lengths, np.float32(1e-12))
