"""Pictures as people see them, from bytes that nobody vouches for: drawings, formats that the
service does not decode itself, a page of a TIFF, a moment of an animation."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image, ImageFile

from extractors import drawings
from extractors.exif import read_notes
from extractors.fit import UPRIGHT, plain, to_rgb
from extractors.pictures import ANIMATED, MOST_FRAMES, decode, open_picture, silence
from extractors.refused import Refused
from workbench.extraction.contract import Part, Source

MAX_PIXELS = 100_000_000
QUALITY = 80
#: Bytes of a colour profile that is passed on, as the service does with its own thumbnails.
LARGEST_PROFILE = 4096
#: Shown by ``preview``; other pictures the service shows itself, but for their inner parts.
SHOWS = frozenset({drawings.MIME, "image/heic", "image/heif", "image/avif"})


def preview(source: Source, part: Part, edge: int) -> bytes:
    """WebP, upright, at most ``edge`` pixels wide and high. Raises ValueError."""
    silence()
    try:
        picture = _picture(source.read(), part)
    except Refused as refused:
        raise ValueError(str(refused)) from refused
    picture.thumbnail((edge, edge), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=QUALITY, icc_profile=picture.info.get("icc_profile"))
    return file.getvalue()


def _picture(data: bytes, part: Part) -> Image.Image:
    if drawings.is_drawing(data):
        return Image.open(io.BytesIO(drawings.draw(data).png), formats=["PNG"]).convert("RGB")
    picture = open_picture(data, MAX_PIXELS)
    _turn(picture, part)
    decode(picture, data)
    turn = UPRIGHT.get(read_notes(picture).orientation)
    shown = to_rgb(plain(picture))
    upright = shown if turn is None else shown.transpose(turn)
    upright.info = {**_profile(picture)}  # all that is told beside the pixels
    return upright


def _profile(picture: Image.Image) -> dict[str, Any]:
    """What telephones say of the colours of their HEIC pictures: without it they look pale."""
    profile = picture.info.get("icc_profile") if picture.mode == "RGB" else None
    short = isinstance(profile, bytes) and len(profile) <= LARGEST_PROFILE
    return {"icc_profile": profile} if short else {}


def _turn(picture: ImageFile.ImageFile, part: Part) -> None:
    """To the page, or to the frame that is shown at the part's start. Raises ValueError."""
    try:
        if part.page is not None and picture.format == "TIFF":
            picture.seek(part.page - 1)
            if picture.width * picture.height > MAX_PIXELS:
                raise ValueError("the page has too many pixels")
        elif part.start_ms and picture.format in ANIMATED:
            _turn_to(picture, part.start_ms)
    except EOFError:
        raise ValueError("the picture has no such page or frame") from None


def _turn_to(picture: ImageFile.ImageFile, start_ms: int) -> None:
    at = 0.0
    for number in range(MOST_FRAMES):
        picture.seek(number)
        picture.load()  # only then the time of this frame is known
        if round(at) >= start_ms:
            return
        at += float(picture.info.get("duration") or 0)
