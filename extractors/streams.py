"""Reading sound and pictures out of media files that nobody vouches for, with FFmpeg's libraries.

Only the object's own bytes are read: FFmpeg gets a Python file, never a path or an address; the
format is the one that the sniffed type names, so that a playlist is never taken for one; what a
format may ask to open beside it is refused. Every read looks at a deadline, so a file that leads a
parser in circles ends with it. Times are seconds on the timeline that a player shows: they begin
where the file's first stream does. Damaged packets are skipped, up to a number; what is cut gives
what is there. Whatever FFmpeg raises comes out as ``Refused``.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

import av
import av.logging
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition

from extractors.refused import Refused
from workbench.domain.states import Category
from workbench.extraction.contract import Failed, Source

Sound = npt.NDArray[np.float32]

RATE = 16_000
#: A file with more damaged packets than this in a row is not worth the time.
MOST_DAMAGED = 500
#: A gap in the sound that is filled with silence, and how much of it at once.
LEAST_GAP = RATE // 10
PIECE = RATE * 30
MOST_STREAMS = 64
HINT_CUT = "the file is cut or damaged; get a whole copy and ingest again"

#: FFmpeg's names of the formats, by type. Formats that refer to other files are not among them.
AUDIO: Mapping[str, str] = {
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
    "audio/aac": "aac",
    "audio/aiff": "aiff",
    "audio/amr": "amr",
    "audio/x-caf": "caf",
    "audio/basic": "au",
    "audio/ac3": "ac3",
    "audio/eac3": "eac3",
    "audio/x-wavpack": "wv",
    "audio/x-tta": "tta",
    "audio/x-w64": "w64",
    "audio/mp4": "mov",
    "audio/webm": "matroska",
    "audio/x-matroska": "matroska",
    "audio/x-ms-wma": "asf",
}
VIDEO: Mapping[str, str] = {
    "video/mp4": "mov",
    "video/quicktime": "mov",
    "video/3gpp": "mov",
    "video/webm": "matroska",
    "video/x-matroska": "matroska",
    "video/ogg": "ogg",
    "video/x-msvideo": "avi",
    "video/mpeg": "mpeg",
    "video/mp2t": "mpegts",
    "video/x-flv": "flv",
    "video/x-ms-wmv": "asf",
}
_ELEMENTARY = b"\x00\x00\x01\xb3"  # MPEG video without a container


@dataclass(frozen=True)
class Bounds:
    """Seconds of content, and seconds of work at most."""

    duration: float
    work: float


class Media:
    """An opened file."""

    def __init__(self, container: InputContainer, bounds: Bounds, deadline: float) -> None:
        self.container = container
        self.bounds = bounds
        self._deadline = deadline
        self.origin = (container.start_time or 0) / av.time_base

    @property
    def duration(self) -> float | None:
        """What the header says, in seconds."""
        found = self.container.duration
        return found / av.time_base if found is not None and found > 0 else None

    @property
    def has_sound(self) -> bool:
        return self.sound_stream() is not None

    def sound_stream(self) -> Any | None:
        """The first sound track that can be decoded."""
        return next(filter(_decodable, self.container.streams.audio), None)

    def picture_stream(self) -> Any | None:
        """The first stream of moving pictures; a cover is none."""
        found = filter(_decodable, self.container.streams.video)
        return next((s for s in found if not s.disposition & Disposition.attached_pic), None)

    def check(self) -> None:
        """Raises ``Refused`` when the time for this object is over."""
        if time.monotonic() > self._deadline:
            raise too_late(self.bounds.work)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return max(0, self.container.size)

    def seek(self, start: float) -> None:
        """To the last place before ``start`` from which can be decoded. A file that cannot be
        sought in is read from its beginning."""
        with suppress(FFmpegError):
            self.container.seek(int((start + self.origin) * av.time_base), backward=True)

    def frames(self, stream: Any) -> Iterator[tuple[float, Any]]:
        """(time, frame) of one stream in order. Raises ``Refused``."""
        damaged, last = 0, 0.0
        packets = self.container.demux(stream)
        while True:
            self.check()
            try:
                packet = next(packets, None)
                frames = packet.decode() if packet is not None else []
            except FFmpegError as error:
                self.check()  # a read past the deadline looks like damage
                damaged += 1
                if isinstance(error, EOFError) or damaged > MOST_DAMAGED:
                    return
                continue
            if packet is None:
                return
            for frame in frames:
                damaged = 0
                if frame.time is not None:
                    last = frame.time - self.origin
                if last > self.bounds.duration:
                    raise too_long(last, self.bounds.duration)
                yield last, frame

    def sound(self, start: float = 0.0) -> Iterator[Sound]:
        """The first sound track as mono at 16 kHz, in pieces; where it pauses or begins late, there
        is silence, so that a sample's place is its time after ``start``."""
        stream = self.sound_stream()
        if stream is None:
            return
        if start > 0:
            self.seek(start)
        resampler, shape, made = None, None, 0
        for at, frame in self.frames(stream):
            if at + frame.samples / max(1, frame.sample_rate) <= start:
                continue
            place = round((at - start) * RATE)
            for size in _gap(place - made):
                made += size
                yield np.zeros(size, np.float32)
            now = (frame.format.name, frame.layout.name, frame.sample_rate)
            if resampler is None or now != shape:
                resampler, shape = av.AudioResampler("flt", "mono", RATE), now
            for each in resampler.resample(frame):
                samples = each.to_ndarray()[0]
                made += len(samples)
                yield np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)


