"""Opening pictures that nobody vouches for.

What a file is, its content says; its name says nothing. Only the formats listed here are tried.
The number of pixels is checked from the header, before anything is decoded; a picture that is cut
or damaged is refused, never half shown. Whatever a decoder raises comes out as ``Refused``.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping

import pillow_heif
from PIL import Image, ImageFile, UnidentifiedImageError

from extractors.refused import Refused
from workbench.domain.states import Category
from workbench.extraction.contract import Failed

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "AVIF", "HEIF")
#: Formats whose later frames are looked at; only so many are gone through.
ANIMATED = ("GIF", "WEBP", "AVIF")
MOST_FRAMES = 300
#: Each frame gone through costs a pass over the whole picture; so many pixels take some seconds.
MOST_PASSED = 1_500_000_000
#: Pillow refuses on its own what has more than twice its limit; ours stays below.
PILLOW_LIMIT = 178_956_970
#: A progressive JPEG has about ten scans. Each costs a pass over all pixels, so a small file with
#: thousands of them keeps a decoder busy for hours.
MAX_SCANS = 500
SCAN = b"\xff\xda"

BEGINNINGS: Mapping[str, tuple[bytes, ...]] = {
    "JPEG": (b"\xff\xd8\xff",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "BMP": (b"BM",),
    "TIFF": (b"II*\x00", b"MM\x00*"),
    "WEBP": (b"RIFF",),
}
#: Words of Pillow's errors when the bytes run out.
ENDED_EARLY = ("truncated", "not enough", "eof", "end of", "incomplete")
HINT_CUT = "the file is cut or damaged; get a whole copy and ingest again"
#: Of a file, before it is opened: a TIFF of many pages, or a picture kept without compression.
MAX_BYTES = 512 * 1024 * 1024
HINT_SIZE = "save it smaller, or raise the parameter max_bytes"
HINT_PIXELS = "scale it down, or raise the parameter max_pixels"


def silence() -> None:
    """Keep Pillow's warnings out of the log: what matters in them comes out as Refused."""
    warnings.filterwarnings("ignore", module=r"PIL\.")


def _open(data: bytes) -> ImageFile.ImageFile:
    """Pillow knows HEIF by a plugin, which is registered when the first one comes."""
    if data[4:8] != b"ftyp":
        return Image.open(io.BytesIO(data), formats=[name for name in FORMATS if name != "HEIF"])
    pillow_heif.register_heif_opener(thumbnails=False)
    return Image.open(io.BytesIO(data), formats=("AVIF", "HEIF"))


def open_picture(data: bytes, max_pixels: int) -> ImageFile.ImageFile:
    """The picture's header, checked; nothing is decoded yet. Raises Refused."""
    if not data:
        raise _refused("the file is empty")
    try:
        picture = _open(data)
    except Image.DecompressionBombError as error:
        raise _too_many(_pixels(error), max_pixels) from None
    except UnidentifiedImageError:
        raise _unidentified(data) from None
    except Exception as error:
        raise _damaged(data, error) from error
    width, height = picture.size
    if width * height > max_pixels:
        raise _too_many(f"{width} x {height}", max_pixels)
    if "progressive" in picture.info and data.count(SCAN) > MAX_SCANS:
        raise Refused(
            Failed(
                Category.LIMITS,
                f"the JPEG has more than {MAX_SCANS} scans",
                "save it again with an image program",
                stage="decode",
            )
        )
    return picture


def pages(picture: ImageFile.ImageFile, most: int, max_pixels: int) -> Iterator[int]:
    """Turns to the pages of a TIFF, one after the other, and gives their numbers from 0; to the
    only one of other pictures. A page is not decoded yet. Raises Refused."""
    yield 0
    if picture.format != "TIFF":
        return
    for number in range(1, most):
        try:
            picture.seek(number)
        except EOFError:
            return
        except Exception as error:  # noqa: BLE001 - a decoder may raise anything
            raise _refused(f"page {number + 1} cannot be decoded: {error}"[:300]) from None
        width, height = picture.size
        if width * height > max_pixels:
            raise _too_many(f"{width} x {height}", max_pixels)
        yield number


