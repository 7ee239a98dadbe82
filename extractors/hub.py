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
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import platformdirs
from PIL import Image

from extractors import catalog, minilm
from extractors.models import default_threads
from workbench.extraction.contract import ModelUnavailable, Reranker, Vector

FOLDER_VARIABLE = "MIXPEEK_MODELS"
#: Beside the weights: what fastembed reads, where a model has it.
BESIDE = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "preprocessor_config.json",
)
#: Without these a model of a kind is not whole, whatever its weights are called.
NEEDED: Mapping[str, Sequence[str]] = {
    "text": ("tokenizer.json",),
    "picture": ("preprocessor_config.json",),
    "rerank": ("tokenizer.json",),
}
#: Texts in one forward pass: they are padded to the longest, so few.
TOGETHER = 8
#: Characters of a text that is compared with a query: a cross-encoder's own limit comes earlier.
MOST_RERANKED = 4_000


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
        self._runs = _ready("text", model.name, threads)()

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
        self._open = _ready("picture", model.name, threads)
        self._runs: Any = None

    def look(self, views: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
        """Views of shape (224, 224, 3) as rows of length 1, shape (n, dimension)."""
        if self._runs is None:
            self._runs = self._open()
        pictures = [Image.fromarray(view) for view in views]
        return _rows(self._runs.embed(pictures), len(pictures), self._model.dimension)


class CrossEncoder(Reranker):
    """The cross-encoders of the catalogue."""

    models = tuple(catalog.RERANK_MODELS)

    def load(self) -> None:
        self._runs = _ready("rerank", self.model, default_threads())()

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


def _ready(kind: str, name: str, threads: int) -> Callable[[], Any]:
    """What opens the model; its files are there then. Both raise ``ModelUnavailable``."""
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
    place = placed(
        kind,
        name,
        lambda folder: _bring(stated["sources"]["hf"], folder, [*weights, *BESIDE]),
        [*weights, *NEEDED[kind]],
    )

    def run() -> Any:
        with opening(name, place):
            return opens(
                name,
                threads=threads,
                providers=["CPUExecutionProvider"],
                specific_model_path=str(place),
            )

    return run


def _bring(repository: str, folder: Path, wanted: Sequence[str]) -> None:
    """The wanted files of a repository that it has. They are asked for by their commit: asked for
    by a branch while the hub cannot be reached, the library gives back what a broken-off try has
    left as if it were all."""
    from huggingface_hub import HfApi, snapshot_download

    commit = HfApi().model_info(repository).sha
    snapshot_download(repository, revision=commit, local_dir=folder, allow_patterns=list(wanted))


def placed(
    kind: str, name: str, bring: Callable[[Path], object], needed: Sequence[str] = ()
) -> Path:
    """The folder of a model, filled by ``bring`` if it is not there yet: it is there whole or not
    at all, and what an interrupted try has left is given to the next. ``needed`` are patterns of
    the files that a whole one holds. Raises ``ModelUnavailable``."""
    folder = models_folder() / kind / name
    if not folder.is_dir():
        partial = folder.with_name(f".{folder.name}.partial")
        try:
            bring(partial)
            missing = _missing(partial, needed)
            if missing:
                raise FileNotFoundError(f"it gave no {', '.join(missing)}")
            partial.rename(folder)
        except Exception as error:
            if not folder.is_dir():  # else another process, which fetched it too, was done first
                raise unavailable(name, folder, error) from error
    missing = _missing(folder, needed)
    if missing:
        raise _unusable(name, folder, f"is not whole, {', '.join(missing)} is not there")
    return folder


@contextmanager
def opening(name: str, folder: Path) -> Generator[None]:
    """Turns what a library says of files that it cannot use into ``ModelUnavailable``."""
    try:
        yield
    except (ModelUnavailable, MemoryError):
        raise
    except Exception as error:
        raise _unusable(name, folder, f"cannot be opened ({_reason(error)})") from error


def _missing(folder: Path, needed: Sequence[str]) -> list[str]:
    return [pattern for pattern in needed if not any(folder.glob(pattern))]


def _unusable(name: str, folder: Path, what: str) -> ModelUnavailable:
    if models_folder() not in folder.parents:
        return ModelUnavailable(f"the model in {folder} {what}; put a whole one there")
    return ModelUnavailable(
        f"the model {name} in {folder} {what}; remove that folder, so that the model is fetched "
        "again where the hub can be reached, or copy it whole from a machine that has it"
    )


def unavailable(name: str, folder: Path, error: BaseException) -> ModelUnavailable:
    """What to raise when ``error`` kept the model from being fetched."""
    return ModelUnavailable(
        f"the model {name} is not in {folder} and cannot be fetched from the model hub "
        f"({_reason(error)}); try again where the hub can be reached, or copy that folder from a "
        "machine that has it"
    )


def _reason(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:200]


def _rows(found: Iterable[Any], count: int, dimension: int) -> npt.NDArray[np.float32]:
    """The vectors at length 1."""
    rows = np.empty((count, dimension), np.float32)
    for row, vector in enumerate(found):
        rows[row] = vector
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(lengths, np.float32(1e-12))
