"""Content that is broken or made to harm: each ends as a failure that says why, and no other
source of the batch suffers."""

from __future__ import annotations

import random
import struct
import time
import tracemalloc
import zlib

import pytest
from extractor_files import CHINA, File, answers, documents, encoded, failure, photo
from PIL import Image

from extractors.image import ImageExtractor, ImageParameters
from extractors.text import TextExtractor, TextParameters
from workbench.domain.states import Category

KINDS = {
    "JPEG": {},
    "progressive JPEG": {"progressive": True},
    "PNG": {},
    "GIF": {},
    "BMP": {},
    "WEBP": {},
    "TIFF": {},
}


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, pixels: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(pixels, 9))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("kind", KINDS)
def test_cut_pictures_fail(images: ImageExtractor, kind: str, share: float) -> None:
    whole = encoded(Image.open(CHINA), kind.split()[-1], **KINDS[kind])
    reason = failure(images, File("a.jpg", whole[: int(share * len(whole))]))
    assert reason.category is Category.FORMAT
    assert f"{int(share * len(whole)):,}" in reason.message
    assert reason.hint
    assert not reason.retryable


@pytest.mark.parametrize("missing", [1, 2, 4, 8, 12, 100])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_few_missing_bytes_are_noticed(images: ImageExtractor, kind: str, missing: int) -> None:
    whole = encoded(Image.open(CHINA), kind)
    reason = failure(images, File("a", whole[:-missing]))
    assert "is cut" in reason.message


def test_size_in_the_header_tells_how_much_is_there(images: ImageExtractor) -> None:
    whole = encoded(photo("rocket.jpg"), "WEBP")
    half = len(whole) // 2
    reason = failure(images, File("a.webp", whole[:half]))
    assert f"{half:,} of {len(whole):,} bytes" in reason.message


def test_empty_picture(images: ImageExtractor) -> None:
    reason = failure(images, File("a.jpg", b""))
    assert (reason.category, reason.message) == (Category.FORMAT, "the file is empty")


def test_random_bytes_are_no_picture(images: ImageExtractor) -> None:
    data = random.Random(1).randbytes(50_000)
    reason = failure(images, File("a.jpg", data, "image/jpeg"))
    assert reason.category is Category.FORMAT
    assert "not a picture that can be read" in reason.message


def test_text_named_jpg_is_no_picture(images: ImageExtractor) -> None:
    reason = failure(images, File("a.jpg", b"hello\n" * 100, "image/jpeg"))
    assert "not a picture" in reason.message


def test_broken_middle_never_raises(images: ImageExtractor) -> None:
    """Bytes changed at random: a picture or a failure, whatever the decoders say."""
    dice = random.Random(7)
    files: list[File] = []
    for kind in ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"):
        whole = encoded(photo("rocket.jpg").resize((160, 120)), kind)
        for turn in range(12):
            data = bytearray(whole)
            for _ in range(dice.choice((1, 5, 50))):
                data[dice.randrange(len(data))] = dice.randrange(256)
            files.append(File(f"{kind}{turn}", bytes(data)))
    for answer in answers(images, files):
        assert (answer.failure is None) == (len(answer.documents) == 1)
        if answer.failure is not None:
            assert answer.failure.category in (Category.FORMAT, Category.LIMITS)


@pytest.mark.parametrize(
    "size", [(15_000, 15_000), (60_000, 60_000), (2**31 - 1, 1)], ids=["225M", "3.6G", "wide"]
)
def test_bombs_fail_before_they_are_decoded(images: ImageExtractor, size: tuple[int, int]) -> None:
    data = png(*size, b"\0" * 100_000)
    assert len(data) < 2_000
    tracemalloc.start()
    begun = time.perf_counter()
    reason = failure(images, File("bomb.png", data))
    assert time.perf_counter() - begun < 1
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()
    assert reason.category is Category.LIMITS
    assert "100,000,000" in reason.message
    assert reason.hint is not None
    assert "max_pixels" in reason.hint


def test_limit_of_pixels_is_a_parameter(images: ImageExtractor) -> None:
    narrow = ImageExtractor(ImageParameters(max_pixels=100_000))
    narrow.load()
    data = encoded(photo("rocket.jpg"), "JPEG")
    reason = failure(narrow, File("a.jpg", data))
    assert reason.message == "the picture has 640 x 427 pixels, more than 100,000"
    assert documents(images, File("a.jpg", data))


def test_scans_of_a_jpeg_are_limited(images: ImageExtractor) -> None:
    whole = encoded(photo("rocket.jpg").resize((64, 64)), "JPEG", progressive=True)
    at = whole.rindex(b"\xff\xda")
    reason = failure(images, File("a.jpg", whole[:at] + whole[at:-2] * 600 + whole[-2:]))
    assert reason.category is Category.LIMITS
    assert "scans" in reason.message


def test_bad_ones_do_not_harm_the_batch(images: ImageExtractor) -> None:
    good = encoded(photo("chelsea.png"), "JPEG")
    files = [
        File(f"{i}.jpg", data)
        for i in range(7)
        for data in (good, good[: len(good) // 2], b"", png(20_000, 20_000, b""))
    ]
    found = answers(images, files)
    assert [answer.failure is None for answer in found] == [True, False, False, False] * 7
    first = found[0].documents[0]
    for answer in found[4::4]:
        assert float(answer.documents[0].vectors["visual"] @ first.vectors["visual"]) > 0.999


@pytest.mark.parametrize("data", [b"", b" \n\t\n", b"\xef\xbb\xbf", b"\xff\xfe\n\0"])
def test_empty_text(texts: TextExtractor, data: bytes) -> None:
    reason = failure(texts, File("a.txt", data))
    assert reason.category is Category.FORMAT
    assert reason.message.startswith("the file is empty")


@pytest.mark.parametrize(
    "data",
    [
        random.Random(2).randbytes(20_000),
        b"\x7fELF\x02\x01\x01" + b"\0" * 64 + b"code" * 100,
        bytes(range(1, 32)) * 50,
        b"mostly text, but for this: \0\0\0 " * 20,
    ],
    ids=["random", "program", "controls", "zeros"],
)
def test_binary_is_no_text(texts: TextExtractor, data: bytes) -> None:
    reason = failure(texts, File("a.txt", data))
    assert reason.category is Category.FORMAT
    assert "not text" in reason.message


def test_picture_named_txt_is_no_text(texts: TextExtractor) -> None:
    reason = failure(texts, File("a.txt", encoded(photo("rocket.jpg"), "JPEG")))
    assert reason.category is Category.FORMAT


def test_too_large_text(texts: TextExtractor) -> None:
    small = TextExtractor(TextParameters(max_bytes=10))
    small.load()
    reason = failure(small, File("a.txt", b"twelve bytes"))
    assert reason.category is Category.LIMITS
    assert reason.message == "the file has 12 bytes, more than 10"
    assert reason.hint is not None
    assert "max_bytes" in reason.hint


def test_a_bad_text_does_not_harm_the_batch(texts: TextExtractor) -> None:
    files = [File("a", b"One."), File("b", b"\0"), File("c", b""), File("d", b"Four.")]
    found = answers(texts, files)
    assert [answer.failure is None for answer in found] == [True, False, False, True]
    assert found[3].documents[0].text == "Four."
