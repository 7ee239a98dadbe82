"""Reciprocal rank fusion: its arithmetic, its reasons, and what it promises of any lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.search.fusion import K, Ranked, fuse
from workbench.vectors.port import Scored


def ranked(*ids: str, weight: float = 1.0, feature: str | None = None) -> Ranked:
    hits = [Scored(name, 1.0 - place / 10, {"at": name}) for place, name in enumerate(ids)]
    return Ranked("dense" if feature else "text", feature, "space", weight, hits)


def test_a_document_in_two_lists_passes_one_in_one() -> None:
    fused = fuse([ranked("a", "b", feature="f"), ranked("b", "c")], top=10)
    assert [each.id for each in fused] == ["b", "a", "c"]
    best = fused[0]
    assert best.score == pytest.approx(1 / (K + 2) + 1 / (K + 1))
    assert [(r.kind, r.feature, r.rank, r.score) for r in best.reasons] == [
        ("dense", "f", 2, 0.9),
        ("text", None, 1, 1.0),
    ]
    assert best.payload == {"at": "b"}


def test_a_weight_counts() -> None:
    lists = [ranked("a", weight=2.0), ranked("b", weight=1.0)]
    assert [each.id for each in fuse(lists, 2)] == ["a", "b"]
    assert [each.id for each in fuse([ranked("a"), ranked("b", weight=1.1)], 2)] == ["b", "a"]


def test_ties_are_broken_by_id_whatever_the_order_of_the_lists() -> None:
    one, two = ranked("z", "m"), ranked("a", "k")
    assert [each.id for each in fuse([one, two], 4)] == ["a", "z", "k", "m"]
    assert [each.id for each in fuse([two, one], 4)] == ["a", "z", "k", "m"]


def test_nothing_gives_nothing() -> None:
    assert fuse([], 5) == []
    assert fuse([ranked(), ranked()], 5) == []
    assert fuse([ranked("a")], 5, offset=1) == []


ids = st.lists(st.sampled_from("abcdefghijklmnop"), unique=True, max_size=12)


@given(st.lists(ids, max_size=5), st.integers(1, 5))
def test_pages_are_the_whole_cut_in_pieces(lists: list[list[str]], size: int) -> None:
    arms = [ranked(*each) for each in lists]
    whole = fuse(arms, 1000)
    assert [each.id for each in whole] == sorted(
        {name for each in lists for name in each},
        key=lambda name: (-next(f.score for f in whole if f.id == name), name),
    )
    pages = [hit.id for offset in range(0, 30, size) for hit in fuse(arms, size, offset)]
    assert pages == [each.id for each in whole]
    for each in whole:
        assert len(each.reasons) == sum(each.id in names for names in lists)
        assert each.score == pytest.approx(sum(1 / (K + r.rank) for r in each.reasons))
