"""Chunk sizes: small at both ends of a task, about five seconds of work between."""

from hypothesis import given
from hypothesis import strategies as st

from workbench.tasks.sizing import MOST_ITEMS, UNKNOWN_ITEMS, WORK_SECONDS, Rates, chunk_size


@given(
    st.none() | st.floats(0.001, 1e5), st.integers(1, 1_000_000), st.integers(1, 64), st.booleans()
)
def test_a_chunk_is_never_empty_nor_larger_than_what_waits(rate, waiting, slots, first):
    size = chunk_size(rate, waiting, slots, first)
    assert 1 <= size <= min(waiting, MOST_ITEMS)
    if rate is not None:
        assert size <= max(1, rate * WORK_SECONDS + 1)


def test_the_middle_is_five_seconds_and_the_ends_are_less():
    assert chunk_size(100, 10_000, 2, first=False) == 500
    assert chunk_size(100, 10_000, 2, first=True) == 25
    assert chunk_size(100, 300, 2, first=False) == 100
    assert chunk_size(100, 30, 2, first=False) == 25
    assert chunk_size(None, 10_000, 2, first=True) == UNKNOWN_ITEMS


def test_rates_follow_what_is_measured():
    rates = Rates()
    assert rates.get("d") is None
    rates.add("d", 100, 1.0)
    assert rates.get("d") == 100
    rates.add("d", 300, 1.0)
    assert rates.get("d") == 200
    rates.add("d", 0, 1.0)
    assert rates.get("d") == 200
