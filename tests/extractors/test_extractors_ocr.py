"""What the ocr extractor promises: words with where they stand, and no time on what shows none."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from document_files import written
from extractor_files import CHINA, PHOTOS, File, answers, documents, encoded, failure, photo
from PIL import Image

from extractors.lettering import shows_lettering
from extractors.ocr import OcrExtractor, OcrParameters
from workbench.domain.states import Category

SIGN = {"Ferry tickets": (100, 80), "open from nine": (100, 130), "Mind the gap": (700, 600)}


@pytest.fixture(scope="module")
def reader() -> OcrExtractor:
    extractor = OcrExtractor()
    extractor.load()
    return extractor


def test_blocks_and_words_have_their_places(reader: OcrExtractor) -> None:
    found = documents(reader, File("a.png", encoded(written(SIGN), "PNG")))
    assert [d.text for d in found] == ["Ferry tickets\nopen from nine", "Mind the gap"]
    assert found[1].box is not None
    left, top, right, bottom = found[1].box
    assert left == pytest.approx(700 / 1200, abs=0.02)
    assert 0.72 < top < bottom < 0.83
    assert right < 0.8
    words = found[0].payload["words"]
    assert [word[0] for word in words] == ["Ferry", "tickets", "open", "from", "nine"]
    assert words[1][1] > words[0][3] - 0.01
    assert found[0].payload["confidence"] > 0.9
    assert found[0].vectors["semantic"].shape == (384,)


def test_a_turned_photograph_is_read_upright(reader: OcrExtractor) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = written(SIGN).transpose(Image.Transpose.ROTATE_90)
    found = documents(reader, File("a.jpg", encoded(turned, "JPEG", quality=95, exif=exif)))
    assert [d.text for d in found] == ["Ferry tickets\nopen from nine", "Mind the gap"]


def test_pages_of_a_tiff_are_pages(reader: OcrExtractor) -> None:
    file = io.BytesIO()
    first, second = (written({f"Leaf number {n}": (60, 60)}, (600, 200)) for n in (1, 2))
    first.save(file, "TIFF", save_all=True, append_images=[second], compression="tiff_lzw")
    found = documents(reader, File("a.tif", file.getvalue()))
    assert [(d.page, d.text) for d in found] == [(1, "Leaf number 1"), (2, "Leaf number 2")]


def test_what_shows_no_lettering_is_indexed_without_documents(reader: OcrExtractor) -> None:
    files = [File(n, (PHOTOS / n).read_bytes()) for n in ("chelsea.png", "coffee.png")]
    assert [(a.failure, a.documents) for a in answers(reader, files)] == [(None, ())] * 2


def test_every_picture_is_read_when_asked() -> None:
    faint = Image.blend(Image.new("RGB", (1200, 800), "white"), written(SIGN), 0.15)
    data = encoded(faint, "PNG")
    every = OcrExtractor(OcrParameters(every=True))
    every.load()
    assert not shows_lettering(faint)
    assert documents(every, File("a.png", data))[0].text == "Ferry tickets\nopen from nine"


def test_the_cheap_look_tells_lettering_from_photographs() -> None:
    rows = {f"Row {i} of the log says that all is well": (30, 30 + 22 * i) for i in range(30)}
    shown = [
        written(rows, (1920, 1080), 16),
        written({"STOP HERE": (300, 300)}, points=80),
        written({"one line on a page": (400, 900)}, (1240, 1754)),
    ]
    assert all(map(shows_lettering, shown))
    names = sorted(p.name for p in PHOTOS.glob("*.png") if p.name not in ("page.png", "text.png"))
    pictures = [photo(name) for name in names]
    assert len(pictures) > 15
    assert sum(map(shows_lettering, pictures)) <= len(pictures) // 5


def test_bad_pictures_fail_alone(reader: OcrExtractor) -> None:
    whole = Path(CHINA).read_bytes()
    good = encoded(written(SIGN), "PNG")
    files = [File("a", whole[:9000]), File("b", good), File("c", b""), File("d", b"words")]
    found = answers(reader, files)
    assert [answer.failure is None for answer in found] == [False, True, False, False]
    small = OcrExtractor(OcrParameters(max_pixels=1000))
    small.load()
    assert failure(small, File("b", good)).category is Category.LIMITS
