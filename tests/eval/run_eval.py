"""``make eval``: how good the packaged models are, on material that needs no network.

    python tests/eval/run_eval.py [--page docs/quality.md]
    python tests/eval/run_eval.py --text-model NAME --picture-model NAME --speech-model NAME

Prints the tables and writes them, with the date and what made them, into the page. Those of models
that are named are printed only.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import eval_sets
from eval_sets import Models
from eval_table import Errors, Recall, renewed, table

from extractors.minilm import RECIPE as MINILM
from extractors.reading import RECIPE as READING
from extractors.sight import RECIPES as SIGHT
from extractors.speech import RECIPES as SPEECH

Row = TypeVar("Row", Recall, Errors)
PAGE = Path(__file__).parents[2] / "docs" / "quality.md"
LIBRARIES = ("scikit-image", "scikit-learn", "moonshine-voice", "rapidocr", "faster-whisper")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--page", type=Path, default=PAGE)
    for kind in ("text", "picture", "speech"):
        parser.add_argument(f"--{kind}-model", metavar="NAME", help="see docs/models.md")
    args = parser.parse_args()
    page: Path = args.page
    chosen = Models(args.text_model, args.picture_model, args.speech_model)
    begun = time.monotonic()
    recalls = [
        row
        for measure in (
            *(eval_sets.texts, eval_sets.pages, eval_sets.heard),
            *(eval_sets.seen_pictures, eval_sets.frames),
        )
        for row in timed(measure, chosen)
    ]
    errors = [*timed(eval_sets.transcription, chosen), *timed(eval_sets.ocr, chosen)]
    models = ", ".join(dict.fromkeys((*chosen.named, MINILM, *SPEECH, READING, *SIGHT)))
    packages = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    measured = (
        f"{table(recalls, errors)}\n\n"
        f"Measured on {datetime.now(UTC):%Y-%m-%d} with {models}; {packages}."
    )
    sys.stdout.write(f"{measured}\n\n{time.monotonic() - begun:.0f} s\n")
    if chosen.named:
        return
    page.write_text(renewed(page.read_text("utf-8"), measured), "utf-8")


def timed(measure: Callable[[Models], list[Row]], models: Models) -> list[Row]:
    begun = time.monotonic()
    found = measure(models)
    sys.stderr.write(f"{measure.__name__}: {time.monotonic() - begun:.1f} s\n")
    return found


if __name__ == "__main__":
    main()
