"""Extractors for tests: cheap, exact, and able to misbehave in every way that the contract knows.

What a file asks for is its text: ``sleep 0.2``, ``fail format no good``, ``raise``, ``greedy``
(there is no memory for it), ``blind`` (there is no model for it), ``die``, ``mute`` (no answer),
``bad`` (a vector of the wrong shape), ``flaky 2 /a/path`` (fails twice for the network, counted in
a file at that path), ``brake /a/path`` (takes a second while there is a file at that path: a test
that must act before the work is done has all the time it needs, and the rest is quick). Anything
else becomes a document with that text and a vector made of its hash.
"""

from __future__ import annotations

import hashlib
import io
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from workbench.domain.states import Category
from workbench.extraction.contract import (
    Document,
    Extracted,
    Extractor,
    ExtractorSpec,
    Failed,
    ModelUnavailable,
    Output,
    Parameters,
    Part,
    Query,
    Resources,
    Source,
    Vector,
)

DIMENSION = 8


def toy_vector(text: str) -> Vector:
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
    vector = np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)
    return vector / np.float32(np.linalg.norm(vector))


def flaky(rest: str) -> str | None:
    """Why it fails this time."""
    times, _, place = rest.partition(" ")
    counter = Path(place.strip())
    before = int(counter.read_text()) if counter.exists() else 0
    counter.write_text(str(before + 1))
    return f"no answer, try {before + 1}" if before < int(times) else None


class ToyParameters(Parameters):
    prefix: str = ""
    pause: float = 0.0


class Toy(Extractor):
    spec = ExtractorSpec(
        name="toy",
        version=1,
        description="a document a file",
        accepts=("text/x-toy", "text/plain"),
        parameters=ToyParameters,
        outputs=(Output("toy", DIMENSION, "toy-1", queries=frozenset({"text"})),),
        fields={"length": "integer"},
        resources=Resources(cpu=1),
        default=False,
    )
    parameters: ToyParameters

    def load(self) -> None:
        self._loaded = os.getpid()

    @classmethod
    def preview(cls, source: Source, part: Part, edge: int) -> bytes | None:
        """A square of a grey that tells the page; ``none``, ``refuse``, ``die``, ``sleep``."""
        match source.read().decode():
            case "none":
                return None
            case "refuse":
                raise ValueError("not today")
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "sleep":
                time.sleep(60)
            case _:
                pass
        grey = 10 * (part.page or 0)
        out = io.BytesIO()
        Image.new("RGB", (edge, edge), (grey, grey, grey)).save(out, "WEBP", lossless=True)
        return out.getvalue()

    def extract(self, sources: Sequence[Source]) -> Iterator[Extracted]:
        for index, source in enumerate(sources):
            text = source.read().decode()
            word, _, rest = text.partition(" ")
            if self.parameters.pause:
                time.sleep(self.parameters.pause)
            if word == "mute":
                continue
            if word == "raise":
                raise RuntimeError("the toy broke")
            if word == "blind":
                raise ModelUnavailable("get the model")
            if word == "greedy":
                raise MemoryError
            if word == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            if word == "sleep":
                time.sleep(float(rest.split()[0]))
            if word == "brake" and Path(rest.split()[0]).exists():
                time.sleep(1)
            if word == "flaky" and (failed := flaky(rest)):
                yield Extracted(index, failure=Failed(Category.NETWORK, failed))
                continue
            if word == "fail":
                category, _, message = rest.partition(" ")
                yield Extracted(index, failure=Failed(Category(category), message, "try another"))
                continue
            size = DIMENSION + 1 if word == "bad" else DIMENSION
            vector = np.resize(toy_vector(text), size).astype(np.float32)
            with self.clock("infer"):
                document = Document(
                    text=self.parameters.prefix + text,
                    payload={"length": len(text)},
                    vectors={"toy": vector},
                )
            yield Extracted(index, (document,))

    def encode(self, query: Query, output: str) -> Vector:
        return toy_vector(query.text or "")


class Unloadable(Toy):
    spec = ExtractorSpec(
        name="unloadable",
        version=1,
        description="its models cannot be opened",
        accepts=("text/x-unloadable",),
        parameters=ToyParameters,
        outputs=(),
        default=False,
    )

    def load(self) -> None:
        raise FileNotFoundError("model.onnx is not there")


class NeedsGpu(Toy):
    spec = ExtractorSpec(
        name="needs-gpu",
        version=1,
        description="asks for a GPU",
        accepts=("text/x-gpu",),
        parameters=ToyParameters,
        outputs=(),
        resources=Resources(cpu=1, gpu=1),
        default=False,
    )


class LivesParameters(ToyParameters):
    lives: str = ""


class DiesLoading(Toy):
    """Its process dies while the models are opened, as often as the file ``lives`` says."""

    spec = replace(
        Toy.spec,
        name="diesloading",
        description="dies while it opens its models",
        accepts=("text/x-diesloading",),
        parameters=LivesParameters,
        default=False,
    )

    def load(self) -> None:
        file = Path(self.parameters.model_dump()["lives"])
        left = int(file.read_text())
        if left:
            file.write_text(str(left - 1))
            os._exit(1)
