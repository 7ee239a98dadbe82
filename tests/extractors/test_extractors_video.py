"""What the video extractor promises: scenes where they are cut, words where they are said."""

from __future__ import annotations

import io
import random
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
import pytest
from extractor_files import CHINA, File, documents, encoded, photo
from media_files import film, silence, speech, tone
from PIL import Image

from extractors.frames import Eye
from extractors.scenes import HEIGHT, MOST_PASSED, WIDTH, Scenes, cut
from extractors.video import VideoExtractor, VideoParameters
from workbench.extraction.contract import Document, Part, Query

SIDES = (320, 180)
Pixels = npt.NDArray[np.uint8]


def still(name: str) -> Pixels:
    picture = Image.open(CHINA).convert("RGB") if name == "china" else photo(name)
    return np.asarray(picture.resize(SIDES))


def scenes_of(found: tuple[Document, ...]) -> list[tuple[int | None, int | None]]:
    return [(d.start_ms, d.end_ms) for d in found if d.payload["track"] == "picture"]


THREE = (("chelsea.png", 2.0), ("rocket.jpg", 3.0), ("china", 2.0))


@pytest.mark.parametrize(
    ("container", "codec", "mime"),
    [
        ("mp4", "libx264", "video/mp4"),
        ("mov", "mpeg4", "video/quicktime"),
        ("webm", "libvpx", "video/webm"),
        ("matroska", "libx264", "video/x-matroska"),
        ("mpegts", "mpeg2video", "video/mp2t"),
        ("avi", "mpeg4", "video/x-msvideo"),
    ],
)
def test_scenes_begin_at_the_frames_of_the_cuts(
    films: VideoExtractor, container: str, codec: str, mime: str
) -> None:
    pictures = [(still(name), seconds) for name, seconds in THREE]
    data = film(pictures, container=container, codec=codec)
    found = documents(films, File(f"film.{container}", data, mime))
    starts = [start for start, _ in scenes_of(found)]
    assert len(starts) == 3
    for start, true in zip(starts, (0, 2000, 5000), strict=True):
        assert start is not None
        assert abs(start - true) <= 80


def test_a_scene_says_what_it_shows_and_how_it_looks(films: VideoExtractor) -> None:
    data = film([(still(name), seconds) for name, seconds in THREE])
    found = documents(films, File("trip.mp4", data, "video/mp4"))
    assert any("cat" in label for label in found[0].labels)
    assert found[0].text is not None
    assert found[0].text.startswith("trip · ")
    assert found[0].payload["width"] == 320
    example = encoded(photo("rocket.jpg"), "JPEG")
    query = films.encode(Query("image", data=example), "visual")
    near = [float(d.vectors["visual"] @ query) for d in found]
    assert near.index(max(near)) == 1
    text = films.encode(Query("text", text="a cat"), "semantic")
    near = [float(d.vectors["semantic"] @ text) for d in found]
    assert near.index(max(near)) == 0


def test_pictures_and_speech_are_on_one_timeline(films: VideoExtractor) -> None:
    sound = np.concatenate([silence(6), speech("beckett"), silence(1)])
    pictures = [(still("chelsea.png"), 5.0), (still("rocket.jpg"), 12.0)]
    for container, mime in (("mp4", "video/mp4"), ("webm", "video/webm")):
        codec = "libvpx" if container == "webm" else "libx264"
        data = film(pictures, sound, container=container, codec=codec, rate=10)
        found = documents(films, File("film", data, mime))
        starts = [d.start_ms or 0 for d in found]
        assert starts == sorted(starts)
        spoken = [d for d in found if d.payload["track"] == "sound"]
        assert "try again" in (spoken[0].text or "").lower()
        assert abs((spoken[0].start_ms or 0) - 6100) <= 500
        assert abs((scenes_of(found)[1][0] or 0) - 5000) <= 100
        assert found[0].payload["duration_ms"] >= 16_900


def test_sound_that_begins_late_keeps_its_place(films: VideoExtractor) -> None:
    """The packets of the sound track begin at two seconds; nothing is there before."""
    data = shifted(film([(still("china"), 13.0)], speech("beckett"), rate=10), 2.0)
    found = documents(films, File("late.mkv", data, "video/x-matroska"))
    spoken = [d for d in found if d.payload["track"] == "sound"]
    assert abs((spoken[0].start_ms or 0) - 2100) <= 500


def shifted(data: bytes, seconds: float) -> bytes:
    """The same film with its sound later."""
    out = io.BytesIO()
    with av.open(io.BytesIO(data)) as given, av.open(out, "w", format="matroska") as made:
        streams = {s.index: made.add_stream_from_template(s) for s in given.streams}
        for packet in given.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "audio":
                packet.pts += round(seconds / packet.time_base)
                packet.dts += round(seconds / packet.time_base)
            packet.stream = streams[packet.stream.index]
            made.mux(packet)
    return out.getvalue()


