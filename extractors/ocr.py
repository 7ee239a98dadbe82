"""The ``ocr`` extractor: words in screenshots, scans and signs, with where they stand.

A document a block of lines, cut where it is longer than a passage: its text, the rectangle around
it, and its words each with a rectangle, all as shares of the picture as it is seen (left, top,
right, bottom). Pages of a TIFF are pages. A long picture, as the screenshot of a whole page, is
read in pieces. Reading takes a second or more, so it runs on the pictures (and pieces) that a cheap
look takes for lettering, or on all (``every``); others have no documents.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from PIL import Image, ImageOps
from pydantic import Field

from extractors import minilm
from extractors.image import RASTER
from extractors.models import default_threads
from extractors.passages import passages
from extractors.pictures import HINT_SIZE, MAX_BYTES, decode, open_picture, pages, silence
from extractors.reading import RECIPE, Line, Reader, blocks, page_text, union
from extractors.shown import SHOWS, preview
from extractors.sources import read_whole
from extractors.texts import SEMANTIC, TextSpace
from extractors.tiles import PIECE, Tile, is_long, tiles, together
from extractors.worded import Worded
from workbench.extraction.contract import (
    Batch,
    Document,
    ExtractorSpec,
    Part,
    Source,
)

#: A larger picture is scaled down before it is read.
LONGEST = 4000


class OcrParameters(TextSpace):
    """Which pictures are read, and the limits."""

    every: bool = Field(
        False, description="read every picture, not only those that seem to show lettering"
    )
    chunk_tokens: int = Field(128, ge=16, le=200, description="tokens of a passage at most")
    max_pixels: int = Field(
        100_000_000,
        ge=1,
        le=178_000_000,
        description="width times height; a picture with more fails before it is decoded",
    )
    max_bytes: int = Field(MAX_BYTES, ge=1, description="a larger file fails unread")
    max_pages: int = Field(100, ge=1, description="of a TIFF with more pages only these are read")


class OcrExtractor(Worded):
    """One document a block of lines."""

    spec = ExtractorSpec(
        name="ocr",
        version=1,
        description="Words in screenshots, scans and signs, with where they stand",
        accepts=RASTER,
        parameters=OcrParameters,
        outputs=(SEMANTIC,),
        fields={"confidence": "float", "words": "json"},
        batch=Batch(sources=8),
        beside=True,
        models=(minilm.RECIPE, RECIPE),
    )

    shows = SHOWS
    parameters: OcrParameters
    _reader: Reader

    def load(self) -> None:
        silence()
        super().load()
        self._reader = Reader(default_threads())

    @classmethod
    def preview(cls, source: Source, part: Part, edge: int) -> bytes | None:
        return preview(source, part, edge)

    def _documents(self, source: Source) -> Iterator[Document]:
        from extractors.lettering import shows_lettering  # brings OpenCV, only needed here

        data = read_whole(source, self.parameters.max_bytes, HINT_SIZE)
        picture = open_picture(data, self.parameters.max_pixels)
        several = picture.format == "TIFF" and getattr(picture, "n_frames", 1) > 1
        for number in pages(picture, self.parameters.max_pages, self.parameters.max_pixels):
            with self.clock("decode", size=0 if number else len(data)):
                decode(picture, data)
                seen = _upright(picture)
                every = self.parameters.every
                chosen = [t for t in tiles(seen.size) if every or shows_lettering(t.cut(seen))]
            if chosen:
                yield from self._read(seen, chosen, number + 1 if several else None)

    def _read(
        self, picture: Image.Image, chosen: Sequence[Tile], page: int | None
    ) -> Iterator[Document]:
        with self.clock("read"):
            read = [[t.placed(line) for line in self._reader.read(t.cut(picture))] for t in chosen]
            lines = together(read, picture.width > picture.height)
        for block in blocks(lines):
            text, box = page_text(block, picture.size)
            found = list(passages(text, "plain", self.parameters.chunk_tokens, self._encoder))
            for passage in found:
                shown = text[passage.start : passage.end]
                with self.clock("infer"):
                    vector = self._encoder.encode([shown])[0]
                inside = _between(block, passage.start, passage.end)
                yield Document(
                    shown,
                    page,
                    box=box(passage.start, passage.end),
                    payload={
                        "confidence": round(min(line.score for line in inside), 3),
                        "words": [
                            [word.text, *(union([word.box], picture.size) or ())]
                            for line in inside
                            for word in line.words
                        ],
                    },
                    vectors={"semantic": vector},
                )


def _between(block: Sequence[Line], start: int, end: int) -> list[Line]:
    """The lines of a block that stand, in part at least, between two places of its text."""
    found: list[Line] = []
    at = 0
    for line in block:
        if at < end and at + len(line.text) > start:
            found.append(line)
        at += len(line.text) + 1
    return found


def _upright(picture: Image.Image) -> Image.Image:
    """As RGB, on white where transparent, no side longer than ``LONGEST``; of a long picture, which
    is read in pieces, no piece."""
    seen = picture
    most = LONGEST / (PIECE * min(seen.size) if is_long(seen.size) else max(seen.size))
    if most < 1:
        seen = seen.convert("RGBA" if seen.has_transparency_data else "RGB")
        seen.thumbnail((round(seen.width * most), round(seen.height * most)))
    if seen.has_transparency_data:
        seen = seen.convert("RGBA")
        seen = Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen)
    seen = seen.convert("RGB")
    seen.info = {"exif": picture.info["exif"]} if "exif" in picture.info else {}
    return ImageOps.exif_transpose(seen)
