"""What the image extractor promises for good pictures."""

from __future__ import annotations

import io

import numpy as np
import pillow_heif
import pytest
from extractor_files import CHINA, PHOTOS, File, answers, documents, encoded, photo
from PIL import Image, ImageCms, ImageOps

from extractors.fit import fit, middle
from extractors.image import ImageExtractor, ImageParameters
from extractors.ocr import OcrExtractor
from extractors.tags import caption, name_words
from workbench.extraction.contract import Part, Query
from workbench.extraction.preview import has_preview


def test_picture_has_both_vectors_size_and_words(images: ImageExtractor) -> None:
    data = (PHOTOS / "chelsea.png").read_bytes()
    (document,) = documents(images, File("pets/IMG_1234 my-chelsea.png", data))
    assert document.vectors["visual"].shape == (1280,)
    assert document.vectors["semantic"].shape == (384,)
    for vector in document.vectors.values():
        assert vector.dtype == np.float32
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-4)
    assert {"cat", "feline", "mammal"} <= set(document.labels)
    assert document.text is not None
    assert document.text.startswith("my chelsea · ")
    assert all(label in document.text for label in document.labels)
    assert document.payload == {
        "width": 451,
        "height": 300,
        "orientation": "landscape",
        "format": "PNG",
        "dhash": document.payload["dhash"],
    }


def test_payload_holds_declared_fields_only(images: ImageExtractor) -> None:
    (document,) = documents(images, File("a.jpg", encoded(photo("rocket.jpg"), "JPEG")))
    assert set(document.payload) <= set(images.spec.fields)


def test_text_and_example_find_the_picture(images: ImageExtractor) -> None:
    names = ["chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg"]
    files = [File(name, (PHOTOS / name).read_bytes()) for name in names]
    found = [answer.documents[0].vectors for answer in answers(images, files)]
    semantic = np.stack([vectors["semantic"] for vectors in found])
    visual = np.stack([vectors["visual"] for vectors in found])
    for text, right in (("a kitten", 0), ("a cup of espresso", 1), ("motorbike", 2)):
        query = images.encode(Query("text", text=text), "semantic")
        assert int((semantic @ query).argmax()) == right, text
    other_eye = encoded(photo("motorcycle_right.png").crop((20, 20, 700, 480)), "JPEG", quality=70)
    example = images.encode(Query("image", data=other_eye), "visual")
    assert int((visual @ example).argmax()) == 2


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("GIF", {}),
        ("BMP", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("WEBP", {}),
        ("PPM", {}),
    ],
)
def test_every_format_gives_the_same_picture(
    images: ImageExtractor, kind: str, options: dict[str, object]
) -> None:
    picture = Image.open(CHINA)
    (first,) = documents(images, File("a.png", encoded(picture, "PNG")))
    (other,) = documents(images, File("named-wrongly.jpg", encoded(picture, kind, **options)))
    assert other.payload["format"] == kind
    assert (other.payload["width"], other.payload["height"]) == picture.size
    assert float(first.vectors["visual"] @ other.vectors["visual"]) > 0.9


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "F"])
def test_every_mode_is_seen_as_it_looks(images: ImageExtractor, mode: str) -> None:
    grey = photo("chelsea.png").convert("L")
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(grey, np.uint16) * 16)
    else:
        picture = grey.convert("F") if mode == "F" else photo("chelsea.png").convert(mode)
    kind = "TIFF" if mode in ("CMYK", "F") else "PNG"
    (document,) = documents(images, File("x", encoded(picture, kind)))
    (plain,) = documents(images, File("x", encoded(grey, "PNG")))
    assert float(document.vectors["visual"] @ plain.vectors["visual"]) > 0.5
    if mode != "1":  # dots of black and white look like something else to the model
        assert "cat" in document.labels


def test_transparent_parts_are_white() -> None:
    picture = Image.new("RGBA", (400, 300), (0, 0, 0, 0))
    assert (fit(picture) == 255).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(images: ImageExtractor, orientation: int) -> None:
    upright = photo("chelsea.png")
    undo = {2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}.get(orientation, 1)
    exif = Image.Exif()
    exif[0x0112] = undo
    stored = ImageOps.exif_transpose(Image.open(io.BytesIO(encoded(upright, "PNG", exif=exif))))
    exif[0x0112] = orientation
    data = encoded(stored, "JPEG", quality=95, exif=exif)
    (document,) = documents(images, File("a.jpg", data))
    (plain,) = documents(images, File("a.jpg", encoded(upright, "JPEG", quality=95)))
    assert (document.payload["width"], document.payload["height"]) == (451, 300)
    assert document.payload["orientation"] == "landscape"
    assert float(document.vectors["visual"] @ plain.vectors["visual"]) > 0.97