def test_variable_frame_rate(films: VideoExtractor) -> None:
    """Two frames a second, then twenty, then one that stands for three seconds."""
    pictures = [still(name) for name, _ in THREE]
    times = [n / 2 for n in range(8)] + [4 + n / 20 for n in range(60)] + [7.0, 10.0]
    chosen = [pictures[0]] * 8 + [pictures[1]] * 60 + [pictures[2]] * 2
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as made:
        stream = made.add_stream("libx264", rate=1000)
        stream.width, stream.height, stream.pix_fmt = *SIDES, "yuv420p"
        for at, picture in zip(times, chosen, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(at * 1000), Fraction(1, 1000)
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))
    found = documents(films, File("v.mkv", out.getvalue(), "video/x-matroska"))
    assert [start for start, _ in scenes_of(found)] == [0, 4000, 7000]


def test_rotated_films_are_seen_upright(films: VideoExtractor) -> None:
    """A phone's film: the pixels lie on their side and the file says how to turn them."""
    cat = still("chelsea.png")
    plain = film([(cat, 2.0)])
    turned = rotated(film([(np.ascontiguousarray(np.rot90(cat, 1)), 2.0)]))
    (one,) = documents(films, File("a.mp4", plain, "video/mp4"))
    (other,) = documents(films, File("b.mp4", turned, "video/mp4"))
    assert (other.payload["width"], other.payload["height"]) == SIDES
    assert float(one.vectors["visual"] @ other.vectors["visual"]) > 0.97


def rotated(data: bytes) -> bytes:
    """The matrix of the track, as a phone writes it: turn by 90 degrees clockwise."""
    unit = (0x00010000).to_bytes(4, "big", signed=True)
    nothing, back = bytes(4), (-0x00010000).to_bytes(4, "big", signed=True)
    last = (0x40000000).to_bytes(4, "big")
    plain = unit + nothing * 3 + unit + nothing * 3 + last
    turn = nothing + unit + nothing + back + nothing * 4 + last
    at = data.index(plain, data.index(b"tkhd"))
    return data[:at] + turn + data[at + len(turn) :]


def test_missing_tracks(films: VideoExtractor) -> None:
    data = film([(still("china"), 1.0)])
    assert len(documents(films, File("silent.mp4", data, "video/mp4"))) == 1
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as made:
        stream = made.add_stream("aac", rate=16_000)
        stream.layout = "mono"
        samples = (speech("beckett") * 32767).astype(np.int16)
        for at in range(0, len(samples), 1024):
            frame = av.AudioFrame.from_ndarray(samples[None, at : at + 1024], "s16", "mono")
            frame.sample_rate, frame.pts = 16_000, at
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))
    found = documents(films, File("voice.mp4", out.getvalue(), "video/mp4"))
    assert {d.payload["track"] for d in found} == {"sound"}
    assert "ever tried" in (found[0].text or "").lower()


def test_a_live_recording_is_as_long_as_its_scenes(films: VideoExtractor) -> None:
    out = io.BytesIO()
    with av.open(out, "w", format="webm", options={"live": "1"}) as made:
        stream = made.add_stream("libvpx", rate=10)
        stream.width, stream.height, stream.pix_fmt = *SIDES, "yuv420p"
        for number in range(30):
            frame = av.VideoFrame.from_ndarray(still("china"), "rgb24")
            frame.pts = number
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))
    (scene,) = documents(films, File("live.webm", out.getvalue(), "video/webm"))
    assert scene.payload["duration_ms"] == scene.end_ms
    assert 2500 <= (scene.end_ms or 0) <= 3100


def test_a_copy_of_a_film_has_its_own_name(films: VideoExtractor) -> None:
    data = film([(still("chelsea.png"), 1.0)])
    (scene,) = documents(films, File("red-barn.mp4", data, "video/mp4"))
    assert "barn" in (scene.text or "")
    again = films.retitle(scene.text, scene.labels, "blue-lake.mp4")
    assert again is not None
    assert "barn" not in again
    assert "lake" in again
    assert (
        films.retitle("ever tried, ever failed", (), "blue-lake.mp4") == "ever tried, ever failed"
    )


def test_the_packaged_speech_model_is_not_asked_for_other_languages() -> None:
    assert VideoParameters(language="en").language == "en"
    assert VideoParameters.model_validate({"language": "de", "speech_model": "base"})
    with pytest.raises(ValueError, match="hears English only"):
        VideoParameters(language="de")


def test_sound_can_be_left_out() -> None:
    extractor = VideoExtractor(VideoParameters(sound=False))
    extractor.load()
    data = film([(still("china"), 10.0)], speech("beckett"), rate=5)
    found = documents(extractor, File("a.mp4", data, "video/mp4"))
    assert {d.payload["track"] for d in found} == {"picture"}


# ---- where scenes are cut ----------------------------------------------------------------------


def cuts(frames: list[Pixels], rate: int = 25, longest: float = 60, most: int = 100) -> list[float]:
    times = ((number / rate, number) for number in range(len(frames)))
    found = list(cut(times, lambda number: frames[number], lambda number: number, longest, most))
    assert [s.end for s in found[:-1]] == [s.start for s in found[1:]]
    assert all(s.start <= s.key_at <= s.end for s in found)
    return [round(s.start, 2) for s in found[1:]]


