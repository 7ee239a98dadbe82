"""``make eval``: how good the packaged models are, on material that needs no network.

    python tests/eval/run_eval.py [--page docs/quality.md]

Prints the tables and writes them, with the date and what made them, into the page.
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
    page: Path = parser.parse_args().page
    begun = time.monotonic()
    recalls = [*timed(eval_sets.texts), *timed(eval_sets.pages), *timed(eval_sets.heard)]
    recalls += [*timed(eval_sets.seen_pictures), *timed(eval_sets.frames)]
    errors = [*timed(eval_sets.transcription), *timed(eval_sets.ocr)]
    models = ", ".join(dict.fromkeys((MINILM, *SPEECH, READING, *SIGHT)))
    packages = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    measured = (
        f"{table(recalls, errors)}\n\n"
        f"Measured on {datetime.now(UTC):%Y-%m-%d} with {models}; {packages}."
    )
    sys.stdout.write(f"{measured}\n\n{time.monotonic() - begun:.0f} s\n")
    page.write_text(renewed(page.read_text("utf-8"), measured), "utf-8")


def timed(measure: Callable[[], list[Row]]) -> list[Row]:
    begun = time.monotonic()
    found = measure()
    sys.stderr.write(f"{measure.__name__}: {time.monotonic() - begun:.1f} s\n")
    return found


if __name__ == "__main__":
    main()
