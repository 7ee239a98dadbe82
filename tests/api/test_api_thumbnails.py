"""Thumbnails of good pictures, and of files that were made to break a decoder."""

from __future__ import annotations

import asyncio
import io
import os
import struct
import time
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_stand import Stand, error_of
from PIL import Image
from toys import Toy

from workbench.api.filecache import FileCache
from workbench.api.hopeless import Hopeless
from workbench.api.pictures import MAX_PIXELS, NoPicture, shrink
from workbench.api.thumbnails import EDGES, snap
from workbench.domain.errors import WorkbenchError
from workbench.extraction.contract import Part
from workbench.extraction.preview import make_preview

pytestmark = pytest.mark.stores("sqlite")


def picture(size: tuple[int, int] = (600, 300), form: str = "JPEG", **save: Any) -> bytes:
    """Left half red, right half blue."""
    image = Image.new("RGB", size, (250, 0, 0))
    image.paste((0, 0, 250), (size[0] // 2, 0, *size))
    out = io.BytesIO()
    image.save(out, form, **save)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data), formats=["WEBP"])
    image.load()
    return image


def color(image: Image.Image, x: float, y: float) -> str:
    pixel = image.convert("RGB").getpixel((int(x * image.width), int(y * image.height)))
    assert isinstance(pixel, tuple)
    return "red" if pixel[0] > pixel[2] else "blue"


def png(width: int, height: int, rows: bytes = b"", kind: int = 2) -> bytes:
    """A PNG whose header says what it likes."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def many_scans() -> bytes:
    """A progressive JPEG whose last scan comes thousands of times: small, and hours to decode."""
    data = picture((64, 64), progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * 2000 + data[-2:]


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HOSTILE = {
    "empty": b"",
    "random": bytes(range(256)) * 40,
    "cut jpeg": picture()[:700],
    "cut header": picture()[:10],
    "cut png": picture(form="PNG")[:200],
    "bomb": png(60_000, 60_000),
    "pillow's bomb": png(2**31 - 1, 2**31 - 1),
    "just over": png(MAX_PIXELS // 1000 + 1, 1000),
    "short rows": png(3000, 3000, b"\0" * 100),
    "many scans": many_scans(),
    "svg": SVG,
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
    "html": b"<html><script>alert(1)</script>",
    "zero wide": png(0, 10),
    "tiff of nothing": b"II*\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    "gif header": b"GIF89a\xff\xff\xff\xff",
    "ppm": b"P6 100000 100000 255\n",
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_api_hostile_pictures_have_no_thumbnail(
    stand: Stand, client: httpx.AsyncClient, name: str
) -> None:
    bucket = stand.bucket("b")
    thing = stand.file(bucket, "b", "x.jpg", HOSTILE[name], "image/jpeg")
    begun = time.monotonic()
    answer = await client.get(f"/v1/objects/{thing}/thumbnail")
    assert (answer.status_code, error_of(answer)["code"]) == (404, "no_thumbnail")
    assert time.monotonic() - begun < 10
    assert "x.jpg" in error_of(answer)["message"]
    assert (await client.get("/v1/health")).status_code == 200


async def test_api_thumbnails_fit_the_size_asked_for(
    stand: Stand, client: httpx.AsyncClient
) -> None:
    bucket = stand.bucket("b")
    thing = stand.file(bucket, "b", "x.jpg", picture((2000, 1000)), "image/jpeg")
    for size, width in [(16, 160), (160, 160), (161, 320), (320, 320), (700, 1024), (1024, 1024)]:
        answer = await client.get(f"/v1/objects/{thing}/thumbnail?size={size}")
        assert answer.headers["content-type"] == "image/webp"
        assert answer.headers["cache-control"].startswith("private")
        assert answer.headers["x-content-type-options"] == "nosniff"
        image = opened(answer.content)
        assert image.size == (width, width // 2)
        assert (color(image, 0.2, 0.5), color(image, 0.8, 0.5)) == ("red", "blue")
    for size in (15, 1025, "big"):
        answer = await client.get(f"/v1/objects/{thing}/thumbnail?size={size}")
        assert answer.status_code == 422


async def test_api_thumbnails_are_not_made_twice(stand: Stand, client: httpx.AsyncClient) -> None:
    bucket = stand.bucket("b")
    thing = stand.file(bucket, "b", "x.png", picture(form="PNG"), "image/png")
    first = await client.get(f"/v1/objects/{thing}/thumbnail")
    (stand.media / "b" / "x.png").unlink()
    second = await client.get(f"/v1/objects/{thing}/thumbnail")
    assert second.content == first.content
    tag = first.headers["etag"]
    known = await client.get(f"/v1/objects/{thing}/thumbnail", headers={"If-None-Match": tag})
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", tag)
    other = await client.get(f"/v1/objects/{thing}/thumbnail?size=640")
    assert (other.status_code, error_of(other)["code"]) == (422, "source_unreadable")


async def test_api_thumbnails_of_changed_files_are_shown_and_not_kept(
    stand: Stand, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    bucket = stand.bucket("b")
    thing = stand.file(bucket, "b", "x.png", picture(form="PNG"), "image/png")
    (stand.media / "b" / "x.png").write_bytes(picture((100, 100), "PNG"))
    answer = await client.get(f"/v1/objects/{thing}/thumbnail")
    assert opened(answer.content).size == (100, 100)
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


async def test_api_thumbnails_survive_a_damaged_cache(
    stand: Stand, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    bucket = stand.bucket("b")
    thing = stand.file(bucket, "b", "x.png", picture(form="PNG"), "image/png")
    first = await client.get(f"/v1/objects/{thing}/thumbnail")
    (kept,) = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    for damage in (b"", first.content[:50]):
        kept.write_bytes(damage)
        again = await client.get(f"/v1/objects/{thing}/thumbnail")
        assert again.content == first.content


async def test_api_thumbnails_of_other_kinds(stand: Stand, client: httpx.AsyncClient) -> None:
    bucket = stand.bucket("b")
    text = stand.file(bucket, "b", "x.txt", b"words", "text/plain")
    answer = await client.get(f"/v1/objects/{text}/thumbnail")
    assert (answer.status_code, error_of(answer)["code"]) == (404, "no_thumbnail")
    missing = await client.get("/v1/objects/obj_none/thumbnail")
    assert (missing.status_code, error_of(missing)["code"]) == (404, "not_found")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_api_thumbnails_stand_upright(orientation: int) -> None:
    """The picture is stored turned or mirrored; people see red above blue, or red before blue."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = opened(shrink(io.BytesIO(picture(exif=exif)), 160))
    sideways = orientation >= 5
    assert image.size == ((80, 160) if sideways else (160, 80))
    first = color(image, 0.5, 0.2) if sideways else color(image, 0.2, 0.5)
    turned = {2, 3, 7, 8}  # those that put the stored left at the right or at the bottom
    assert first == ("blue" if orientation in turned else "red")


