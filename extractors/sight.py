"""The picture model: from views of 224 x 224 RGB bytes to two vectors and the words for what is
seen. ``image`` and ``video`` share it, so that a picture finds the frames that look like it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from extractors import minilm
from extractors.models import LITE0, open_session
from extractors.tags import load_vocabulary
from workbench.extraction.contract import Vector

MODEL = "efficientnet-lite0-int8"
DIMENSION = 1280
#: Models and tables with their revisions, for the digest.
RECIPES = (
    "efficientnet-lite0-int8:f2625243d71ac2c4",
    "labels:2850b67707bdef84",
    minilm.RECIPE,
)
#: Pictures in one forward pass: on one core 285 a second, 260 one by one, 265 by sixteens.
TOGETHER = 8


@dataclass(frozen=True)
class Seen:
    visual: Vector
    semantic: Vector
    tags: tuple[str, ...]


class Sight:
    """The loaded model and its vocabulary."""

    def __init__(self, threads: int) -> None:
        self._session = open_session(LITE0, threads)
        self._vocabulary = load_vocabulary()

    def look(self, views: Sequence[npt.NDArray[np.uint8]]) -> list[Seen]:
        """What is seen in each view, at most ``TOGETHER`` of them."""
        answers = self._session.run(None, {"pixels": np.stack(views)})
        visual, semantic, probabilities = cast(list[Vector], answers)
        tags = self._vocabulary.tags(probabilities)
        return [Seen(*row) for row in zip(visual, semantic, tags, strict=True)]
