"""The picture models: from views of 224 x 224 RGB bytes to vectors and the words for what is seen.
``image`` and ``video`` share them, so that a picture finds the frames that look like it.

The packaged model gives all three in one pass. Another one (``picture_model``) makes ``visual``;
the labels stay those of the packaged one. Where it has a text model of the same space, texts are
searched for there, and there is no ``semantic`` vector of what is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from extractors import catalog, minilm
from extractors.models import LITE0, open_session
from extractors.tags import load_vocabulary
from workbench.extraction.contract import Bounded, Output, QueryKind, Vector

MODEL = "efficientnet-lite0-int8"
DIMENSION = 1280
#: Models and tables with their revisions, for the digest.
RECIPES = (
    "efficientnet-lite0-int8:f2625243d71ac2c4",
    "labels:2850b67707bdef84",
    minilm.RECIPE,
)
VISUAL = Output("visual", DIMENSION, MODEL, queries=frozenset({"image"}))
#: Pictures in one forward pass: on one core 285 a second, 260 one by one, 265 by sixteens.
TOGETHER = 8


class PictureSpace(Bounded):
    """Which model turns pictures into vectors."""

    picture_model: str = Field(
        MODEL,
        max_length=200,
        description="makes the vectors of pictures; others than the packaged one come from the "
        "model hub (docs/models.md), e.g. Qdrant/clip-ViT-B-32-vision",
    )

    @field_validator("picture_model")
    @classmethod
    def _known_picture_model(cls, name: str) -> str:
        return name if name == MODEL else catalog.picture_model(name).name

    @property
    def pictures(self) -> catalog.PictureModel | None:
        """None is the packaged model."""
        named = self.picture_model
        return None if named == MODEL else catalog.picture_model(named)

    @property
    def texts_find(self) -> catalog.TextModel | None:
        """The text model by whose vectors a text finds pictures directly, if there is one."""
        return self.pictures.texts if self.pictures else None

    def outputs(self, stated: tuple[Output, ...]) -> tuple[Output, ...]:
        stated = super().outputs(stated)
        model = self.pictures
        if model is None:
            return stated
        kinds: frozenset[QueryKind] = (
            frozenset({"image", "text"}) if model.texts else frozenset({"image"})
        )
        visual = replace(VISUAL, dimension=model.dimension, model=model.space, queries=kinds)
        return tuple(visual if output.name == VISUAL.name else output for output in stated)


@dataclass(frozen=True)
class Seen:
    """``semantic`` is None where texts are searched for in the space of ``visual``."""

    visual: Vector
    semantic: Vector | None
    tags: tuple[str, ...]


class Sight:
    """The loaded models and their vocabulary. Raises ``ModelUnavailable`` when another picture
    model was asked for and is not to be had."""

    def __init__(self, threads: int, wanted: PictureSpace) -> None:
        self._session = open_session(LITE0, threads)
        self._vocabulary = load_vocabulary()
        self._named = None
        self._semantic = wanted.texts_find is None
        if wanted.pictures is not None:
            from extractors.hub import NamedPictures

            self._named = NamedPictures(wanted.pictures, threads)

    def look(self, views: Sequence[npt.NDArray[np.uint8]]) -> list[Seen]:
        """What is seen in each view, at most ``TOGETHER`` of them."""
        answers = self._session.run(None, {"pixels": np.stack(views)})
        visual, semantic, probabilities = cast(list[Vector], answers)
        if self._named is not None:
            visual = self._named.look(views)
        tags = self._vocabulary.tags(probabilities)
        return [
            Seen(one, other if self._semantic else None, words)
            for one, other, words in zip(visual, semantic, tags, strict=True)
        ]
