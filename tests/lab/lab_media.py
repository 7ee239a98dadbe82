"""Pictures and a film that a browser can show, made in a moment."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

#: Files of the folder, by name; the film's second document begins after a second.
PICTURES = ("heron-on-a-roof", "heron-in-reeds", "otter-at-night", "heron-and-otter")
FILM = "heron-flying"


def make_media(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for number, name in enumerate(PICTURES):
        picture = np.full((90, 120, 3), 40 + 50 * number, np.uint8)
        picture[30:60, 20 + 10 * number : 60 + 10 * number] = (200, 120, 60)
        Image.fromarray(picture).save(folder / f"{name}.png")
    film(folder / f"{FILM}.webm")
    (folder / "notes.x").write_text("an otter and a heron in the notes")
    return folder


def film(path: Path, seconds: int = 3, rate: int = 10) -> None:
    with av.open(str(path), "w", format="webm") as made:
        stream = made.add_stream("libvpx", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for number in range(seconds * rate):
            picture = np.full((120, 160, 3), (number * 8) % 256, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            made.mux(stream.encode(frame))
        made.mux(stream.encode())
