"""Passages stay within the limit, lose nothing, and end where a reader would end them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractors.minilm import Encoder, load_minilm
from extractors.outline import Syntax, outline, syntax_of
from extractors.passages import Passage, passages

ENCODER = load_minilm()
MARKDOWN = """---
title: not a heading
---
Before.

# Guide

Words about it.

## Install

### On Linux

Use the package manager. Then start it.

```sh
# not a heading
```

Usage
-----

Type the command #5.

## Empty at the end
"""
PYTHON = '''"""What the module does."""

import os
import sys


class Store:
    """Keeps things."""

    def put(self, thing: str) -> None:
        """Keep one more of them, at the end of the list of things that are kept here."""
        self.things.append(thing)

    def get(self, number: int) -> str:
        """The thing of that number, counted from the first one that was ever put here."""
        return self.things[number]


@cached
def helper():
    return 1
def other():
    return 2
'''


class Words:
    """A measure whose tokens are words: exact and quick."""

    def spans(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in re.finditer(r"\S+", text)]

    def count(self, text: str) -> int:
        return len(self.spans(text))


def cut(text: str, syntax: Syntax, most: int) -> list[Passage]:
    return list(passages(text, syntax, most, Words()))


def test_markdown_sections_are_borders_and_context() -> None:
    found = cut(MARKDOWN, "markdown", 50)
    assert [(p.path, p.around) for p in found] == [
        ((), ()),
        (("Guide",), ()),
        (("Guide", "Install", "On Linux"), ("Guide",)),
        (("Guide", "Usage"), ("Guide",)),
        (("Guide", "Empty at the end"), ("Guide",)),
    ]
    texts = [MARKDOWN[p.start : p.end] for p in found]
    assert texts[0].endswith("Before.")
    assert texts[2].startswith("## Install\n\n### On Linux")
    assert texts[2].endswith("# not a heading\n```")
    assert texts[3] == "Usage\n-----\n\nType the command #5."


def test_a_long_section_keeps_its_titles() -> None:
    text = "# One\n\n## Two\n\n" + "Some words of a sentence. " * 40
    found = cut(text, "markdown", 30)
    assert found[0].around == ()
    assert {p.around for p in found[1:]} == {("One", "Two")}


def test_definitions_of_code_are_borders_and_context() -> None:
    found = cut(PYTHON, "code", 25)
    texts = [PYTHON[p.start : p.end] for p in found]
    assert texts[0].endswith("import sys")
    assert found[1].path == ("class Store",)
    assert found[1].around == ()
    inner = next(p for p, t in zip(found, texts, strict=True) if t.startswith("    def get"))
    assert inner.around == ("class Store",)
    last = next(p for p, t in zip(found, texts, strict=True) if "@cached" in t)
    assert PYTHON[last.start : last.end].startswith("@cached\ndef helper():")
    assert last.path == ("def helper()",)


def test_small_definitions_share_a_passage() -> None:
    text = "".join(f"def f{i}():\n    return {i}\n\n\n" for i in range(10))
    assert [len(text[p.start : p.end].split("def ")) - 1 for p in cut(text, "code", 20)] == [5, 5]


def test_other_languages_have_definitions_too() -> None:
    text = "#include <a.h>\n\nint main(void)\n{\n  return 0;\n}\n\npub fn run() {\n}\n"
    assert [head.path for head in outline(text, "code")] == [(), (), ("pub fn run()",)]


def test_sentences_stay_whole() -> None:
    text = "Dr. Who met Mr. Smith in the U.S. Army, e.g. on Fig. 3. Then he left. " * 5
    found = [text[p.start : p.end] for p in cut(text.strip(), "plain", 15)]
    assert all(t.startswith(("Dr. Who", "Then")) for t in found)
    assert all(t.endswith(("3.", "left.")) for t in found)


def test_rows_of_tables_stay_whole() -> None:
    text = "".join(f"| {i}. row | is about something. And more |\n" for i in range(20))
    assert all(text[p.start : p.end].endswith("|") for p in cut(text, "plain", 30))


def test_paragraphs_that_fit_are_not_cut() -> None:
    paragraphs = [" ".join(["word."] * n) for n in (10, 12, 15, 4, 19)]
    text = "\n\n".join(paragraphs)
    found = [text[p.start : p.end] for p in cut(text, "plain", 20)]
    assert found == [paragraphs[0], paragraphs[1], "\n\n".join(paragraphs[2:4]), paragraphs[4]]


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("QUJD" * 20_000, 128),
        ("今天天气很好" * 500, 128),
        ('{"a":[1,2,3],"b":"xx"}' * 500, 64),
        ("a b c d e f g " * 3000, 100),
        ("x" * 100 + " " + "y" * 5000 + " z" * 50, 16),
    ],
    ids=["blob", "no spaces", "one line", "no stops", "mixed"],
)
def test_text_without_borders_is_still_bounded(text: str, most: int) -> None:
    encoder: Encoder = ENCODER
    found = list(passages(text, "plain", most, encoder))
    assert len(found) > 1
    for passage in found:
        piece = text[passage.start : passage.end]
        assert encoder.count(piece) <= most
        assert len(piece) <= most * 8
    assert "".join(text.split()) == "".join("".join(text[p.start : p.end].split()) for p in found)


@settings(max_examples=150, deadline=None)
@given(
    text=st.text(
        alphabet=st.sampled_from("ab .\n#=-`\t|*é。\r@{}\u2028"), min_size=1, max_size=400
    ),
    syntax=st.sampled_from(["plain", "markdown", "code"]),
    most=st.integers(2, 30),
)
def test_nothing_is_lost_and_nothing_twice(text: str, syntax: Syntax, most: int) -> None:
    found = cut(text, syntax, most)
    end = 0
    for passage in found:
        assert passage.start >= end
        assert not text[end : passage.start].strip()
        assert passage.start < passage.end
        end = passage.end
        assert Words().count(text[passage.start : passage.end]) <= most
    assert not text[end:].strip()


@pytest.mark.parametrize(
    ("mime", "name", "syntax"),
    [
        ("text/markdown", "a", "markdown"),
        ("text/plain", "README.md", "markdown"),
        ("text/x-python", "a.py", "code"),
        ("text/plain", "a.rs", "code"),
        ("text/plain", "notes.txt", "plain"),
        ("application/json", "a.json", "plain"),
        ("text/x-log", "a.log", "plain"),
    ],
)
def test_syntax_is_known_by_type_and_name(mime: str, name: str, syntax: Syntax) -> None:
    assert syntax_of(mime, name) == syntax
