"""Recordings and films that tests make, with what is where in them known."""

from __future__ import annotations

import io
import wave
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import moonshine_voice
import numpy as np
import numpy.typing as npt

RATE = 16_000
ASSETS = Path(moonshine_voice.__file__).parent / "assets"
Sound = npt.NDArray[np.float32]
#: Container, codec and MIME type of recordings that every reader must take.
KINDS = {
    "wav": ("wav", "pcm_s16le", "audio/wav"),
    "mp3": ("mp3", "libmp3lame", "audio/mpeg"),
    "flac": ("flac", "flac", "audio/flac"),
    "ogg": ("ogg", "libopus", "audio/ogg"),
    "m4a": ("ipod", "aac", "audio/mp4"),
    "aac": ("adts", "aac", "audio/aac"),
    "weba": ("webm", "libopus", "audio/webm"),
    "mka": ("matroska", "flac", "audio/x-matroska"),
    "aiff": ("aiff", "pcm_s16be", "audio/aiff"),
    "mp2": ("mp2", "mp2", "audio/mpeg"),
    "caf": ("caf", "alac", "audio/x-caf"),
    "au": ("au", "pcm_s16be", "audio/basic"),
    "ac3": ("ac3", "ac3", "audio/ac3"),
    "eac3": ("eac3", "eac3", "audio/eac3"),
    "wv": ("wv", "wavpack", "audio/x-wavpack"),
    "tta": ("tta", "tta", "audio/x-tta"),
    "w64": ("w64", "pcm_s16le", "audio/x-w64"),
}
#: Codecs that do not know 16 kHz.
AT_48_KHZ = ("libopus", "ac3", "eac3")


def speech(name: str) -> Sound:
    """A recording of read text, mono at 16 kHz (``beckett``: "Ever tried. Ever failed. …")."""
    with wave.open(str(ASSETS / f"{name}.wav")) as file:
        data = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        step = file.getframerate() // RATE
    return data[::step].astype(np.float32) / 32768


def silence(seconds: float) -> Sound:
    return np.zeros(round(seconds * RATE), np.float32)


def tone(seconds: float, hertz: float = 440.0) -> Sound:
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def recording(sound: Sound, kind: str = "wav", **tags: str) -> bytes:
    container, codec, _ = KINDS[kind]
    out = io.BytesIO()
    with av.open(out, "w", format=container) as made:
        made.metadata.update(tags)
        stream = made.add_stream(codec, rate=48_000 if codec in AT_48_KHZ else RATE)
        stream.layout = "mono"
        _put_sound(made, stream, sound)
    return out.getvalue()


def film(
    pictures: Sequence[tuple[npt.NDArray[np.uint8], float]],
    sound: Sound | None = None,
    *,
    container: str = "mp4",
    codec: str = "libx264",
    rate: int = 25,
    **options: Any,
) -> bytes:
    """Each picture (RGB, even sides) for its seconds, under a sound track."""
    out = io.BytesIO()
    with av.open(out, "w", format=container) as made:
        stream = made.add_stream(codec, rate=rate)
        height, width = pictures[0][0].shape[:2]
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"g": "50"} | options.get("codec_options", {})
        track = None
        if sound is not None:
            track = made.add_stream("libopus" if container == "webm" else "aac", rate=48_000)
            track.layout = "mono"
        number = 0
        for picture, seconds in pictures:
            for _ in range(round(seconds * rate)):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, rate)
                number += 1
                made.mux(stream.encode(frame))
        made.mux(stream.encode(None))
        if track is not None and sound is not None:
            _put_sound(made, track, sound)
    return out.getvalue()


def _put_sound(made: Any, stream: Any, sound: Sound) -> None:
    samples = (np.clip(sound, -1, 1) * 32767).astype(np.int16)
    resampler = av.AudioResampler(stream.format, stream.layout, stream.rate)
    for at in range(0, len(samples), RATE):
        frame = av.AudioFrame.from_ndarray(samples[None, at : at + RATE], "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, at, Fraction(1, RATE)
        for each in resampler.resample(frame):
            made.mux(stream.encode(each))
    for each in resampler.resample(None):
        made.mux(stream.encode(each))
    made.mux(stream.encode(None))
