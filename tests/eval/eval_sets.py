"""One measurement a kind: the extractors as they are shipped, or with models that are named, on
material whose truth is known.

Recall is that of meaning alone: the vectors that an ingest writes, against the vector that a search
makes of the question, by cosine. Words and names of files, which a hybrid search uses too, play no
part, so that what is judged is the model and the way it is fed.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from eval_metrics import character_error_rate, first_place, word_error_rate, words
from eval_table import Errors, Recall
from eval_truth import PAGES, PRINTED, SPOKEN, SPOKEN_QUESTIONS, TEXT_QUESTIONS
from fpdf import FPDF
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

sys.path.insert(0, str(Path(__file__).parents[1] / "extractors"))
from extractor_files import PHOTOS, File, documents, encoded
from media_files import film, recording, speech

from extractors.audio import AudioExtractor
from extractors.document import DocumentExtractor
from extractors.image import ImageExtractor
from extractors.models.build.photographs import pictures
from extractors.models.evaluate import QUERIES
from extractors.ocr import OcrExtractor
from extractors.text import TextExtractor
from extractors.video import VideoExtractor
from workbench.extraction.contract import Document, Extractor, Query
from workbench.extraction.registry import parse_parameters

DESCRIPTIONS = Path(sklearn.__file__).parent / "datasets" / "descr"
Right = Callable[[Document], bool]


@dataclass(frozen=True)
class Models:
    """The models to judge; None is the packaged one."""

    text_model: str | None = None
    picture_model: str | None = None
    speech_model: str | None = None

    @property
    def named(self) -> list[str]:
        return [name for name in asdict(self).values() if name]

    def opened(self, kind: type[Extractor], **more: Any) -> Extractor:
        """The extractor with those of the models that it uses."""
        known = kind.spec.parameters.model_fields
        chosen = {name: value for name, value in asdict(self).items() if value and name in known}
        extractor = kind(parse_parameters(kind.spec, {**chosen, **more}))
        extractor.load()
        return extractor


def by_text(extractor: Extractor) -> str:
    """The output in which texts find what is seen."""
    return next(output.name for output in extractor.outputs if "text" in output.queries)


def places(
    extractor: Extractor, pool: Sequence[Document], questions: Sequence[tuple[Query, str, Right]]
) -> list[int | None]:
    """Where the first right document comes, for each question."""
    found: list[int | None] = []
    for query, output, right in questions:
        asked = extractor.encode(query, output)
        scores = [float(d.vectors[output] @ asked) if output in d.vectors else -1.0 for d in pool]
        found.append(first_place(scores, [right(d) for d in pool]))
    return found


def text_pool(extractor: Extractor) -> list[tuple[str, Document]]:
    """All passages of scikit-learn's descriptions, each with its file."""
    return [
        (path.name, document)
        for path in sorted(DESCRIPTIONS.glob("*.rst"))
        for document in documents(extractor, File(path.name, path.read_bytes(), "text/x-rst"))
    ]


def texts(models: Models) -> list[Recall]:
    extractor = models.opened(TextExtractor)
    pool = text_pool(extractor)
    names = {id(document): name for name, document in pool}

    def question(text: str, file: str, phrase: str) -> tuple[Query, str, Right]:
        def right(d: Document) -> bool:
            return names[id(d)] == file and phrase.lower() in _plain(d.text)

        assert any(right(d) for _, d in pool), (file, phrase)
        return Query("text", text=text), "semantic", right

    asked = [question(text, *truth) for text, truth in TEXT_QUESTIONS.items()]
    only = [document for _, document in pool]
    what = "text passages", "descriptions of data sets in scikit-learn"
    return [Recall(*what, len(only), places(extractor, only, asked))]


def pages(models: Models) -> list[Recall]:
    extractor = models.opened(DocumentExtractor)
    made = FPDF()
    made.set_font("helvetica", size=12)
    for title, text, _ in PAGES:
        made.add_page()
        made.multi_cell(0, 7, f"{title}\n{text}")
    pool = documents(extractor, File("a.pdf", bytes(made.output()), "application/pdf"))
    asked = [
        (Query("text", text=question), "semantic", lambda d, page=page: d.page == page)
        for page, (_, _, question) in enumerate(PAGES, 1)
    ]
    what = "pages", "a PDF made here, a subject a page"
    return [Recall(*what, len(pool), places(extractor, pool, asked))]


def seen_pictures(models: Models) -> list[Recall]:
    extractor = models.opened(ImageExtractor)
    pool: list[Document] = []
    names: list[str] = []
    for path in pictures():
        pool += documents(extractor, File("x", path.read_bytes(), "image/*"))
        names.append(path.stem)
    number = {id(document): name for document, name in zip(pool, names, strict=True)}
    asked = [
        (Query("text", text=text), by_text(extractor), lambda d, name=name: number[id(d)] == name)
        for name, texts in QUERIES.items()
        for text in texts
    ]
    what = "pictures, by text", "photographs of scikit-image and scikit-learn"
    return [Recall(*what, len(pool), places(extractor, pool, asked))]


