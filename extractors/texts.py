"""The text space of an extractor: the packaged model, or another one by the parameter
``text_model``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from extractors import catalog, minilm
from workbench.extraction.contract import Bounded, Output

#: What every extractor that embeds texts writes, unless ``text_model`` says otherwise.
SEMANTIC = Output("semantic", minilm.DIMENSION, minilm.MODEL, queries=frozenset({"text"}))


class TextEncoder(Protocol):
    """A loaded text model, and the measure of passages."""

    def count(self, text: str) -> int: ...
    def spans(self, text: str) -> list[tuple[int, int]]: ...
    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]: ...
    def encode_query(self, text: str) -> npt.NDArray[np.float32]: ...


class TextSpace(Bounded):
    """Which model turns texts into vectors."""

    text_model: str = Field(
        minilm.MODEL,
        max_length=200,
        description="makes the vectors of texts; others than the packaged one come from the model "
        "hub (docs/models.md), e.g. BAAI/bge-small-en-v1.5",
    )

    @field_validator("text_model")
    @classmethod
    def _known(cls, name: str) -> str:
        return name if name == minilm.MODEL else catalog.text_model(name).name

    def outputs(self, stated: tuple[Output, ...]) -> tuple[Output, ...]:
        stated = super().outputs(stated)
        if self.text_model == minilm.MODEL:
            return stated
        model = catalog.text_model(self.text_model)
        return tuple(
            replace(output, dimension=model.dimension, model=model.name)
            if output.name == SEMANTIC.name
            else output
            for output in stated
        )


def open_texts(name: str, threads: int) -> TextEncoder:
    """The model of that name. Raises ``ModelUnavailable`` when it is not to be had."""
    return open_partner(None if name == minilm.MODEL else catalog.text_model(name), threads)


def open_partner(model: catalog.TextModel | None, threads: int) -> TextEncoder:
    """The text model of a picture model's space; None is the packaged one."""
    if model is None:
        return minilm.load_minilm(threads)
    from extractors.hub import NamedTexts

    return NamedTexts(model, threads)
