"""What a picture's own notes say: which way is up, when and with what it was taken.

Notes are as untrusted as the picture: what cannot be read or makes no sense counts as absent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from PIL import Image
from PIL.ExifTags import IFD, Base

OFFSET = re.compile(r"[+-]\d\d:\d\d")
MAX_NAME = 80


@dataclass(frozen=True)
class Notes:
    """``orientation`` is EXIF's, 1 to 8. ``taken_at`` is ISO 8601, without a zone where the camera
    noted none."""

    orientation: int = 1
    taken_at: str | None = None
    camera: str | None = None


NONE = Notes()


def read_notes(picture: Image.Image) -> Notes:
    """The notes of a decoded picture; never raises."""
    if "exif" not in picture.info and picture.format != "TIFF":
        return NONE
    try:
        exif = picture.getexif()
        details = exif.get_ifd(IFD.Exif)
        orientation = exif.get(Base.Orientation, 1)
        return Notes(
            orientation=orientation if orientation in range(1, 9) else 1,
            taken_at=_time(
                details.get(Base.DateTimeOriginal), details.get(Base.OffsetTimeOriginal)
            ),
            camera=_camera(exif.get(Base.Make), exif.get(Base.Model)),
        )
    except Exception:  # noqa: BLE001 - broken notes are no reason to refuse a good picture
        return NONE


def _time(value: object, offset: object) -> str | None:
    try:
        taken = datetime.strptime(str(value).strip("\0 "), "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    zone = str(offset).strip("\0 ")
    return taken.isoformat() + (zone if OFFSET.fullmatch(zone) else "")


def _camera(make: object, model: object) -> str | None:
    """``Canon EOS R5``: makers often repeat their name in the model's."""
    words = [_name(make), _name(model)]
    if words[0] and words[1].lower().startswith(words[0].lower()):
        words = words[1:]
    return " ".join(w for w in words if w) or None


def _name(value: object) -> str:
    text = str(value) if isinstance(value, str) else ""
    return "".join(c for c in text if c.isprintable()).strip()[:MAX_NAME]
