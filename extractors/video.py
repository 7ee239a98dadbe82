"""The ``video`` extractor: what is seen in a film and what is said, on one timeline.

One document a scene, with start, end, labels and the two vectors of its key frame, which are those
of the ``image`` extractor: an example picture finds the scene that looks like it, a text the one
that shows it. One document an utterance of the sound track, as from the ``audio`` extractor. They
come in the order of their times. Frames are taken one by one, each with its own time, so that a
variable rate changes nothing; a film without sound, or sound without a film, gives what is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from extractors import speech
from extractors.audio import PREVIEW, SpeechParameters, Transcriber
from extractors.fit import fit
from extractors.frames import Eye, check_pixels, poster, prepare
from extractors.image import ImageExtractor, ImageParameters, vectors_of
from extractors.models import default_threads
from extractors.refused import Refused
from extractors.scenes import Scene, cut
from extractors.sight import RECIPES, TOGETHER, VISUAL, PictureSpace, Seen, Sight
from extractors.streams import VIDEO, Media, nothing_inside, open_media
from extractors.tags import caption, name_words
from extractors.texts import SEMANTIC
from extractors.waveform import waveform
from extractors.worded import Worded
from workbench.extraction.contract import (
    Document,
    ExtractorSpec,
    Parameters,
    Part,
    Query,
    Source,
    Vector,
)

MAX_PIXELS = 36_000_000
View = npt.NDArray[np.uint8]


class VideoParameters(SpeechParameters, PictureSpace):
    """Parameters of the ``video`` extractor."""

    sound: bool = Field(True, description="whether the sound track is transcribed")
    max_scene_seconds: float = Field(
        60.0, ge=1, description="a longer scene is divided, each part with a key frame"
    )
    max_scenes: int = Field(3000, ge=1, le=20_000, description="the last one goes to the end")
    max_pixels: int = Field(
        MAX_PIXELS, ge=1, description="width times height; a film with more is not decoded"
    )


class VideoExtractor(Worded):
    """One document a scene, and one an utterance."""

    spec = ExtractorSpec(
        name="video",
        version=1,
        description="Films: what is seen by scene and what is said, with the second",
        accepts=tuple(VIDEO),
        parameters=VideoParameters,
        outputs=(VISUAL, SEMANTIC),
        fields={
            "track": "keyword",
            "scene": "integer",
            "key_ms": "integer",
            "duration_ms": "integer",
            "width": "integer",
            "height": "integer",
            "codec": "keyword",
        },
        models=(*RECIPES, *speech.RECIPES),
    )

    parameters: VideoParameters
    _sight: Sight
    _pictures: ImageExtractor

    def __init__(self, parameters: Parameters | None = None) -> None:
        super().__init__(parameters)
        self._transcriber = Transcriber(self.parameters, self.clock)

    def load(self) -> None:
        self._sight = Sight(default_threads(), self.parameters)
        super().load()

    def encode(self, query: Query, output: str) -> Vector:
        if output != "visual":
            return super().encode(query, output)
        if not hasattr(self, "_pictures"):
            wanted = ImageParameters.model_validate(
                {"picture_model": self.parameters.picture_model}
            )
            self._pictures = ImageExtractor(wanted)
            self._pictures.load()
        return self._pictures.encode(query, output)

    def retitle(self, text: str | None, labels: Sequence[str], name: str) -> str | None:
        """Of scenes; what is said has no labels."""
        return caption(name_words(name), tuple(labels)) if labels else text

    @classmethod
    def preview(cls, source: Source, part: Part, edge: int) -> bytes | None:
        try:
            with open_media(source, VIDEO, PREVIEW) as media:
                shown = poster(media, part, edge, MAX_PIXELS)
            if shown is not None:
                return shown
            with open_media(source, VIDEO, PREVIEW) as media:
                return waveform(media, part, edge)
        except Refused as refused:
            raise ValueError(str(refused)) from refused

    # ---- pictures and sound ----------------------------------------------------------------------

    def _documents(self, source: Source) -> tuple[Document, ...]:
        bounds = self.parameters.bounds
        with open_media(source, VIDEO, bounds) as media:
            length = media.duration or 0.0
            shown = self._scenes(media, name_words(source.name))
        # A live recording states no length of its own.
        length = max(length, *((scene.end_ms or 0) / 1000 for scene in shown), 0.0)
        said: list[Document] = []
        with open_media(source, VIDEO, bounds) as media:
            if media.has_sound and self.parameters.sound:
                said, seconds = self._transcriber.documents(media, self._encoder)
                length = max(length, seconds)
        if not shown and length <= 0:
            raise nothing_inside("picture or sound")
        found = sorted([*shown, *said], key=lambda each: each.start_ms or 0)
        if not found:
            found = [Document(payload={"track": "sound"})]
        common = {"duration_ms": round(length * 1000)}
        return tuple(
            replace(each, payload={"track": "sound", **each.payload, **common}) for each in found
        )

    def _scenes(self, media: Media, words: tuple[str, ...]) -> list[Document]:
        stream = media.picture_stream()
        if stream is None:
            return []
        prepare(stream, self.parameters.max_pixels)
        about: dict[str, Any] = {"track": "picture", "codec": stream.codec_context.name}
        found: list[Document] = []
        waiting: list[Scene[View]] = []
        self.clock.add("decode", 0.0, 1, media.size)
        scenes = self._cut(media, stream, about)
        while True:
            with self.clock("decode", rows=0):
                scene = next(scenes, None)
            if scene is None:
                break
            waiting.append(scene)
            if len(waiting) == TOGETHER:
                found += self._looked_at(waiting, len(found), words, about)
                waiting = []
        return found + self._looked_at(waiting, len(found), words, about)

    def _cut(self, media: Media, stream: Any, about: dict[str, Any]) -> Iterator[Scene[View]]:
        """The scenes as they end; what the first frame says goes into ``about``."""
        eye = Eye()
        return cut(
            self._frames(media, stream, about),
            eye.small,
            lambda frame: fit(eye.picture(frame)),
            self.parameters.max_scene_seconds,
            self.parameters.max_scenes,
        )

    def _frames(
        self, media: Media, stream: Any, about: dict[str, Any]
    ) -> Iterator[tuple[float, Any]]:
        for at, frame in media.frames(stream):
            check_pixels(frame.width, frame.height, self.parameters.max_pixels)
            if "width" not in about:
                upright = round(frame.rotation) % 180 == 0
                sides = (frame.width, frame.height)
                about["width"], about["height"] = sides if upright else sides[::-1]
            yield at, frame

    def _looked_at(
        self,
        scenes: Sequence[Scene[View]],
        before: int,
        words: tuple[str, ...],
        about: dict[str, Any],
    ) -> list[Document]:
        if not scenes:
            return []
        with self.clock("infer", rows=len(scenes)):
            seen = self._sight.look([scene.key for scene in scenes])
        return [
            Document(
                text=caption(words, look.tags),
                start_ms=round(scene.start * 1000),
                end_ms=round(scene.end * 1000),
                labels=look.tags,
                payload={**about, "scene": number, "key_ms": round(scene.key_at * 1000)},
                vectors=self._vectors(look),
            )
            for number, (scene, look) in enumerate(zip(scenes, seen, strict=True), start=before + 1)
        ]

    def _vectors(self, look: Seen) -> dict[str, Vector]:
        """``semantic`` lies in the space of what is said: by the packaged models as a mean of
        labels, in another text model's space by the labels' words."""
        if look.semantic is not None and self.parameters.text_model != SEMANTIC.model:
            told = self._encoder.encode([", ".join(look.tags)])[0] if look.tags else None
            look = replace(look, semantic=told)
        return vectors_of(look)
