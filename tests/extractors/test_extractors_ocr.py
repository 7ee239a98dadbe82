"""What the ocr extractor promises: words with where they stand, and no time on what shows none."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from document_files import written
from extractor_files import CHINA, PHOTOS, File, answers, documents, encoded, failure, photo
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from extractors.lettering import shows_lettering
from extractors.ocr import OcrExtractor, OcrParameters
from extractors.tiles import tiles
from workbench.domain.states import Category

#: Those of the package's pictures that are no photographs: print, writing, a logo with letters.
PRINTED = ("page.png", "text.png", "logo.png")
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
    assert set(found[0].payload) == set(OcrExtractor.spec.fields)
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


def test_a_tall_screenshot_is_read_to_its_end(reader: OcrExtractor) -> None:
    """Each line once, at its place, also those on a cut and in the middle of an overlap."""
    size = (540, 8000)
    first, second, *_, last = tiles(size)
    tops = [40, first.bottom - 20, second.top - 20, (second.top + first.bottom) // 2]
    tops += [last.top - 20, size[1] - 100]
    lines = {f"Message {number} of the thread": (80, top) for number, top in enumerate(tops)}
    found = documents(reader, File("a.png", encoded(written(lines, size), "PNG")))
    assert sorted(str(d.text) for d in found) == sorted(lines)
    for text, box in ((str(d.text), d.box) for d in found):
        assert box is not None
        assert box[1] * size[1] == pytest.approx(lines[text][1], abs=30)
        assert box[0] == pytest.approx(80 / size[0], abs=0.02)


def test_a_line_of_a_wide_picture_is_one_line(reader: OcrExtractor) -> None:
    text = " ".join(f"number {n} of a long row" for n in range(8))
    picture = written({text: (60, 100)}, (3700, 260))
    (document,) = documents(reader, File("a.png", encoded(picture, "PNG")))
    assert document.text is not None
    assert document.text.split() == text.split()
    words = document.payload["words"]
    assert [word[0] for word in words] == text.split()
    assert all(one[1] < other[1] for one, other in pairwise(words))


@pytest.mark.parametrize("size", [(1080, 16000), (500, 90_000), (2200, 800), (9000, 30), (1, 2500)])
def test_tiles_cover_the_picture_and_are_few(size: tuple[int, int]) -> None:
    found = tiles(size)
    assert (found[0].left, found[0].top) == (0, 0)
    assert (found[-1].right, found[-1].bottom) == size
    assert len(found) <= 40
    for one, other in pairwise(found):
        assert max(one.right - other.left, one.bottom - other.top) >= 240


def screens() -> Iterator[Image.Image]:
    """Of many lines and of one, in the sizes of screens, dark and light."""
    log = {f"Row {i} of the log says that all is well": (30, 30 + 22 * i) for i in range(30)}
    for lines in (log, {"Traceback: no such file": (200, 500)}):
        for points in (13, 16):
            light = written(lines, (1366, 768), points)
            yield light
            yield ImageOps.invert(light)


def scans() -> Iterator[Image.Image]:
    """Pages of paper, askew, a little out of focus, with grain."""
    page = {f"Paragraph {i} of a letter from the harbour": (150, 200 + 60 * i) for i in range(12)}
    for number, lines in enumerate((page, {"one line on a page": (400, 900)})):
        for turn in (0.0, 1.5):
            paper = ImageOps.invert(written(lines, (1240, 1754), 24)).rotate(turn)
            soft = np.asarray(ImageOps.invert(paper).filter(ImageFilter.GaussianBlur(0.8)))
            grain = np.random.default_rng(number).normal(-12, 5, soft.shape)
            yield Image.fromarray((soft + grain).clip(0, 255).astype(np.uint8))


def signs() -> Iterator[Image.Image]:
    """A plate with a word or two, on a photograph."""
    grounds = ("chelsea.png", "brick.png", "grass.png", "rocket.jpg")
    for name, text in zip(
        grounds, ("STOP HERE", "EXIT", "Mind the gap", "Platform 9"), strict=True
    ):
        for points, ink, plate in ((44, "white", "navy"), (90, "black", "gold")):
            picture = photo(name).resize((900, 600))
            draw = ImageDraw.Draw(picture)
            font = ImageFont.load_default(points)
            left, top, right, bottom = draw.textbbox((80, 200), text, font=font)
            draw.rectangle((left - 20, top - 15, right + 20, bottom + 15), fill=plate)
            draw.text((80, 200), text, ink, font)
            yield picture


@pytest.mark.parametrize("pictures", [screens, scans, signs])
def test_the_cheap_look_finds_lettering(pictures: Callable[[], Iterator[Image.Image]]) -> None:
    for number, picture in enumerate(pictures()):
        kept = io.BytesIO()
        picture.save(kept, "JPEG", quality=70)
        for shown in (picture, Image.open(kept)):
            assert shows_lettering(shown), number


def test_the_cheap_look_takes_no_photograph_for_lettering() -> None:
    """Nor a part of one, nor one in another size."""
    names = sorted(p.name for p in PHOTOS.glob("*.png") if p.name not in PRINTED)
    pictures = [photo(name) for name in (*names, "rocket.jpg", "hubble_deep_field.jpg")]
    pictures += [Image.open(CHINA), Image.open(CHINA.with_name("flower.jpg"))]
    assert len(pictures) > 18
    for number, picture in enumerate(pictures):
        width, height = picture.size
        assert not shows_lettering(picture), number
        assert not shows_lettering(picture.resize((width * 2 // 3, height * 2 // 3))), number
        assert not shows_lettering(picture.crop((0, 0, width // 2, height))), number


def test_bad_pictures_fail_alone(reader: OcrExtractor) -> None:
    whole = Path(CHINA).read_bytes()
    good = encoded(written(SIGN), "PNG")
    files = [File("a", whole[:9000]), File("b", good), File("c", b""), File("d", b"words")]
    found = answers(reader, files)
    assert [answer.failure is None for answer in found] == [False, True, False, False]
    small = OcrExtractor(OcrParameters(max_pixels=1000))
    small.load()
    assert failure(small, File("b", good)).category is Category.LIMITS


def test_reading_does_not_change_where_programs_find_their_libraries() -> None:
    """OpenCV's package puts the current folder among them."""
    code = (
        "import os; from extractors.reading import Reader; "
        "from PIL import Image; "
        "Reader(1).read(Image.new('RGB', (64, 64))); "
        "print(os.environ.get('LD_LIBRARY_PATH'))"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()[-1]
        for environment in (
            {k: v for k, v in os.environ.items() if k != "LD_LIBRARY_PATH"},
            {**os.environ, "LD_LIBRARY_PATH": "/opt/own"},
        )
    ]
    assert told == ["None", "/opt/own"]
