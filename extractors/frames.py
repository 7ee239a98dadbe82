"""Frames of a film as small arrays and as upright pictures."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter
from PIL import Image

from extractors.models import default_threads
from extractors.refused import Refused
from extractors.scenes import HEIGHT, SAMPLE_EVERY, WIDTH, detail
from extractors.streams import Media
from workbench.domain.states import Category
from workbench.extraction.contract import Failed, Part

#: The shorter side of what is kept of a frame: more than the model sees, less than it costs.
KEPT = 320
#: Points of a large frame that its small version is the mean of: each frame is looked at, and the
#: mean over all its pixels takes twice as long for the same differences (median 1.2 against 0.9 in
#: a slow pan, 54.9 against 54.7 at a cut).
POINTS = (8 * WIDTH, 4 * HEIGHT)
#: Frames of which the richest is the poster.
TRIED = 6
QUALITY = 80
TURNS = {
    90: Image.Transpose.ROTATE_90,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_270,
}


class Eye:
    """Scales frames; one for a stream, since scalers are costly to make."""

    def __init__(self) -> None:
        self._points = VideoReformatter()
        self._small = VideoReformatter()
        self._large = VideoReformatter()

    def small(self, frame: Any) -> npt.NDArray[np.uint8]:
        """The frame as ``scenes`` compares it, (HEIGHT, WIDTH, 3)."""
        if frame.width >= 2 * POINTS[0] and frame.height >= 2 * POINTS[1]:
            frame = self._points.reformat(frame, *POINTS, interpolation="POINT")
        scaled = self._small.reformat(frame, WIDTH, HEIGHT, "rgb24", interpolation="AREA")
        return np.asarray(scaled.to_ndarray(), np.uint8)

    def picture(self, frame: Any, short: int = KEPT) -> Image.Image:
        """The frame upright, its shorter side at most ``short`` pixels."""
        ratio = min(1.0, short / min(frame.width, frame.height))
        width = max(2, round(frame.width * ratio))
        height = max(2, round(frame.height * ratio))
        scaled = self._large.reformat(frame, width, height, "rgb24", interpolation="AREA")
        picture = Image.fromarray(np.asarray(scaled.to_ndarray(), np.uint8))
        turn = TURNS.get(round(frame.rotation) % 360)
        return picture if turn is None else picture.transpose(turn)


def prepare(stream: Any, max_pixels: int) -> None:
    """Limits for one stream of pictures, before anything is decoded. Raises ``Refused``."""
    context = stream.codec_context
    check_pixels(context.width, context.height, max_pixels)
    context.options = {"max_pixels": str(max_pixels)}
    context.thread_count = default_threads()
    context.thread_type = "AUTO"


def check_pixels(width: int, height: int, limit: int) -> None:
    if width * height > limit:
        raise Refused(
            Failed(
                Category.LIMITS,
                f"the film has {width} x {height} pixels, more than {limit:,}",
                "scale it down, or raise the parameter max_pixels",
                stage="decode",
            )
        )


def poster(media: Media, part: Part, edge: int, max_pixels: int) -> bytes | None:
    """WebP of the frame richest in detail of a few from the part's start on; None without
    pictures. The whole film is shown by what is a tenth into it, at most ten seconds."""
    stream = media.picture_stream()
    if stream is None:
        return None
    prepare(stream, max_pixels)
    start = (part.start_ms or 0) / 1000
    if part.start_ms is None:
        start = min(10.0, (media.duration or 0) / 10)
    if start > 0:
        media.seek(start)
    end = None if part.end_ms is None else part.end_ms / 1000
    best = _richest(media, stream, start, end, max_pixels, edge)
    if best is None:
        return None
    best.thumbnail((edge, edge), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    best.save(out, "WEBP", quality=QUALITY, method=2)
    return out.getvalue()


def _richest(
    media: Media, stream: Any, start: float, end: float | None, max_pixels: int, edge: int
) -> Image.Image | None:
    eye, best, most, tried, due = Eye(), None, -1.0, 0, start
    for at, frame in media.frames(stream):
        check_pixels(frame.width, frame.height, max_pixels)
        if end is not None and best is not None and at >= end:
            break
        if at < due - 0.001:
            continue
        found = detail(eye.small(frame))
        if found > most:
            best, most = eye.picture(frame, edge), found
        tried, due = tried + 1, at + SAMPLE_EVERY
        if tried == TRIED:
            break
    return best
