"""Recordings and films that are broken or made to harm: each ends in time, as documents or as a
failure that says why; nothing but the given bytes is read."""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from extractor_files import File, answers, documents, failure
from media_files import KINDS, film, recording, silence, speech, tone

from extractors.audio import AudioExtractor, AudioParameters
from extractors.refused import Refused
from extractors.streams import VIDEO, Bounds, open_media
from extractors.video import VideoExtractor, VideoParameters
from workbench.domain.states import Category
from workbench.extraction.contract import Extractor

SHARES = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99)
SOON = 60.0
RED = np.full((90, 160, 3), (250, 20, 20), np.uint8)
CONTAINERS = {
    "mp4": ("libx264", "video/mp4"),
    "mov": ("mpeg4", "video/quicktime"),
    "webm": ("libvpx", "video/webm"),
    "matroska": ("libx264", "video/x-matroska"),
    "avi": ("mpeg4", "video/x-msvideo"),
    "mpegts": ("mpeg2video", "video/mp2t"),
}


def end(extractor: Extractor, files: list[File]) -> list[str]:
    """How each of them ended; none may be without an answer or late."""
    begun = time.monotonic()
    ends: list[str] = []
    for answer in answers(extractor, files):
        assert (answer.failure is None) == bool(answer.documents)
        if answer.failure is not None:
            assert answer.failure.category in (Category.FORMAT, Category.LIMITS)
            assert answer.failure.message
        ends.append("documents" if answer.failure is None else answer.failure.message)
    assert time.monotonic() - begun < SOON
    return ends


@pytest.mark.parametrize("kind", KINDS)
def test_cut_and_changed_recordings(sounds: AudioExtractor, kind: str) -> None:
    whole = recording(tone(3), kind)
    dice = random.Random(kind)
    files = [File(f"cut{s}", whole[: int(s * len(whole))], KINDS[kind][2]) for s in SHARES]
    for turn in range(8):
        data = bytearray(whole)
        for _ in range(dice.choice((1, 20, 300))):
            data[dice.randrange(len(data))] = dice.randrange(256)
        files.append(File(f"changed{turn}", bytes(data), KINDS[kind][2]))
    assert len(end(sounds, files)) == 14


@pytest.mark.parametrize("container", CONTAINERS)
def test_cut_and_changed_films(films: VideoExtractor, container: str) -> None:
    codec, mime = CONTAINERS[container]
    whole = film([(RED, 1.5)], tone(1.5), container=container, codec=codec, rate=10)
    dice = random.Random(container)
    files = [File(f"cut{s}", whole[: int(s * len(whole))], mime) for s in SHARES]
    for turn in range(8):
        data = bytearray(whole)
        for _ in range(dice.choice((1, 20, 300))):
            data[dice.randrange(len(data))] = dice.randrange(256)
        files.append(File(f"changed{turn}", bytes(data), mime))
    assert len(end(films, files)) == 14


def test_wrong_types_and_empty_files(sounds: AudioExtractor, films: VideoExtractor) -> None:
    noise = random.Random(3).randbytes(40_000)
    contents = [b"\x00", b"hello " * 1000, noise, recording(tone(1), "wav")]
    for extractor in (sounds, films):
        accepted = extractor.spec.accepts
        end(extractor, [File(m, data, m) for m in accepted for data in contents])
        for mime in accepted:
            reason = failure(extractor, File("empty", b"", mime))
            assert (reason.category, reason.message) == (Category.FORMAT, "the file is empty")


@pytest.fixture
def bait(tmp_path: Path) -> Iterator[tuple[Path, str, list[str]]]:
    """A film on the disk, an address that serves, and who came there."""
    place = tmp_path / "secret.mp4"
    place.write_bytes(film([(RED, 1.0)], rate=10))
    visits: list[str] = []
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.2)
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                connection, _ = server.accept()
            except TimeoutError:
                continue
            visits.append("came")
            connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    yield place, f"http://127.0.0.1:{server.getsockname()[1]}/film.mp4", visits
    over.set()
    thread.join()
    server.close()


