"""The registry over classes of a real module that is written for each test."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.domain.errors import Code, WorkbenchError
from workbench.extraction.contract import Extractor, digest
from workbench.extraction.registry import (
    COMMON_FIELDS,
    Candidate,
    Registry,
    installed,
    outputs_for,
    parse_parameters,
    space_for,
)

HEADER = """
from pydantic import Field
from workbench.extraction.contract import *
from workbench.extraction.contract import Parameters as P


class Size(P):
    size: int = Field(default=8, ge=1, le=64, description="words in a piece")
    shape: str = "round"


def made(name="one", version=1, accepts=("text/plain",), outputs=None, fields={}, default=True,
         parameters=Size, models=()):
    if outputs is None:
        outputs = (Output("semantic", 4, "tiny-4", queries=frozenset({"text"})),)
    spec_ = ExtractorSpec(name, version, "words", tuple(accepts), parameters, outputs, fields,
                          default=default, models=models)

    class Made(Extractor):
        spec = spec_

        def load(self): ...
        def extract(self, sources):
            yield from ()

    return Made
"""

Build = Callable[..., Registry]
_numbers = itertools.count()


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """A registry over a module with the given code, its names as ``module:Class``."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(code: str, *names: str) -> Registry:
        module = f"mixpeek_test_extractors_{next(_numbers)}"
        (tmp_path / f"{module}.py").write_text(HEADER + textwrap.dedent(code))
        targets = [f"{module}:{name}" if ":" not in name else name for name in names]
        return Registry(Candidate(t.rpartition(":")[2], t, f"test: {t}") for t in targets)

    return write


def reasons(registry: Registry) -> str:
    return "\n".join(each.error for each in registry.broken())


def test_extractors_are_found_by_name_and_by_version(build: Build) -> None:
    registry = build(
        "A = made('text')\nB = made('text', 2)\nC = made('image', accepts=['image/*'])",
        "A",
        "B",
        "C",
    )
    assert [spec.key for spec in registry.specs()] == ["text@1", "text@2", "image@1"]
    assert registry.get("text@1").spec.version == 1
    assert registry.get("text").spec.version == 2
    assert registry.broken() == ()
    default = next(iter(registry.defaults_for("text/plain")), None)
    assert default is not None
    assert default.key == "text@2"
    png = next(iter(registry.defaults_for("image/png")), None)
    assert png is not None
    assert png.key == "image@1"
    assert registry.defaults_for("video/mp4") == ()


def test_an_unknown_extractor_is_answered_with_a_near_name(build: Build) -> None:
    registry = build("A = made('text')\nB = made('image', accepts=['image/*'])", "A", "B")
    with pytest.raises(WorkbenchError, match="no extractor 'txet'") as caught:
        registry.get("txet")
    assert caught.value.code is Code.NOT_FOUND
    assert caught.value.hint == "did you mean text?"
    with pytest.raises(WorkbenchError) as caught:
        registry.get("zzz")
    assert caught.value.hint == "extractors here: text@1, image@1"


def test_nothing_is_imported_before_it_is_asked_for(build: Build) -> None:
    registry = build("import sys\nsys.mixpeek_imported = True\nA = made()", "A")
    assert not hasattr(sys, "mixpeek_imported")
    registry.specs()
    assert sys.__dict__.pop("mixpeek_imported")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("X = made('Bad Name')", "the name 'Bad Name'"),
        ("X = made('x', 0, ['image/*'])", "version 0"),
        ("X = made('x', accepts=[])", "no MIME type"),
        ("X = made('x', accepts=['*/*'])", "'\\*/\\*'"),
        ("X = made('x', accepts=['pictures'])", "'pictures'"),
        ("X = made('x', 1, ['image/*'], (Output('bm25', 4, 'm'),))", "'bm25' is not allowed"),
        ("X = made('x', 1, ['image/*'], (Output('a b', 4, 'm'),))", "'a b' is not allowed"),
        ("X = made('x', 1, ['image/*'], (Output('a', 0, 'm'),))", "dimension of 0"),
        ("X = made('x', 1, ['image/*'], (Output('a', 4, ''),))", "names no model"),
        ("X = made('x', 1, ['image/*'], (Output('a', 4, 'm', 'cos'),))", "distance 'cos'"),
        ("X = made('x', 1, ['image/*'], (Output('a', 4, 'm'),) * 2)", "same name"),
        ("X = made('x', 1, ['image/*'], fields={'page': 'integer'})", "'page'"),
        ("X = made('x', 1, ['image/*'], fields={'size': 'number'})", "unknown type 'number'"),
        ("X = made('fine', accepts=['image/*'])", "fine@1 is already"),
        ("X = made('x', accepts=['audio/wav', 'text/plain'])", "x@1 and good@1 .* text/plain"),
        ("X = made('x', accepts=['text/*'])", "x@1 and good@1 .* text/plain; set default=False"),
        ("X = 3", "is no Extractor"),
        ("class X(Extractor): ...", "has no spec"),
        ("import sys\ndef __getattr__(name): sys.exit(3)", "SystemExit: 3"),
    ],
)
def test_what_breaks_the_contract_is_refused_alone(build: Build, code: str, reason: str) -> None:
    setup = "Good = made('good')\nFine = made('fine', accepts=['video/*'])\n"
    registry = build(setup + code, "Good", "Fine", "X")
    assert [spec.key for spec in registry.specs()] == ["good@1", "fine@1"]
    (broken,) = registry.broken()
    assert broken.origin.startswith("test: mixpeek_test_extractors_")
    assert re.search(reason, broken.error), broken.error


