from __future__ import annotations

import pytest

from extractors.audio import AudioExtractor
from extractors.image import ImageExtractor
from extractors.text import TextExtractor
from extractors.video import VideoExtractor


@pytest.fixture(scope="session")
def images() -> ImageExtractor:
    extractor = ImageExtractor()
    extractor.load()
    return extractor


@pytest.fixture(scope="session")
def texts() -> TextExtractor:
    extractor = TextExtractor()
    extractor.load()
    return extractor


@pytest.fixture(scope="session")
def sounds() -> AudioExtractor:
    extractor = AudioExtractor()
    extractor.load()
    return extractor


@pytest.fixture(scope="session")
def films() -> VideoExtractor:
    extractor = VideoExtractor()
    extractor.load()
    return extractor
