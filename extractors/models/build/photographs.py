"""The photographs that set the ranges of the int8 numbers: those of scikit-image and scikit-learn.

Each is seen whole, in its middle, in its four quarters and mirrored, so that a dozen photographs
give ranges for objects of several sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import skimage
import sklearn
from PIL import Image

SIZE = 224
SCIKIT_IMAGE = (
    "astronaut.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "hubble_deep_field.jpg",
    "motorcycle_left.png",
    "page.png",
    "retina.jpg",
    "rocket.jpg",
)
SCIKIT_LEARN = ("china.jpg", "flower.jpg")
#: No photographs of things, so no part of the calibration; they make the evaluation harder.
OTHERS = (
    "brick.png",
    "cell.png",
    "clock_motion.png",
    "color.png",
    "gravel.png",
    "horse.png",
    "ihc.png",
    "logo.png",
    "moon.png",
    "text.png",
)


def photographs() -> list[Path]:
    """The photographs' files, from the installed packages."""
    learn = Path(sklearn.__file__).parent / "datasets" / "images"
    return _scikit_image(SCIKIT_IMAGE) + [learn / name for name in SCIKIT_LEARN]


def pictures() -> list[Path]:
    """The photographs and other pictures of scikit-image."""
    return photographs() + _scikit_image(OTHERS)


def _scikit_image(names: Sequence[str]) -> list[Path]:
    folder = Path(skimage.__file__).parent / "data"
    return [folder / name for name in names]


def calibration_pixels() -> npt.NDArray[np.uint8]:
    """Views of the photographs, shape (n, 224, 224, 3)."""
    views: list[npt.NDArray[np.uint8]] = []
    for path in photographs():
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        width, height = picture.size
        boxes = [(0, 0, width, height), _box(width, height, 0.25, 0.25)]
        boxes += [_box(width, height, x, y) for x in (0, 0.5) for y in (0, 0.5)]
        for box in boxes:
            view = picture.resize((SIZE, SIZE), Image.Resampling.BICUBIC, box, 2.0)
            views += [np.asarray(view), np.asarray(view)[:, ::-1]]
    return np.stack(views)


def _box(width: int, height: int, left: float, top: float) -> tuple[float, float, float, float]:
    """Half of the picture's width and height, from a share of each."""
    return (left * width, top * height, (left + 0.5) * width, (top + 0.5) * height)