def frames(picture: ImageFile.ImageFile, most: int) -> Iterator[tuple[int, int]]:
    """Turns to ``most`` frames of an animation, evenly spread over its first ones, and gives their
    numbers and when they are shown, in milliseconds. Raises Refused."""
    passable = max(1, MOST_PASSED // max(1, picture.width * picture.height))
    count = min(getattr(picture, "n_frames", 1), MOST_FRAMES, passable)
    most = min(most, count)
    wanted = {round(index * (count - 1) / max(1, most - 1)) for index in range(most)}
    at = 0.0
    for number in range(max(wanted) + 1):
        try:
            picture.seek(number)
            picture.load()
        except Exception as error:  # noqa: BLE001 - a decoder may raise anything
            raise _refused(f"frame {number + 1} cannot be decoded: {error}"[:300]) from None
        if number in wanted:
            yield number, round(at)
        at += float(picture.info.get("duration") or 0)


def decode(picture: ImageFile.ImageFile, data: bytes, least: int | None = None) -> None:
    """Decode the (first frame of the) picture. A JPEG may come out at a half, a quarter or an
    eighth of its size, with neither side under ``least`` pixels. Raises Refused."""
    try:
        if least is not None and picture.format in ("JPEG", "MPO"):
            picture.draft(None, (least, least))  # pyright: ignore[reportArgumentType]
        picture.load()
    except Image.DecompressionBombError as error:
        raise _too_many(_pixels(error), PILLOW_LIMIT) from None
    except MemoryError:
        raise Refused(
            Failed(
                Category.RESOURCE,
                "there was not enough memory to decode the picture",
                "retry, or give the workers more memory",
                stage="decode",
            )
        ) from None
    except Exception as error:
        raise _damaged(data, error) from error
    if picture.format == "PNG" and not 0 <= data.rfind(b"IEND") <= len(data) - 8:
        # Pillow takes a PNG without its end; ours may have lost what stood there.
        raise _cut(data, "PNG")


def _refused(message: str, hint: str | None = None) -> Refused:
    return Refused(Failed(Category.FORMAT, message, hint, stage="decode"))


def _too_many(pixels: str, limit: int) -> Refused:
    return Refused(
        Failed(
            Category.LIMITS,
            f"the picture has {pixels} pixels, more than {limit:,}",
            HINT_PIXELS,
            stage="decode",
        )
    )


def _pixels(error: Image.DecompressionBombError) -> str:
    number = re.search(r"\d+", str(error))
    return f"{int(number.group()):,}" if number else "too many"


def _unidentified(data: bytes) -> Refused:
    kind = _kind(data)
    if kind is not None:
        return _refused(
            f"the file begins like a {kind}, but its header cannot be read ({len(data):,} bytes)",
            "it is cut, damaged or of a rare kind; open it in an image program and save it again",
        )
    return _refused(
        "the content is not a picture that can be read",
        f"readable are {', '.join(FORMATS)}; the name does not matter",
    )


def _damaged(data: bytes, error: Exception) -> Refused:
    """What a decoder's complaint means: the end is missing, or the content makes no sense."""
    kind = _kind(data) or "picture"
    words = str(error).lower()
    stated = _stated_size(data, kind)
    if (stated is not None and stated > len(data)) or any(w in words for w in ENDED_EARLY):
        return _cut(data, kind)
    return _refused(f"the {kind} cannot be decoded: {error}"[:300], HINT_CUT)


def _cut(data: bytes, kind: str) -> Refused:
    stated = _stated_size(data, kind)
    whole = f" of {stated:,}" if stated is not None and stated > len(data) else ""
    return _refused(f"the {kind} is cut: it ends after {len(data):,}{whole} bytes", HINT_CUT)


def _stated_size(data: bytes, kind: str) -> int | None:
    """The whole file's size, where the format's header has it."""
    if kind == "WEBP" and len(data) >= 8:
        return int.from_bytes(data[4:8], "little") + 8
    if kind == "BMP" and len(data) >= 6:
        return int.from_bytes(data[2:6], "little")
    return None


def _kind(data: bytes) -> str | None:
    """The format whose first bytes these are."""
    for kind, beginnings in BEGINNINGS.items():
        if data.startswith(beginnings):
            return kind
    return None