@contextmanager
def open_media(
    source: Source, formats: Mapping[str, str], bounds: Bounds
) -> Generator[Media, None, None]:
    """The source as media. Raises ``Refused``; so does what happens inside."""
    deadline = time.monotonic() + bounds.work
    av.logging.set_level(None)
    with source.open() as file:
        head = file.read(16)
        file.seek(0)
        if not head:
            raise _refused("the file is empty", None)
        form = "mpegvideo" if head.startswith(_ELEMENTARY) else formats.get(source.mime)
        if form is None:
            raise _refused(f"{source.mime} is no kind of recording that is read", None)
        try:
            with av.open(
                _Guarded(file, deadline),
                "r",
                format=form,
                options={"protocol_whitelist": "none", "max_streams": str(MOST_STREAMS)},
                metadata_errors="replace",
                io_open=_no_other_file,
            ) as container:
                media = Media(container, bounds, deadline)
                if media.duration is not None and media.duration > bounds.duration:
                    raise too_long(media.duration, bounds.duration)
                yield media
        except FFmpegError as error:
            raise _refused(f"the recording cannot be read: {error.strerror}", HINT_CUT) from error
        except _Late:
            raise too_late(bounds.work) from None
        except _Elsewhere as error:
            raise _refused(f"the recording cannot be read: {error}", HINT_CUT) from error


def too_late(seconds: float) -> Refused:
    return Refused(
        Failed(
            Category.LIMITS,
            f"it was not done after {seconds:,g} seconds",
            "raise the parameter max_seconds",
            stage="decode",
        )
    )


def too_long(seconds: float, limit: float) -> Refused:
    return Refused(
        Failed(
            Category.LIMITS,
            f"the recording has {seconds / 60:,.0f} minutes, more than {limit / 60:,.0f}",
            "cut it, or raise the parameter max_minutes",
            stage="decode",
        )
    )


def nothing_inside(what: str) -> Refused:
    return _refused(f"there is no {what} in it that can be decoded", HINT_CUT)


class _Late(Exception):
    """The deadline passed while FFmpeg was reading."""


class _Elsewhere(Exception):
    """A format asked for another file."""


class _Guarded:
    """What FFmpeg reads: the file, until the deadline."""

    def __init__(self, file: BinaryIO, deadline: float) -> None:
        self._file = file
        self._deadline = deadline

    def read(self, size: int) -> bytes:
        if time.monotonic() > self._deadline:
            raise _Late
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True


def _no_other_file(url: str, flags: int, options: Any) -> Any:
    del flags, options
    raise _Elsewhere(f"it refers to another file ({url[:80]!r}), which is not opened")


def _decodable(stream: Any) -> bool:
    return getattr(stream, "codec_context", None) is not None


def _gap(missing: int) -> Iterator[int]:
    """A gap in pieces; one too short to hear, or an overlap, is none."""
    if missing < LEAST_GAP:
        return
    for _ in range(missing // PIECE):
        yield PIECE
    if missing % PIECE:
        yield missing % PIECE


def _refused(message: str, hint: str | None) -> Refused:
    return Refused(Failed(Category.FORMAT, message, hint, stage="decode"))
