"""An extractor of pictures and films for tests of JupyterLab: it names what a file is called, and
opens no model."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from PIL import Image
from toys import DIMENSION, Toy, ToyParameters, toy_vector

from workbench.extraction.contract import (
    Document,
    Extracted,
    ExtractorSpec,
    Output,
    Part,
    Resources,
    Source,
)


class Clip(Toy):
    """A picture is one document, a film two: its first second and the rest."""

    spec = ExtractorSpec(
        name="clip",
        version=1,
        description="what a picture or a film is called",
        accepts=("image/png", "video/webm"),
        parameters=ToyParameters,
        outputs=(Output("clip", DIMENSION, "clip-1", queries=frozenset({"text"})),),
        resources=Resources(cpu=1),
        default=False,
    )

    @classmethod
    def preview(cls, source: Source, part: Part, edge: int) -> bytes | None:
        out = io.BytesIO()
        Image.new("RGB", (edge, edge * 3 // 4), (70, 110, 150)).save(out, "WEBP")
        return out.getvalue()

    def extract(self, sources: Sequence[Source]) -> Iterator[Extracted]:
        for index, source in enumerate(sources):
            words = PurePosixPath(source.name).stem.replace("-", " ")
            film = source.mime.startswith("video/")
            times = [(0, 1000), (1000, 3000)] if film else [(None, None)]
            yield Extracted(
                index,
                tuple(
                    Document(
                        text=f"{words} from {start}" if film else words,
                        start_ms=start,
                        end_ms=end,
                        labels=[words.split()[0]],
                        vectors={"clip": toy_vector(words)},
                    )
                    for start, end in times
                ),
            )
