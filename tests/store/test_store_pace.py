"""Rates are those of the last seconds, and nothing is claimed before it is known."""

from __future__ import annotations

import pytest

from workbench.store import pace
from workbench.store.pace import Mark, marked, rate


def worked(*ends: tuple[int, int]) -> list[Mark]:
    marks: list[Mark] = []
    for at, count in ends:
        marks = marked(marks, at, count)
    return marks


def test_a_rate_follows_the_last_seconds() -> None:
    marks = worked(*((second * 1000, second * 10) for second in range(60)))
    assert rate(marks, 59_000) == pytest.approx(10)
    for second in range(60, 80):
        marks = marked(marks, second * 1000, 590 + (second - 59) * 50)
    assert rate(marks, 79_000) == pytest.approx(50)


def test_nothing_is_known_before_something_was_measured() -> None:
    assert rate([], 0) is None
    first = worked((1000, 20))
    assert rate(first, 5000) is None
    assert rate(marked(first, 1100, 40), 1200) is None, "a burst is one moment"


def test_a_burst_at_the_start_is_no_speed() -> None:
    """Two workers end their chunks almost together, every two seconds: ten items each."""
    ends = [(at + late, 10) for at in range(2000, 22_000, 2000) for late in (0, 100)]
    marks, count = [], 0
    for at, items in ends:
        count += items
        marks = marked(marks, at, count)
    assert rate(marks, 20_200) == pytest.approx(10, rel=0.1)


def test_a_rate_stands_between_two_bursts_and_falls_in_a_silence() -> None:
    marks = worked((0, 0), (2000, 20), (4000, 40))
    standing = rate(marks, 4000)
    assert standing == pytest.approx(10)
    assert rate(marks, 7000) == standing
    later = [rate(marks, at) for at in (10_000, 20_000, 60_000)]
    assert [each is not None for each in later] == [True, True, True]
    assert later == sorted(later, key=lambda each: -(each or 0))
    assert rate(marks, 10**9) is None


def test_slow_work_has_a_rate_too() -> None:
    marks = worked(*((n * 60_000, n) for n in range(5)))
    assert rate(marks, 4 * 60_000) == pytest.approx(1 / 60)


def test_few_marks_are_kept() -> None:
    marks = worked(*((n * 50, n) for n in range(10_000)))
    assert len(marks) <= pace.WINDOW // pace.LEAST + 3
    assert rate(marks, 9_999 * 50) == pytest.approx(20, rel=0.05)


def test_a_clock_that_went_back_begins_anew():
    marks = marked(marked([], 100_000, 10), 102_000, 30)
    assert rate(marks, 102_000) is not None
    marks = marked(marks, 50_000, 40)
    assert rate(marks, 50_000) is None
    assert rate(marked(marks, 52_000, 60), 52_000) == 10