def test_a_broken_import_leaves_the_others_alone(build: Build) -> None:
    registry = build("A = made()", "no_such_module_here:Thing", "A", "nocolon:")
    assert [spec.key for spec in registry.specs()] == ["one@1"]
    assert "No module named 'no_such_module_here'" in reasons(registry)
    with pytest.raises(WorkbenchError, match="'Thing' cannot be used: ModuleNotFoundError"):
        registry.get("Thing")


def test_the_same_class_named_twice_is_one(build: Build) -> None:
    registry = build("A = made()", "A", "A")
    assert len(registry.specs()) == 1
    assert registry.broken() == ()


def test_default_false_may_overlap(build: Build) -> None:
    registry = build("A = made('text')\nB = made('ocr', default=False)", "A", "B")
    assert registry.broken() == ()
    default = next(iter(registry.defaults_for("text/plain")), None)
    assert default is not None
    assert default.name == "text"


def test_an_extractor_beside_the_default_runs_too(build: Build) -> None:
    code = """
    import dataclasses
    A = made('image', accepts=['image/*'])
    B = made('ocr', accepts=['image/png'])
    B.spec = dataclasses.replace(B.spec, beside=True)
    C = made('ocr', 2, accepts=['image/png'])
    C.spec = dataclasses.replace(C.spec, beside=True)
    """
    for order in (("A", "B", "C"), ("C", "B", "A")):
        registry = build(code, *order)
        assert registry.broken() == ()
        default = next(iter(registry.defaults_for("image/png")), None)
        assert default is not None
        assert default.key == "image@1"
        assert [s.key for s in registry.defaults_for("image/png")] == ["image@1", "ocr@2"]
        assert [s.key for s in registry.defaults_for("image/gif")] == ["image@1"]
        assert registry.defaults_for("text/plain") == ()


def test_parameters_are_checked_and_named(build: Build) -> None:
    registry = build("A = made('text')", "A")
    made = registry.create("text", {"size": "16"})
    assert isinstance(made, Extractor)
    assert made.parameters.model_dump() == {"size": 16, "shape": "round"}
    assert registry.create("text@1").parameters.model_dump()["size"] == 8

    with pytest.raises(WorkbenchError) as caught:
        registry.create("text", {"sise": 3})
    assert caught.value.code is Code.INVALID_PARAMETER
    assert caught.value.message == "text@1 has no parameter 'sise'"
    assert caught.value.hint == "did you mean size? its parameters: shape, size"
    assert caught.value.details["allowed"] == ["shape", "size"]

    with pytest.raises(WorkbenchError) as caught:
        registry.parameters("text", {"size": 1000})
    assert caught.value.details["parameter"] == "size"
    assert "less than or equal to 64, not 1000" in caught.value.message
    assert caught.value.hint == "size: words in a piece"

    with pytest.raises(WorkbenchError, match="not 'xxxx") as caught:
        registry.parameters("text", {"size": "x" * 10_000})
    assert len(caught.value.message) < 300


def test_an_extractor_without_parameters_says_so(build: Build) -> None:
    registry = build("A = made('text', parameters=P)", "A")
    with pytest.raises(WorkbenchError) as caught:
        registry.parameters("text", {"size": 3})
    assert caught.value.hint == "it has none"


def test_a_space_is_named_by_what_its_vectors_are(build: Build) -> None:
    code = """
    A = made('text', fields={'section': 'keyword', 'words': 'json'})
    B = made('texts')
    C = made('text', 1, outputs=(Output("semantic", 4, "tiny-4b"),))
    D = made('text', 1, models=("other recipe",))
    """
    registry = build(code, "A", "B")
    spec = registry.get("text").spec
    space = space_for(spec, parse_parameters(spec, {}))
    assert space.name.startswith("text_v1_")
    assert len(space.name) == len("text_v1_") + 8
    assert space == registry.space("text", {"size": 32})
    assert [(v.name, v.dimension, v.distance) for v in space.dense] == [("semantic", 4, "cosine")]
    assert space.text
    assert space.indexes["section"] == "keyword"
    assert space.indexes["collection_id"] == "keyword"
    assert space.indexes["page"] == "integer"
    assert "namespace" not in space.indexes
    assert set(space.indexes) <= set(COMMON_FIELDS) | {"section"}
    other = build(code, "C").space("text", {})
    assert other.name != space.name
    assert build(code, "D").space("text", {}).name == space.name
    assert outputs_for(spec, parse_parameters(spec, {})) == spec.outputs


def test_the_digest_is_the_contracts(build: Build) -> None:
    registry = build("A = made('text')", "A")
    spec = registry.get("text").spec
    assert registry.digest("text", {}) == digest(spec, spec.parameters())
    assert registry.digest("text", {"size": 9}) != registry.digest("text", {"size": 8})
    assert registry.digest("text", {"size": "8"}) == registry.digest("text@1", {})


def test_built_in_extractors_come_first_and_settings_last() -> None:
    found = installed(["somewhere.else:Mine"])
    built_in = [each.name for each in found if each.built_in]
    assert built_in == sorted(built_in)
    assert {"audio", "image", "text"} <= set(built_in)
    assert found[-1] == Candidate("Mine", "somewhere.else:Mine", "settings: somewhere.else:Mine")
    assert [each.built_in for each in found] == sorted((e.built_in for e in found), reverse=True)


def test_importing_the_registry_brings_no_engine() -> None:
    code = (
        "import sys, workbench.extraction.registry\n"
        "heavy = {'ray', 'onnxruntime', 'temporalio', 'qdrant_edge', 'PIL', 'fastapi', 'torch'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