def small(name: str) -> Pixels:
    return np.asarray(Image.fromarray(still(name)).resize((WIDTH, HEIGHT)))


@pytest.mark.parametrize("rate", [12, 24, 25, 30, 50, 60, 120])
@pytest.mark.parametrize("before", range(80, 86))
def test_a_cut_is_found_at_its_frame_though_some_are_passed_over(rate: int, before: int) -> None:
    looked: list[int] = []

    def look(number: int) -> Pixels:
        looked.append(number)
        return small("chelsea.png" if number < before else "rocket.jpg")

    times = ((number / rate, number) for number in range(200))
    first, second = cut(times, look, lambda number: number, 60, 10)
    assert (first.end, second.start) == (before / rate, before / rate)
    assert second.end == 199 / rate
    assert rate < 20 or len(looked) < 110


def test_frames_that_all_have_one_time_are_not_kept() -> None:
    looked: list[int] = []

    def look(number: int) -> Pixels:
        looked.append(number)
        return small("china")

    assert len(list(cut(((0.0, n) for n in range(100)), look, lambda n: n, 60, 10))) == 1
    assert len(looked) >= 100 // (MOST_PASSED + 1)


def test_noise_and_motion_are_no_cuts() -> None:
    dice = np.random.default_rng(1)
    wide = np.asarray(Image.fromarray(still("china")).resize((WIDTH * 4, HEIGHT)))
    noisy = [
        np.clip(small("china") + dice.normal(0, 4, (HEIGHT, WIDTH, 3)), 0, 255).astype(np.uint8)
        for _ in range(100)
    ]
    pan = [wide[:, n // 2 : n // 2 + WIDTH] for n in range(150)]
    assert cuts(noisy) == []
    assert cuts([np.ascontiguousarray(f) for f in pan]) == []


def test_a_flash_is_no_scene() -> None:
    frames = [small("china")] * 30 + [np.full((HEIGHT, WIDTH, 3), 255, np.uint8)] * 2
    assert cuts(frames + [small("china")] * 30) == []


def test_slides_that_share_their_frame_are_told_apart() -> None:
    page = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    first, second = page.copy(), page.copy()
    first[3:8, 4:20] = 40
    second[9:15, 8:28] = 90
    assert cuts([first] * 50 + [second] * 50) == [2.0]


def test_a_dissolve_is_seen_once() -> None:
    one, two = small("chelsea.png").astype(float), small("rocket.jpg").astype(float)
    between = [one + (two - one) * n / 50 for n in range(1, 50)]
    frames = [one] * 50 + between + [two] * 75
    (found,) = cuts([f.astype(np.uint8) for f in frames])
    assert 2.0 <= found <= 4.0


def test_a_slow_pan_is_one_scene() -> None:
    """It differs by more than a dissolve from its beginning, and moves little at a time."""
    wide = photo("astronaut.png").resize((1430, 870))
    pan = [
        np.asarray(wide.resize((WIDTH, HEIGHT), Image.Resampling.BOX, (n, n, n + 1280, n + 720)))
        for n in range(150)
    ]
    assert max(float(np.abs(frame.astype(int) - pan[0]).mean()) for frame in pan) > 25
    assert cuts(pan) == []


def test_a_large_frame_is_compared_by_points_of_it() -> None:
    """The mean of few points is close to that of all, whatever the size."""
    picture = np.asarray(Image.fromarray(still("rocket.jpg")).resize((1280, 720)))
    frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p")
    exact = np.asarray(Image.fromarray(picture).resize((WIDTH, HEIGHT), Image.Resampling.BOX))
    found = Eye().small(frame)
    assert found.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(found.astype(int) - exact).mean() < 4


def test_long_scenes_are_divided_and_their_number_is_bounded() -> None:
    frames = [small("china")] * 250
    assert cuts(frames, longest=3) == pytest.approx([3, 6, 9], abs=0.15)  # a frame later each
    dice = random.Random(2)
    wild = [np.full((HEIGHT, WIDTH, 3), dice.randrange(256), np.uint8) for _ in range(40)]
    assert len(cuts([f for f in wild for _ in range(20)], most=5)) == 4


def test_the_key_frame_is_not_the_black_one() -> None:
    black = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    scenes = Scenes[int](60, 10)
    for number, frame in enumerate([black] * 5 + [small("china")] * 60):
        assert not list(scenes.feed(number / 25, frame, lambda number=number: number))
    last = list(scenes.end())[-1]
    assert last.key >= 5


# ---- posters -----------------------------------------------------------------------------------


def test_posters_show_the_film_and_its_parts() -> None:
    source = File("a.mp4", film([(still(n), s) for n, s in THREE], tone(7)), "video/mp4")
    for part, name in ((Part(), "chelsea.png"), (Part(None, 2000, 5000), "rocket.jpg")):
        data = VideoExtractor.preview(source, part, 160)
        assert data is not None
        shown = Image.open(io.BytesIO(data))
        assert shown.size == (160, 90)
        true = np.asarray(Image.fromarray(still(name)).resize((160, 90)), np.int16)
        assert np.abs(np.asarray(shown.convert("RGB"), np.int16) - true).mean() < 12