@pytest.mark.parametrize(
    ("mode", "form"),
    [
        ("1", "PNG"),
        ("L", "JPEG"),
        ("LA", "PNG"),
        ("P", "GIF"),
        ("P", "PNG"),
        ("RGBA", "PNG"),
        ("RGBA", "WEBP"),
        ("CMYK", "JPEG"),
        ("CMYK", "TIFF"),
        ("I;16", "PNG"),
        ("I;16", "TIFF"),
        ("F", "TIFF"),
        ("RGB", "BMP"),
        ("RGB", "PPM"),
    ],
)
def test_api_thumbnails_of_every_mode(mode: str, form: str) -> None:
    if mode in ("I;16", "F"):
        image = Image.new(
            "F" if mode == "F" else "I;16", (400, 200), 200 if mode == "F" else 50_000
        )
    else:
        image = Image.new("RGB", (400, 200), (200, 200, 200)).convert(mode)
    out = io.BytesIO()
    image.save(out, form)
    small = opened(shrink(out, 160))
    assert small.size == (160, 80)
    pixel = small.convert("L").getpixel((80, 40))
    assert isinstance(pixel, int)
    assert 180 <= pixel <= 255


@pytest.mark.parametrize("edge", [100, 4100])  # the larger one goes the way of large pictures
def test_api_thumbnails_keep_transparency(edge: int) -> None:
    image = Image.new("RGBA", (edge, edge), (255, 0, 0, 0))
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    small = opened(shrink(out, 160))
    assert small.size == (min(edge, 160), min(edge, 160))
    assert small.mode == "RGBA"
    assert small.getpixel((50, 50))[3] == 0  # type: ignore[index]


def test_api_thumbnails_tell_nothing_beside_the_picture() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    profile = b"\0" * 200_000
    data = shrink(io.BytesIO(picture(exif=exif, icc_profile=profile)), 160)
    assert b"secret" not in data
    assert len(data) < 5000