def heard(models: Models) -> list[Recall]:
    extractor = models.opened(AudioExtractor, chunk_seconds=5)
    said = [
        document
        for name in SPOKEN
        for document in documents(extractor, File(name, recording(speech(name)), "audio/wav"))
    ]
    pool = [*said, *(document for _, document in text_pool(models.opened(TextExtractor)))]
    ours = {id(document) for document in said}
    asked = [
        (
            Query("text", text=question),
            "semantic",
            lambda d, phrase=phrase: id(d) in ours and phrase in _plain(d.text),
        )
        for question, phrase in SPOKEN_QUESTIONS.items()
    ]
    what = "spoken words", "two readings of moonshine-voice, in utterances of 5 s, among the texts"
    return [Recall(*what, len(pool), places(extractor, pool, asked))]


def frames(models: Models) -> list[Recall]:
    """A film of the photographs, each for two seconds, cut out and slowly moved."""
    extractor = models.opened(VideoExtractor)
    shown = pictures()
    begins: dict[str, float] = {}
    parts: list[tuple[np.ndarray, float]] = []
    for number, path in enumerate(shown):
        begins[path.stem] = 2.0 * number
        with Image.open(path) as opened:
            wide = ImageOps.fit(opened.convert("RGB"), (352, 264))
        for step in range(10):
            parts.append((np.asarray(wide.crop((step, step, 320 + step, 240 + step))), 0.2))
    pool = documents(extractor, File("x.mp4", film(parts, rate=5), "video/mp4"))

    def shows(name: str) -> Right:
        middle = 1000 * (begins[name] + 1)
        return lambda d: (d.start_ms or 0) <= middle < (d.end_ms or 0)

    told = [
        (Query("text", text=text), by_text(extractor), shows(name))
        for name, texts in QUERIES.items()
        for text in texts
    ]
    by_picture = [
        (Query("image", data=_altered(path)), "visual", shows(path.stem)) for path in shown
    ]
    material = "a film of those photographs, 2 s each, moving"
    return [
        Recall("video frames, by text", material, len(pool), places(extractor, pool, told)),
        Recall(
            "video frames, by a picture",
            f"{material}; asked with a mirrored part of each",
            len(pool),
            places(extractor, pool, by_picture),
        ),
    ]


def _altered(path: Path) -> bytes:
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    width, height = picture.size
    part = picture.crop((width // 8, height // 8, width * 7 // 8, height * 7 // 8))
    return encoded(ImageOps.mirror(part), "JPEG", quality=60)


# ---- transcription and OCR ----------------------------------------------------------------------


def transcription(models: Models) -> list[Errors]:
    extractor = models.opened(AudioExtractor)
    dice = np.random.default_rng(1)

    def rate(label: str, noise: float) -> Errors:
        said, true = [], []
        for name, text in SPOKEN.items():
            sound = speech(name)
            loud = float(np.sqrt((sound**2).mean()))
            mixed = sound + dice.normal(0, noise * loud, len(sound)).astype(np.float32)
            found = documents(extractor, File(name, recording(mixed), "audio/wav"))
            said.append(" ".join(d.text or "" for d in found))
            true.append(text)
        joined = " ".join(true)
        return Errors(
            "words of speech", label, len(words(joined)), word_error_rate(" ".join(said), joined)
        )

    return [
        rate("two readings of moonshine-voice", 0.0),
        rate("the same under white noise, 10 dB below", 10 ** (-10 / 20)),
    ]


def ocr(models: Models) -> list[Errors]:
    extractor = models.opened(OcrExtractor, every=True)

    def rate(label: str, shown: Sequence[tuple[Image.Image, str]]) -> Errors:
        read, true = [], []
        for picture, text in shown:
            found = documents(extractor, File("x.png", encoded(picture, "PNG"), "image/png"))
            read.append("\n".join(d.text or "" for d in found))
            true.append(text)
        joined = "\n".join(true)
        return Errors(
            "characters by OCR",
            label,
            len(" ".join(joined.split())),
            character_error_rate("\n".join(read), joined),
        )

    lines = [(title, text) for title, text, _ in PAGES]
    sheets = [lines[at : at + 8] for at in range(0, len(lines), 8)]
    clean = [_sheet(sheet, size) for sheet, size in zip(sheets, (20, 28, 36), strict=True)]
    with Image.open(PHOTOS / "page.png") as opened:
        page = opened.convert("RGB")
    return [
        rate("three pages made here, letters of 20, 28 and 36 pixels", clean),
        rate("the same, turned by a degree, blurred, as JPEG", [_worn(*each) for each in clean]),
        rate("a photographed page of scikit-image, 384 pixels wide", [(page, PRINTED)]),
    ]


def _sheet(lines: Sequence[tuple[str, str]], size: int) -> tuple[Image.Image, str]:
    picture = Image.new("RGB", (1700, 130 * len(lines) + 80), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size)
    written: list[str] = []
    for number, (title, text) in enumerate(lines):
        for row, line in enumerate((title, text)):
            draw.text((60, 40 + 130 * number + 45 * row), line, fill="black", font=font)
            written.append(line)
    return picture, "\n".join(written)


def _worn(picture: Image.Image, text: str) -> tuple[Image.Image, str]:
    turned = picture.rotate(1, Image.Resampling.BICUBIC, fillcolor="white")
    grey = ImageOps.colorize(turned.convert("L"), "#404040", "#d8d4c8")
    file = io.BytesIO()
    grey.filter(ImageFilter.GaussianBlur(1)).save(file, "JPEG", quality=50)
    return Image.open(file).convert("RGB"), text


def _plain(text: str | None) -> str:
    return " ".join((text or "").lower().split())
