"""How well text finds pictures: recall on photographs that scikit-image and scikit-learn ship.

    python -m extractors.models.evaluate

A small set that runs anywhere in seconds: it shows a broken model or wrong preprocessing, and lets
two recipes be compared; it says little about other pictures. Names of files play no part, only the
vectors do. What the labels do not know (an astronaut is a person) is in the set as well.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from extractors.image import ImageExtractor
from extractors.models.build.photographs import pictures
from workbench.extraction.contract import Query

#: What people might type, by the picture that should come first.
QUERIES: Mapping[str, Sequence[str]] = {
    "chelsea": ("a cat", "kitten", "a tabby cat looking at the camera", "a pet animal"),
    "coffee": ("a cup of coffee", "espresso", "hot drink in a cup"),
    "rocket": ("a rocket launch", "missile", "space rocket taking off"),
    "motorcycle_left": ("a motorcycle", "motorbike in a garage", "scooter", "two-wheeled vehicle"),
    "china": ("chinese temple", "a palace in China", "building with a curved roof", "stupa"),
    "flower": ("a flower", "pink flower", "daisy", "plant in bloom"),
    "camera": ("a man with a tripod", "photographer", "a camera on a tripod"),
    "astronaut": ("an astronaut", "a woman in a space suit"),
    "coins": ("old coins", "money"),
    "clock_motion": ("a clock", "wall clock", "time"),
    "horse": ("a horse",),
    "page": ("a page of a book", "printed text"),
}


@dataclass(frozen=True)
class Photo:
    """A picture file as a source."""

    path: Path
    mime: str = "image/*"

    @property
    def object_id(self) -> str:
        return self.path.stem

    @property
    def name(self) -> str:
        return self.path.name

    def read(self) -> bytes:
        return self.path.read_bytes()

    def open(self) -> BinaryIO:
        return self.path.open("rb")


@dataclass(frozen=True)
class Report:
    """Over all queries: shares that had the right picture first, and among the first three."""

    pictures: int
    queries: int
    first: float
    among_three: float
    misses: tuple[str, ...]


def evaluate(extractor: ImageExtractor) -> Report:
    """Search the pictures by text, with a loaded extractor."""
    photos = [Photo(path) for path in pictures()]
    names = [photo.object_id for photo in photos]
    space = np.zeros((len(photos), 384), np.float32)
    for answer in extractor.extract(photos):
        (document,) = answer.documents
        space[answer.index] = document.vectors["semantic"]
    ranks = {
        query: _rank(extractor, space, query, names.index(name))
        for name, queries in QUERIES.items()
        for query in queries
    }
    return Report(
        pictures=len(photos),
        queries=len(ranks),
        first=sum(r == 0 for r in ranks.values()) / len(ranks),
        among_three=sum(r < 3 for r in ranks.values()) / len(ranks),
        misses=tuple(f"{query} ({rank + 1})" for query, rank in ranks.items() if rank > 0),
    )


def _rank(extractor: ImageExtractor, space: npt.NDArray[np.float32], query: str, right: int) -> int:
    """How many pictures come before the right one."""
    scores = space @ extractor.encode(Query("text", text=query), "semantic")
    return int((scores > scores[right]).sum())


def main() -> None:
    extractor = ImageExtractor()
    extractor.load()
    report = evaluate(extractor)
    sys.stdout.write(
        f"{report.queries} text queries over {report.pictures} pictures: right one first "
        f"{report.first:.2f}, among three {report.among_three:.2f}\n"
        f"not first (place): {', '.join(report.misses)}\n"
    )


if __name__ == "__main__":
    main()
