"""What is typed: --set, lists, the tree of verbs."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.commands.ingest import names, parameters
from workbench.commands.parser import HelpRequested, WrongUse
from workbench.commands.tree import VERBS, build_parser, find_verb, verb_parser

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
WORD = st.text("abcdefghijklmnopqrstuvwxyz_0123456789@", min_size=1, max_size=12)


@given(WORD, WORD, JSON)
def test_any_json_value_arrives_as_it_is(extractor: str, parameter: str, value: Any) -> None:
    setting = f"{extractor}.{parameter}={json.dumps(value)}"
    assert parameters([setting]) == {extractor: {parameter: value}}


def is_json(text: str) -> bool:
    try:
        value = json.loads(text)
    except ValueError:
        return False
    return not (isinstance(value, float) and not math.isfinite(value))


@given(st.text().filter(lambda text: not is_json(text)))
def test_any_other_text_arrives_as_text(text: str) -> None:
    assert parameters([f"text.note={text}"]) == {"text": {"note": text}}


@given(st.text())
def test_anything_is_parsed_or_refused_and_can_be_sent(text: str) -> None:
    try:
        found = parameters([text])
    except WrongUse:
        return
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("a=b", "a=b"),
        ("", ""),
        ("007", "007"),
        ("true", True),
        ("True", "True"),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_values_at_the_border(typed: str, value: object) -> None:
    assert parameters([f"text.p={typed}"]) == {"text": {"p": value}}


def test_the_last_setting_of_a_parameter_wins() -> None:
    settings = ["text.a=1", "image@1.b.c=2", "text.a=3"]
    assert parameters(settings) == {"text": {"a": 3}, "image@1": {"b.c": 2}}


@pytest.mark.parametrize("text", ["", "text", "text.a", "text=1", ".a=1", "text.=1", " . =1"])
def test_what_is_no_setting_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(WrongUse) as raised:
        parameters([text])
    assert "text.chunk_size=800" in str(raised.value.hint)


def test_names_with_commas() -> None:
    assert names(None) is None
    assert names("a") == ["a"]
    assert names(" a , b,a") == ["a", "b"]
    for text in ("", ",", "a,"):
        with pytest.raises(WrongUse):
            names(text)


def test_a_line_of_a_notebook_is_parsed_by_the_same_tree() -> None:
    args = build_parser("%mixpeek").parse_args(["search", "a dog", "--top", "3"])
    assert args.verb is find_verb("search")
    assert (args.text, args.top, args.namespace, args.json) == (["a dog"], 3, None, False)


def test_a_notebook_has_no_json_option() -> None:
    with pytest.raises(WrongUse, match="%mixpeek tasks: there is no option --json"):
        build_parser("%mixpeek").parse_args(["tasks", "--json"])


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        (["serach"], "%mixpeek has no verb 'serach'", "did you mean search?"),
        ([], "VERB", "%mixpeek --help"),
        (["--loud"], "VERB", "%mixpeek --help"),
        (["wait"], "%mixpeek wait: ", "%mixpeek wait --help"),
    ],
)
def test_errors_of_a_notebook_name_what_to_type(line: list[str], message: str, hint: str) -> None:
    with pytest.raises(WrongUse) as raised:
        build_parser("%mixpeek").parse_args(line)
    assert message in raised.value.message
    assert hint in str(raised.value.hint)
    assert "\n" not in raised.value.message


def test_help_of_a_notebook_is_a_text() -> None:
    with pytest.raises(HelpRequested) as raised:
        build_parser("%mixpeek").parse_args(["--help"])
    assert all(f" {verb.name} " in raised.value.text for verb in VERBS)
    with pytest.raises(HelpRequested) as raised:
        verb_parser(VERBS[0], "%mixpeek ingest").parse_args(["-h"])
    assert raised.value.text.startswith("usage: %mixpeek ingest")


def test_a_text_that_begins_with_a_dash_follows_two() -> None:
    args = build_parser("%mixpeek").parse_args(["search", "--top", "3", "--", "--top", "5"])
    assert (args.text, args.top) == (["--top", "5"], 3)
