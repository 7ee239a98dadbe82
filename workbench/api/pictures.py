"""A small picture of a large one, from bytes that nobody vouches for.

Only the formats named here are tried, whatever a file is called; the size is read from the header
and refused before anything is decoded; a JPEG is decoded at a fraction of its size; of an animation
the first frame is taken. Nothing of the original but its pixels and a short colour profile remains.
"""

from __future__ import annotations

import io
from typing import Any, BinaryIO

from PIL import Image, ImageOps

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
MAX_PIXELS = 100_000_000
#: A progressive JPEG has about ten scans; each costs a pass over all pixels, so that a small file
#: with thousands of them keeps a decoder busy for hours.
MAX_SCANS = 500
_SCAN = b"\xff\xda"
_QUALITY = 80
_LARGEST_PROFILE = 4096
_SMOOTH = ("RGB", "RGBA", "L")  # modes that can be scaled smoothly as they are
_LEAN = ("RGB", "L")  # and of these, modes that scaling makes no whole copy of
_LARGE = 16_000_000


class NoPicture(ValueError):
    """These bytes are no picture that can be shown; the message says why."""


def shrink(file: BinaryIO, edge: int) -> bytes:
    """The picture in ``file`` as WebP, upright, at most ``edge`` pixels wide and high.

    Never enlarges. Raises ``NoPicture``.
    """
    try:
        with Image.open(file, formats=FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise NoPicture(f"it has {width} x {height} pixels, more than {MAX_PIXELS:,}")
            if image.format in ("JPEG", "MPO") and _scans(file) > MAX_SCANS:
                raise NoPicture(f"it has more than {MAX_SCANS} scans")
            return _encode(_small(image, edge))
    except (NoPicture, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise NoPicture(f"it has more than {MAX_PIXELS:,} pixels") from None
    except Image.UnidentifiedImageError:
        raise NoPicture("its content is no picture of a known format") from None
    # A decoder may raise anything over bytes that were made to break it.
    except Exception as problem:
        raise NoPicture(f"it cannot be decoded ({type(problem).__name__})") from problem


def _small(image: Image.Image, edge: int) -> Image.Image:
    profile = image.info.get("icc_profile") if image.mode == "RGB" else None
    image.draft("RGB", (edge * 2, edge * 2))  # JPEG only: decode at 1/2, 1/4 or 1/8
    picture: Image.Image = image
    if image.mode not in _LEAN and image.width * image.height > _LARGE:
        picture = image.resize(_decimated(image, edge), Image.Resampling.NEAREST)
    if picture.mode.startswith("I"):
        picture = picture.convert("I").point(_high_byte).convert("L")
    elif picture.mode not in _SMOOTH:
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    picture.thumbnail((edge, edge), Image.Resampling.BICUBIC)
    upright = ImageOps.exif_transpose(picture)
    upright.info = {} if not _short(profile) else {"icc_profile": profile}
    return upright


def _decimated(image: Image.Image, edge: int) -> tuple[int, int]:
    """A size to drop pixels to, so that the copies which follow are small: still four times
    finer than the thumbnail."""
    step = max(1, max(image.size) // (edge * 4))
    return max(1, image.width // step), max(1, image.height // step)


def _scans(file: BinaryIO) -> int:
    """How often a scan may begin in a JPEG; leaves the file's position as it was."""
    place, count, last = file.tell(), 0, b""
    file.seek(0)
    while piece := file.read(1024 * 1024):
        count += (last + piece).count(_SCAN)
        last = piece[-1:]
    file.seek(place)
    return count


def _high_byte(value: Any) -> Any:
    return value * (1 / 256)


def _short(profile: Any) -> bool:
    return isinstance(profile, bytes) and len(profile) <= _LARGEST_PROFILE


def _encode(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "WEBP", quality=_QUALITY, method=2)
    return out.getvalue()
