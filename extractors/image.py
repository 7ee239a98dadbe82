"""The ``image`` extractor: what a picture looks like and what it shows, from one forward pass.

Two vectors a picture: ``visual`` (1280) finds pictures that look alike; ``semantic`` (384) lies in
MiniLM's text space, so that the query vector which finds passages finds pictures too. It is the
mean of the places of the 1000 ImageNet labels there, weighted by their probabilities, so it knows
what those labels know: things, animals, dishes, buildings; not people, actions, colours or places.
The text of a picture is the words of its name and the labels.

A picture is one document; a TIFF has one a page, and an animation one for each of a few of its
frames that differ. ``dhash`` is equal, or nearly, for pictures that look the same in another size
or quality.

Sources are decoded one by one and go through the model by eights. A bad picture is answered at once
and never reaches the model.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile
from pydantic import Field

from extractors import drawings
from extractors.exif import read_notes
from extractors.fit import SIZE, fit
from extractors.models import default_threads
from extractors.pictures import (
    ANIMATED,
    HINT_SIZE,
    MAX_BYTES,
    decode,
    frames,
    open_picture,
    pages,
    silence,
)
from extractors.refused import Refused
from extractors.shown import SHOWS, preview
from extractors.sight import RECIPES, TOGETHER, VISUAL, PictureSpace, Seen, Sight
from extractors.sources import read_whole
from extractors.tags import caption, name_words
from extractors.texts import SEMANTIC, TextEncoder, open_partner
from workbench.extraction.contract import (
    Document,
    Extracted,
    Extractor,
    ExtractorSpec,
    Output,
    Parameters,
    Part,
    Query,
    Source,
    Vector,
)

#: Bits of ``dhash`` in which frames of an animation may differ and count as the same.
ALIKE = 4
#: Turned by a quarter: width and height as a person sees them are the other way round.
SIDEWAYS = range(5, 9)

#: Pictures that are made of pixels.
RASTER = (
    "image/jpeg",
    "image/png",
    "image/gif",
    "image/bmp",
    "image/x-ms-bmp",
    "image/tiff",
    "image/webp",
    "image/heic",
    "image/heif",
    "image/avif",
    "image/x-portable-anymap",
    "image/x-portable-bitmap",
    "image/x-portable-graymap",
    "image/x-portable-pixmap",
)
ACCEPTS = (*RASTER, drawings.MIME)


class ImageParameters(PictureSpace):
    """Limits for content that nobody vouches for."""

    max_pixels: int = Field(
        100_000_000,
        ge=1,
        le=178_000_000,
        description="width times height; a picture with more fails before it is decoded. "
        "Decoding takes up to 10 bytes of memory a pixel",
    )
    max_bytes: int = Field(MAX_BYTES, ge=1, description="a larger file fails unread")
    max_pages: int = Field(100, ge=1, description="of a TIFF with more pages only these are kept")
    max_frames: int = Field(
        8, ge=1, le=100, description="frames of an animation that are looked at, evenly spread"
    )

    def outputs(self, stated: tuple[Output, ...]) -> tuple[Output, ...]:
        stated = super().outputs(stated)
        if self.texts_find is None:
            return stated
        return tuple(output for output in stated if output.name != SEMANTIC.name)


@dataclass(frozen=True)
class Prepared:
    """A picture that can go through the model."""

    index: int
    name: str
    view: npt.NDArray[np.uint8]
    payload: dict[str, Any]
    page: int | None = None
    start_ms: int | None = None
    words: str = ""


class ImageExtractor(Extractor):
    """One document a picture, a page of a TIFF, a frame of an animation."""

    spec = ExtractorSpec(
        name="image",
        version=1,
        description="Pictures: how they look, what they show, size and time taken",
        accepts=ACCEPTS,
        parameters=ImageParameters,
        outputs=(VISUAL, SEMANTIC),
        fields={
            "width": "integer",
            "height": "integer",
            "orientation": "keyword",
            "format": "keyword",
            "taken_at": "datetime",
            "camera": "keyword",
            "dhash": "keyword",
        },
        models=RECIPES,
    )

    parameters: ImageParameters
    shows = SHOWS
    _sight: Sight

    def __init__(self, parameters: Parameters | None = None) -> None:
        super().__init__(parameters)
        self._encoder: TextEncoder | None = None
        self._opening = threading.Lock()

    def load(self) -> None:
        silence()
        self._sight = Sight(default_threads(), self.parameters)

    def extract(self, sources: Sequence[Source]) -> Iterator[Extracted]:
        waiting: list[Prepared] = []
        for index, source in enumerate(sources):
            try:
                waiting += self._prepare(index, source)
            except Refused as refused:
                yield Extracted(index, failure=refused.failure)
            if len(waiting) >= TOGETHER:
                yield from self._finish(waiting)
                waiting = []
        if waiting:
            yield from self._finish(waiting)

    def encode(self, query: Query, output: str) -> Vector:
        if output == "visual" and query.kind == "image":
            return self._sight.look([self._example(query.data or b"")])[0].visual
        by_text = "semantic" if self.parameters.texts_find is None else "visual"
        if output == by_text and query.kind == "text":
            return self._text_encoder().encode_query(query.text or "")
        raise ValueError(f"{output} cannot be searched with {query.kind}")

    def retitle(self, text: str | None, labels: Sequence[str], name: str) -> str | None:
        words = (text or "").partition("\n")[2]  # of a drawing
        return _told(caption(name_words(name), tuple(labels)), words)

    @classmethod
    def preview(cls, source: Source, part: Part, edge: int) -> bytes | None:
        """Drawings, HEIC and AVIF, and pages and frames of others."""
        return preview(source, part, edge)

    def _prepare(self, index: int, source: Source) -> list[Prepared]:
        """All of one source that goes through the model; animations without frames that repeat."""
        data = read_whole(source, self.parameters.max_bytes, HINT_SIZE)
        found: list[Prepared] = []
        if drawings.is_drawing(data):
            return [self._drawing(index, source.name, data)]
        with self.clock("decode", size=len(data)):
            picture = open_picture(data, self.parameters.max_pixels)
            several = picture.format == "TIFF" and getattr(picture, "n_frames", 1) > 1
            for number, start_ms in self._seen(picture):
                one = self._view(index, source.name, picture, data)
                if start_ms is not None and any(_alike(one, other) for other in found):
                    continue
                page = number + 1 if several else None
                found.append(replace(one, page=page, start_ms=start_ms))
        return found

    def _drawing(self, index: int, name: str, data: bytes) -> Prepared:
        with self.clock("decode", size=len(data)):
            drawn = drawings.draw(data)
            picture = open_picture(drawn.png, self.parameters.max_pixels)
            seen = self._view(index, name, picture, drawn.png)
        stated = {
            "width": drawn.width,
            "height": drawn.height,
            "orientation": _orientation(drawn.width, drawn.height),
            "format": "SVG",
        }
        return replace(seen, payload={**seen.payload, **stated}, words=drawn.words)

    def _seen(self, picture: ImageFile.ImageFile) -> Iterator[tuple[int, int | None]]:
        """Turns to each page or frame: its number, and when an animation shows it."""
        if picture.format in ANIMATED and getattr(picture, "n_frames", 1) > 1:
            yield from frames(picture, self.parameters.max_frames)
            return
        given = self.parameters
        for number in pages(picture, given.max_pages, given.max_pixels):
            yield number, None

    def _view(self, index: int, name: str, picture: ImageFile.ImageFile, data: bytes) -> Prepared:
        width, height = picture.size
        decode(picture, data, least=SIZE)
        notes = read_notes(picture)
        view = fit(picture, notes.orientation)
        if notes.orientation in SIDEWAYS:
            width, height = height, width
        payload = {
            "width": width,
            "height": height,
            "orientation": _orientation(width, height),
            "format": "JPEG" if picture.format == "MPO" else picture.format,
            "taken_at": notes.taken_at,
            "camera": notes.camera,
            "dhash": dhash(view),
        }
        return Prepared(index, name, view, {k: v for k, v in payload.items() if v is not None})

    def _finish(self, batch: Sequence[Prepared]) -> Iterator[Extracted]:
        documents: dict[int, list[Document]] = {}
        for first in range(0, len(batch), TOGETHER):
            together = batch[first : first + TOGETHER]
            with self.clock("infer", rows=len(together)):
                seen = self._sight.look([picture.view for picture in together])
            for picture, found in zip(together, seen, strict=True):
                document = Document(
                    text=_told(caption(name_words(picture.name), found.tags), picture.words),
                    page=picture.page,
                    start_ms=picture.start_ms,
                    labels=found.tags,
                    payload=picture.payload,
                    vectors=vectors_of(found),
                )
                documents.setdefault(picture.index, []).append(document)
        for index, those in documents.items():
            yield Extracted(index, tuple(those))

    def _example(self, data: bytes) -> npt.NDArray[np.uint8]:
        try:
            if drawings.is_drawing(data):  # the service draws nothing that nobody vouches for
                raise ValueError("an SVG cannot be the example; save it as a PNG")
            picture = open_picture(data, self.parameters.max_pixels)
            decode(picture, data, least=SIZE)
            return fit(picture, read_notes(picture).orientation)
        except Refused as refused:
            raise ValueError(f"the example cannot be used: {refused}") from refused

    def _text_encoder(self) -> TextEncoder:
        """Opened by the first text query: extraction has no use for it."""
        with self._opening:
            if self._encoder is None:
                self._encoder = open_partner(self.parameters.texts_find, default_threads())
            return self._encoder


def vectors_of(seen: Seen) -> dict[str, Vector]:
    """The vectors of a document, by output."""
    found = {"visual": seen.visual}
    return found if seen.semantic is None else {**found, "semantic": seen.semantic}


def _told(caption: str | None, words: str) -> str | None:
    """The caption, and below it the words in a drawing."""
    return f"{caption or ''}\n{words}" if words else caption


def _alike(one: Prepared, other: Prepared) -> bool:
    return (int(one.payload["dhash"], 16) ^ int(other.payload["dhash"], 16)).bit_count() <= ALIKE


def dhash(view: npt.NDArray[np.uint8]) -> str:
    """64 bits as 16 hex digits: where the grey of a 9 x 8 picture rises from left to right."""
    grey = Image.fromarray(view).convert("L").resize((9, 8), Image.Resampling.BOX)
    pixels = np.asarray(grey).astype(np.int16)
    return np.packbits(np.diff(pixels, axis=1) > 0).tobytes().hex()


def _orientation(width: int, height: int) -> str:
    if width == height:
        return "square"
    return "landscape" if width > height else "portrait"
