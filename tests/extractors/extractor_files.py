"""Sources and pictures that the tests of extractors share."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import skimage
import sklearn
from PIL import Image

from workbench.extraction.contract import Document, Extracted, Extractor, Failed

PHOTOS = Path(skimage.__file__).parent / "data"
CHINA = Path(sklearn.__file__).parent / "datasets" / "images" / "china.jpg"


@dataclass(frozen=True)
class File:
    """A source in memory."""

    name: str
    data: bytes
    mime: str = "application/octet-stream"

    @property
    def object_id(self) -> str:
        return self.name

    def read(self) -> bytes:
        return self.data

    def open(self) -> io.BytesIO:
        return io.BytesIO(self.data)


def photo(name: str) -> Image.Image:
    with Image.open(PHOTOS / name) as picture:
        return picture.convert("RGB")


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def answers(extractor: Extractor, files: Sequence[File]) -> list[Extracted]:
    """The answers in the order of the files; fails unless each has exactly one."""
    found = sorted(extractor.extract(files), key=lambda answer: answer.index)
    assert [answer.index for answer in found] == list(range(len(files)))
    return found


def documents(extractor: Extractor, file: File) -> tuple[Document, ...]:
    (answer,) = answers(extractor, [file])
    assert answer.failure is None, answer.failure
    return answer.documents


def failure(extractor: Extractor, file: File) -> Failed:
    (answer,) = answers(extractor, [file])
    assert answer.failure is not None
    assert answer.documents == ()
    return answer.failure