def test_api_thumbnails_of_long_strips_have_an_edge_of_one() -> None:
    assert opened(shrink(io.BytesIO(picture((8000, 2))), 160)).size == (160, 1)


def test_api_thumbnails_try_named_formats_only() -> None:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "ICO")
    with pytest.raises(NoPicture, match="known format"):
        shrink(out, 160)


def test_api_thumbnail_sizes_snap_upwards() -> None:
    assert [snap(size) for size in (1, 160, 161, 640, 641, 5000)] == [
        160,
        160,
        320,
        640,
        1024,
        1024,
    ]
    assert tuple(sorted(EDGES)) == EDGES


async def test_api_previews_that_take_long_hold_up_no_thumbnails(
    stand: Stand, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    bucket = stand.bucket("b")
    rows = [
        stand.services.objects.get(
            stand.default, stand.file(bucket, "b", f"{number}.toy", b"sleep", "text/x-toy")
        )
        for number in range(4)
    ]
    thing = stand.file(bucket, "b", "x.png", picture(form="PNG"), "image/png")
    monkeypatch.setattr("workbench.api.thumbnails.make_preview", partial(make_preview, seconds=4))
    opens = stand.services.open_source
    asked = [
        asyncio.create_task(stand.services.thumbnails.preview(row, Toy, Part(), 160, opens))
        for row in rows
        if row is not None
    ]
    await asyncio.sleep(0.5)
    begun = time.monotonic()
    assert (await client.get(f"/v1/objects/{thing}/thumbnail")).status_code == 200
    assert time.monotonic() - begun < 3
    for each in await asyncio.gather(*asked, return_exceptions=True):
        assert isinstance(each, WorkbenchError)
        assert "seconds" in each.message
    begun = time.monotonic()
    assert rows[0] is not None
    with pytest.raises(WorkbenchError, match="seconds"):
        await stand.services.thumbnails.preview(rows[0], Toy, Part(), 160, opens)
    assert time.monotonic() - begun < 3, "it is remembered"


async def test_api_a_mended_file_has_a_thumbnail_at_once(
    stand: Stand, client: httpx.AsyncClient
) -> None:
    """What could not be shown is remembered of the listed bytes only."""
    bucket = stand.bucket("b")
    thing = stand.file(bucket, "b", "x.png", picture(form="PNG")[:200], "image/png")
    (stand.media / "b" / "x.png").write_bytes(b"still being written")
    assert (await client.get(f"/v1/objects/{thing}/thumbnail")).status_code == 404
    (stand.media / "b" / "x.png").write_bytes(picture(form="PNG"))
    assert (await client.get(f"/v1/objects/{thing}/thumbnail")).status_code == 200


def test_api_what_failed_is_remembered_for_a_while_and_not_without_bound() -> None:
    now = [0.0]
    hopeless = Hopeless(seconds=10, most=3, clock=lambda: now[0])
    for number in range(4):
        hopeless.put(str(number), f"reason {number}")
    assert [hopeless.get(str(number)) for number in range(4)] == [
        None,
        "reason 1",
        "reason 2",
        "reason 3",
    ]
    now[0] = 10.0
    assert hopeless.get("3") is None


def test_api_cache_stays_below_its_limit_and_keeps_what_is_used(tmp_path: Path) -> None:
    cache = FileCache(tmp_path / "c", 10_000)
    for number in range(30):
        cache.put(f"{number:04x}", b"x" * 1000)
        kept = tmp_path / "c" / f"{number:04x}"[:2] / f"{number:04x}"
        os.utime(kept, (number, number))
        if number:
            assert cache.get("0000") is not None  # used, so never among the oldest
    files = [path for path in (tmp_path / "c").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 10_000
    assert cache.get("001d") == b"x" * 1000
    assert cache.get("0001") is None


def test_api_cache_counts_what_an_earlier_run_left(tmp_path: Path) -> None:
    first = FileCache(tmp_path / "c", 10_000)
    for number in range(9):
        first.put(f"aa{number}", b"x" * 1000)
    second = FileCache(tmp_path / "c", 5_000)
    second.put("ffff", b"x" * 1000)
    files = [path for path in (tmp_path / "c").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 5_000
    assert second.get("ffff") is not None


def test_api_cache_that_cannot_be_written_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("a file where the folder should be")
    cache = FileCache(tmp_path / "c", 1000)
    cache.put("aa", b"x")
    assert cache.get("aa") is None
