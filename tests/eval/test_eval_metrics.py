"""The measures of the evaluation, on cases that can be counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from eval_metrics import character_error_rate, edits, first_place, recall, word_error_rate
from eval_table import MARKS, Errors, Recall, renewed, table


def test_the_place_is_that_of_the_best_right_one_and_ties_are_no_gift():
    assert first_place([0.1, 0.9, 0.5], [True, False, True]) == 2
    assert first_place([0.5, 0.5, 0.5], [False, True, False]) == 3
    assert first_place([0.9, 0.1], [False, False]) is None


def test_recall_counts_queries_without_an_answer():
    places = [1, 4, None, 12]
    assert [recall(places, at) for at in (1, 5, 10, 20)] == [0.25, 0.5, 0.5, 0.75]
    with pytest.raises(ValueError, match="no queries"):
        recall([], 1)


@pytest.mark.parametrize(
    ("said", "true", "count"),
    [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("ab", "ba", 2)],
)
def test_edits(said: str, true: str, count: int):
    assert edits(said, true) == count


def test_words_are_compared_without_case_and_punctuation():
    assert word_error_rate("Ever tried? EVER failed", "ever tried. Ever failed!") == 0
    assert word_error_rate("ever lied and failed", "Ever tried. Ever failed.") == 0.5
    assert word_error_rate("a b c d", "a") == 3


def test_characters_are_compared_as_they_are():
    assert character_error_rate("Ferry\n tickets", "Ferry tickets") == 0
    assert character_error_rate("ferry tickets", "Ferry tickets") == pytest.approx(1 / 13)


def test_the_page_keeps_what_stands_around_the_table():
    made = table([Recall("pages", "a PDF", 20, [1, 6])], [Errors("OCR", "a page", 100, 0.0123)])
    assert "| pages | a PDF | 20 | 2 | 0.50 | 0.50 | 1.00 |" in made
    assert "| OCR | a page | 100 | 1.2 % |" in made
    page = f"# Quality\n\n{MARKS[0]}\nold\n{MARKS[1]}\n\nEnd.\n"
    assert renewed(page, "new") == f"# Quality\n\n{MARKS[0]}\nnew\n{MARKS[1]}\n\nEnd.\n"
    with pytest.raises(ValueError, match="no place"):
        renewed("# Quality\n", "new")


def test_the_page_has_a_place_for_the_table():
    page = (Path(__file__).parents[2] / "docs" / "quality.md").read_text()
    assert renewed(page, "new") != page