def test_time_and_camera_come_from_exif(images: ImageExtractor) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Canon", "Canon EOS R5\0"
    exif.get_ifd(0x8769)[0x9003] = "2023:02:08 10:49:05"
    data = encoded(photo("rocket.jpg"), "JPEG", exif=exif)
    (document,) = documents(images, File("a.jpg", data))
    assert document.payload["taken_at"] == "2023-02-08T10:49:05"
    assert document.payload["camera"] == "Canon EOS R5"
    exif.get_ifd(0x8769)[0x9011] = "+02:00"
    (document,) = documents(images, File("a.jpg", encoded(photo("rocket.jpg"), "JPEG", exif=exif)))
    assert document.payload["taken_at"] == "2023-02-08T10:49:05+02:00"


@pytest.mark.parametrize(
    "taken", ["0000:00:00 00:00:00", "yesterday", "    ", "2023:13:40 99:99:99"]
)
def test_senseless_times_count_as_absent(images: ImageExtractor, taken: str) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = taken
    data = encoded(photo("rocket.jpg"), "JPEG", exif=exif)
    (document,) = documents(images, File("a.jpg", data))
    assert "taken_at" not in document.payload


def test_broken_exif_does_not_harm_the_picture(images: ImageExtractor) -> None:
    data = encoded(
        photo("rocket.jpg"), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\xff" * 40
    )
    (document,) = documents(images, File("a.jpg", data))
    assert document.payload["width"] == 640


def test_vectors_do_not_depend_on_the_batch(images: ImageExtractor) -> None:
    names = ["chelsea.png", "coffee.png", "camera.png", "coins.png", "rocket.jpg"] * 3
    files = [File(name, (PHOTOS / name).read_bytes()) for name in names]
    together = answers(images, files)
    for file, answer in list(zip(files, together, strict=True))[:5]:
        (alone,) = documents(images, file)
        for name, vector in alone.vectors.items():
            assert float(vector @ answer.documents[0].vectors[name]) > 0.999


def test_time_is_told_by_stage(images: ImageExtractor) -> None:
    data = encoded(photo("rocket.jpg"), "JPEG")
    images.clock.take()
    answers(images, [File("a.jpg", data), File("b.jpg", data[:100])])
    stages = images.clock.take()
    assert stages["decode"].rows == 2
    assert stages["decode"].bytes == len(data) + 100
    assert stages["infer"].rows == 1


@pytest.mark.parametrize(
    ("query", "output", "words"),
    [
        (Query("image", data=b"no picture"), "visual", "not a picture"),
        (Query("image", data=b""), "visual", "empty"),
        (Query("text", text="  "), "semantic", "no words"),
        (Query("text", text="a cat"), "visual", "cannot be searched with text"),
    ],
)
def test_bad_queries_are_named(
    images: ImageExtractor, query: Query, output: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        images.encode(query, output)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("trips/IMG_2041_red-barn.jpeg", ("red", "barn")),
        ("DSC00012.JPG", ()),
        ("holidayBeach2024.png", ("holiday", "Beach")),
        ("Été à Paris+100%.jpg", ("Été", "Paris")),
        ("PXL_20230102_101112.jpg", ()),
    ],
)
def test_words_of_names(name: str, words: tuple[str, ...]) -> None:
    assert name_words(name) == words