def test_playlists_that_point_elsewhere_are_never_followed(
    sounds: AudioExtractor, films: VideoExtractor, bait: tuple[Path, str, list[str]]
) -> None:
    place, address, visits = bait
    lists: list[str] = []
    for target in (str(place), f"file:{place}", address, f"concat:{place}|{place}"):
        lists += [
            f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n",
            f"ffconcat version 1.0\nfile '{target}'\n",
            f"[playlist]\nFile1={target}\n",
            f'<?xml version="1.0"?><MPD><Period><AdaptationSet><BaseURL>{target}</BaseURL>'
            "</AdaptationSet></Period></MPD>",
            f"v=0\nm=video 5004 RTP/AVP 96\nc=IN IP4 {target}\n",
        ]
    opened = os.stat(place).st_atime_ns
    for extractor in (sounds, films):
        mimes = extractor.spec.accepts
        files = [File(m, text.encode(), m) for m in mimes for text in lists]
        assert "documents" not in end(extractor, files)
    assert visits == []
    assert os.stat(place).st_atime_ns == opened


def test_limits_are_parameters_and_say_so(sounds: AudioExtractor) -> None:
    short = AudioExtractor(AudioParameters(max_minutes=0.05))
    short.load()
    long = failure(short, File("a.wav", recording(silence(9)), "audio/wav"))
    assert long.category is Category.LIMITS
    assert "max_minutes" in (long.hint or "")
    narrow = VideoExtractor(VideoParameters(max_pixels=10_000))
    narrow.load()
    wide = failure(narrow, File("a.mp4", film([(RED, 1.0)], rate=5), "video/mp4"))
    assert wide.message == "the film has 160 x 90 pixels, more than 10,000"
    hasty = AudioExtractor(AudioParameters(max_seconds=0.001))
    hasty.load()
    late = failure(hasty, File("a.wav", recording(speech("beckett")), "audio/wav"))
    assert (late.category, late.hint) == (Category.LIMITS, "raise the parameter max_seconds")


def test_a_header_that_promises_hours_costs_nothing(films: VideoExtractor) -> None:
    """The length in an AVI's header is one field, and the content does not follow it."""
    data = bytearray(film([(RED, 1.0)], container="avi", codec="mpeg4", rate=10))
    at = data.index(b"avih") + 8
    data[at + 16 : at + 20] = (2**31 - 1).to_bytes(4, "little")
    end(films, [File("a.avi", bytes(data), "video/x-msvideo")])


def test_a_reader_that_never_ends_is_ended() -> None:
    class Endless(File):
        def open(self):
            class Zeros:
                def read(self, size: int) -> bytes:
                    return b"\x00\x00\x01\xb3" + bytes(max(0, size - 4))

                def seek(self, offset: int, whence: int = 0) -> int:
                    return 0

                def tell(self) -> int:
                    return 0

                def __enter__(self):
                    return self

                def __exit__(self, *_: object) -> None:
                    pass

            return Zeros()

    def read() -> None:
        with open_media(Endless("a", b"", "video/mpeg"), VIDEO, Bounds(3600, 2)) as media:
            for _ in media.frames(media.picture_stream()):
                pass
            media.check()

    begun = time.monotonic()
    with pytest.raises(Refused):
        read()
    assert time.monotonic() - begun < 20


def test_bad_ones_do_not_harm_the_others(sounds: AudioExtractor) -> None:
    good = recording(speech("beckett"))
    files = [File(f"{n}", d, "audio/wav") for n, d in enumerate((good, b"", good[:30], good))]
    found = [answer.failure is None for answer in answers(sounds, files)]
    assert found == [True, False, False, True]
    assert "fail" in (documents(sounds, files[3])[0].text or "").lower()
