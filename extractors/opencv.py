"""OpenCV, imported without what its package does to programs that are started later.

Importing ``cv2`` puts its folder and an empty entry, which is the current folder, in front of the
places where such programs look for libraries (``LD_LIBRARY_PATH``): a file of the right name beside
the media would then be loaded. The variable is left as it was. RapidOCR imports ``cv2`` too, and
so is got from here.
"""

from __future__ import annotations

import os
from typing import Any

_NAME = "LD_LIBRARY_PATH"

_before = os.environ.get(_NAME)
import cv2  # noqa: E402

if _before is None:
    os.environ.pop(_NAME, None)
else:
    os.environ[_NAME] = _before

__all__ = ["cv2", "rapid_ocr"]


def rapid_ocr() -> Any:
    """The class of RapidOCR's engine."""
    from rapidocr import RapidOCR

    return RapidOCR