def test_a_picture_without_words_has_no_text() -> None:
    assert caption((), ()) is None


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (224, 224), (4000, 300), (1, 500)])
def test_the_view_lies_in_the_middle_of_the_picture(size: tuple[int, int]) -> None:
    left, top, right, bottom = middle(*size)
    assert 0 <= left < right <= size[0]
    assert 0 <= top < bottom <= size[1]
    assert left == pytest.approx(size[0] - right)
    assert top == pytest.approx(size[1] - bottom)
    assert fit(Image.new("RGB", size)).shape == (224, 224, 3)


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_pictures_of_phones(images: ImageExtractor, kind: str) -> None:
    pillow_heif.register_heif_opener(thumbnails=False)
    data = encoded(photo("chelsea.png"), kind, quality=90)
    (document,) = documents(images, File("a", data))
    assert "cat" in document.labels
    assert document.payload["format"] == kind
    for end in (20, len(data) // 2, len(data) - 40):
        assert answers(images, [File("a", data[:end])])[0].failure is not None


def test_pages_of_a_tiff_are_documents(images: ImageExtractor) -> None:
    file = io.BytesIO()
    first, *more = (photo(name) for name in ("chelsea.png", "coffee.png", "rocket.jpg"))
    first.save(file, "TIFF", save_all=True, append_images=more, compression="tiff_lzw")
    found = documents(images, File("a.tif", file.getvalue()))
    assert [document.page for document in found] == [1, 2, 3]
    assert "cat" in found[0].labels
    few = ImageExtractor(ImageParameters(max_pages=2))
    few.load()
    assert len(documents(few, File("a.tif", file.getvalue()))) == 2


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_frames_that_differ_are_documents(images: ImageExtractor, kind: str) -> None:
    shown = [photo(name).resize((240, 160)) for name in ("chelsea.png", "coffee.png")]
    file = io.BytesIO()
    frames = [shown[0]] * 2 + [shown[1]] * 2
    for number, frame in enumerate(frames):
        frames[number] = frame.copy()
        frames[number].putpixel((number, 0), (255, 0, 0))
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], duration=500)
    found = documents(images, File("a", file.getvalue()))
    assert [document.start_ms for document in found] == [0, 1000]
    assert "cat" in found[0].labels


def test_the_hash_is_that_of_the_look(images: ImageExtractor) -> None:
    picture = photo("chelsea.png")
    others = [encoded(picture.resize((300, 200)), "JPEG", quality=40), encoded(picture, "PNG")]
    hashes = [documents(images, File("a", d))[0].payload["dhash"] for d in others]
    other = documents(images, File("b", encoded(photo("rocket.jpg"), "PNG")))[0].payload["dhash"]
    assert len(hashes[0]) == 16
    assert (int(hashes[0], 16) ^ int(hashes[1], 16)).bit_count() <= 3
    assert (int(hashes[0], 16) ^ int(other, 16)).bit_count() > 12


# ---- what people see of a place in a picture ----------------------------------------------------

COLOURS = ((250, 10, 10), (10, 250, 10), (10, 10, 250))


def seen(data: bytes, mime: str, part: Part) -> tuple[int, ...]:
    made = ImageExtractor.preview(File("a", data, mime), part, 64)
    assert made is not None
    picture = Image.open(io.BytesIO(made)).convert("RGB")
    assert max(picture.size) == 64
    pixel = picture.getpixel((20, 20))
    assert isinstance(pixel, tuple)
    return tuple(round(value / 250) for value in pixel)


def test_a_page_and_a_frame_are_shown_as_they_are() -> None:
    first, *more = (Image.new("RGB", (200, 100), colour) for colour in COLOURS)
    tiff, gif = io.BytesIO(), io.BytesIO()
    first.save(tiff, "TIFF", save_all=True, append_images=more)
    first.save(gif, "GIF", save_all=True, append_images=more, duration=[400, 600, 100])
    for page, colour in enumerate(((1, 0, 0), (0, 1, 0), (0, 0, 1)), start=1):
        assert seen(tiff.getvalue(), "image/tiff", Part(page=page)) == colour
    for start, colour in ((0, (1, 0, 0)), (400, (0, 1, 0)), (1000, (0, 0, 1))):
        assert seen(gif.getvalue(), "image/gif", Part(start_ms=start)) == colour
    with pytest.raises(ValueError, match="no such page"):
        seen(tiff.getvalue(), "image/tiff", Part(page=9))
    for extractor in (ImageExtractor, OcrExtractor):
        assert has_preview(extractor, "image/tiff", Part(page=2))
        assert not has_preview(extractor, "image/tiff", Part(page=1)), "the service shows that"
        assert has_preview(extractor, "image/heic", Part())


def test_colours_are_shown_as_the_picture_means_them() -> None:
    """A profile of a usual size is passed on, one that could hide anything is not."""
    pillow_heif.register_heif_opener(thumbnails=False)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile, kept in ((srgb, srgb), (b"\0" * 200_000, None)):
        file = io.BytesIO()
        Image.new("RGB", (200, 100), COLOURS[0]).save(file, "HEIF", icc_profile=profile)
        made = ImageExtractor.preview(File("a", file.getvalue(), "image/heic"), Part(), 64)
        assert made is not None
        assert Image.open(io.BytesIO(made)).info.get("icc_profile") == kept
