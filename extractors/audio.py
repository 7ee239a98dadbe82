"""The ``audio`` extractor: what is said in a recording, and when.

One document an utterance of about 15 seconds, with its start and end; its vector lies in MiniLM's
text space, so that the query which finds a passage finds the spoken words too. A recording in which
nobody speaks gives one document without a position: what its tags say (title, artist, album), and
else nothing but its length, so that it is found by its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from pydantic import Field, model_validator

from extractors import minilm, speech
from extractors.models import default_threads
from extractors.refused import Refused
from extractors.streams import AUDIO, RATE, Bounds, Media, Sound, nothing_inside, open_media
from extractors.texts import SEMANTIC, TextEncoder, TextSpace
from extractors.waveform import waveform
from extractors.worded import Worded
from workbench.domain.states import Category
from workbench.extraction.contract import (
    Document,
    ExtractorSpec,
    Failed,
    ModelUnavailable,
    Parameters,
    Part,
    Source,
)

TAGS = ("title", "artist", "album")
#: A preview must not take longer than a person waits.
PREVIEW = Bounds(duration=12 * 3600, work=20)


class SpeechParameters(TextSpace):
    """What turns sound into text, for recordings and for sound tracks."""

    speech_model: str = Field(
        speech.PACKAGED,
        min_length=1,
        max_length=200,
        description="tiny.en is packaged; others (base, small, medium, large-v3, turbo, or a "
        "repository) come from the model hub where it can be reached",
    )
    language: str | None = Field(
        None,
        pattern="^[a-z]{2,3}$",
        description="the spoken language, for models that know several; found out by default",
    )
    chunk_seconds: float = Field(15.0, ge=2, le=60, description="length of a piece of transcript")
    max_minutes: float = Field(
        240.0, gt=0, le=1440, description="a longer recording fails before it is decoded"
    )
    max_seconds: float = Field(
        7200.0, gt=0, description="an object that takes longer to extract fails"
    )

    @model_validator(mode="after")
    def _hears(self) -> Self:
        if self.speech_model == speech.PACKAGED and self.language not in (None, "en"):
            raise ValueError(
                f"{speech.PACKAGED} hears English only; name a speech_model that knows "
                f"{self.language!r}, e.g. base or small"
            )
        return self

    @property
    def bounds(self) -> Bounds:
        return Bounds(self.max_minutes * 60, self.max_seconds)


class AudioParameters(SpeechParameters):
    """Parameters of the ``audio`` extractor."""


class Transcriber:
    """Sound to documents; the models are opened by the first sound that comes: whoever encodes a
    query has no use for them."""

    def __init__(self, parameters: SpeechParameters, clock: Any) -> None:
        self._parameters = parameters
        self._clock = clock
        self._recogniser: speech.Recogniser | None = None

    def documents(self, media: Media, encoder: TextEncoder) -> tuple[list[Document], float]:
        """The utterances of the sound track, and its length in seconds."""
        if self._recogniser is None:
            with self._clock("load"):
                self._recogniser = _opened(self._parameters)
        heard = [0]

        def counted() -> Iterator[Sound]:
            for piece in media.sound():
                heard[0] += len(piece)
                yield piece

        with self._clock("transcribe"):
            words = self._recogniser.words(counted(), media.check)
            found = list(speech.utterances(words, self._parameters.chunk_seconds))
        with self._clock("infer", rows=len(found)):
            vectors = encoder.encode([each.text for each in found])
        documents = [
            Document(
                text=each.text,
                start_ms=each.start_ms,
                end_ms=each.end_ms,
                vectors={"semantic": vector},
            )
            for each, vector in zip(found, vectors, strict=True)
        ]
        return documents, heard[0] / RATE


def _opened(wanted: SpeechParameters) -> speech.Recogniser:
    try:
        return speech.Recogniser(wanted.speech_model, wanted.language, default_threads())
    except ModelUnavailable as error:
        raise Refused(Failed(Category.MODEL, str(error), stage="load")) from error


class AudioExtractor(Worded):
    """One document an utterance."""

    spec = ExtractorSpec(
        name="audio",
        version=1,
        description="Recordings: what is said, with the second",
        accepts=tuple(AUDIO),
        parameters=AudioParameters,
        outputs=(SEMANTIC,),
        fields={
            "duration_ms": "integer",
            "channels": "integer",
            "codec": "keyword",
            "speech": "bool",
        },
        models=(*speech.RECIPES, minilm.RECIPE),
    )

    parameters: AudioParameters

    def __init__(self, parameters: Parameters | None = None) -> None:
        super().__init__(parameters)
        self._transcriber = Transcriber(self.parameters, self.clock)

    @classmethod
    def preview(cls, source: Source, part: Part, edge: int) -> bytes | None:
        try:
            with open_media(source, AUDIO, PREVIEW) as media:
                return waveform(media, part, edge)
        except Refused as refused:
            raise ValueError(str(refused)) from refused

    def _documents(self, source: Source) -> tuple[Document, ...]:
        with open_media(source, AUDIO, self.parameters.bounds) as media:
            if not media.has_sound:
                raise nothing_inside("sound")
            payload = describe(media)
            tags = tag_words(media)
            found, seconds = self._transcriber.documents(media, self._encoder)
        if seconds <= 0:
            raise nothing_inside("sound")
        payload |= {"duration_ms": round(seconds * 1000), "speech": bool(found)}
        if not found:
            vector = {"semantic": self._encoder.encode([tags])[0]} if tags else {}
            return (Document(text=tags, payload=payload, vectors=vector),)
        return tuple(
            Document(d.text, None, d.start_ms, d.end_ms, payload=payload, vectors=d.vectors)
            for d in found
        )


def describe(media: Media) -> dict[str, Any]:
    """Codec and channels of the sound track."""
    stream = media.sound_stream()
    if stream is None:
        return {}
    return {"codec": stream.codec_context.name, "channels": stream.codec_context.channels}


def tag_words(media: Media) -> str | None:
    """``title · artist · album`` as far as the file says them."""
    tags = {key.lower(): value.strip() for key, value in media.container.metadata.items()}
    return " · ".join(tags[key][:200] for key in TAGS if tags.get(key)) or None
