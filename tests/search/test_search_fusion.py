"""Reciprocal rank fusion: its arithmetic, its reasons, and what it promises of any lists."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.search.fusion import FAR_WEIGHT, WEIGHTS, K, Ranked, fuse
from workbench.vectors.port import Scored

TEXT = WEIGHTS["text"]


def ranked(*ids: str, feature: str | None = None, step: float = 0.1) -> Ranked:
    hits = [Scored(name, 1.0 - place * step) for place, name in enumerate(ids)]
    kind = "dense" if feature else "text"
    return Ranked(kind, feature, "space", hits, similarity=feature is not None)


def test_a_document_in_two_lists_passes_one_in_one() -> None:
    fused = fuse([ranked("a", "b", feature="f"), ranked("b", "c")], top=10)
    assert [each.id for each in fused] == ["b", "a", "c"]
    best = fused[0]
    assert best.score == pytest.approx(1 / (K + 2) + TEXT / (K + 1))
    assert [(r.kind, r.feature, r.rank, r.score) for r in best.reasons] == [
        ("dense", "f", 2, 0.9),
        ("text", None, 1, 1.0),
    ]


def test_at_equal_ranks_meaning_comes_before_words() -> None:
    words, meaning = ranked("a", "b"), ranked("y", "z", feature="f")
    assert [each.id for each in fuse([words, meaning], 4)] == ["y", "a", "z", "b"]


def test_what_is_far_from_the_best_of_its_list_stays_behind() -> None:
    dense = ranked("a", "b", "c", feature="f", step=0.3)  # 1.0, 0.7, 0.4
    words = ranked("w1", "w2", "w3", "w4", "w5")
    fused = fuse([dense, words], 10)
    assert [each.id for each in fused] == ["a", "w1", "b", "w2", "w3", "w4", "w5", "c"]
    assert fused[-1].score == pytest.approx(FAR_WEIGHT / (K + 3))
    # A chance rank in the dense list must not lift one weak match of words over a better one.
    assert [each.id for each in fuse([dense, ranked("w1", "c")], 10)][:3] == ["a", "w1", "b"]


def test_only_cosines_have_a_half() -> None:
    hits = [Scored("a", 9.0), Scored("b", 1.0)]
    for similarity, weight in ((True, FAR_WEIGHT), (False, 1.0)):
        (_, last) = fuse([Ranked("dense", "f", "s", hits, similarity)], 2)
        assert last.score == pytest.approx(weight / (K + 2))
    negative = [Scored("a", -0.1), Scored("b", -0.5)]
    (_, last) = fuse([Ranked("dense", "f", "s", negative, similarity=True)], 2)
    assert last.score == pytest.approx(1 / (K + 2))


def test_ties_are_broken_by_id_whatever_the_order_of_the_lists() -> None:
    one, two = ranked("z", "m"), ranked("a", "k")
    assert [each.id for each in fuse([one, two], 4)] == ["a", "z", "k", "m"]
    assert [each.id for each in fuse([two, one], 4)] == ["a", "z", "k", "m"]


def test_lists_of_one_space_share_one_voice() -> None:
    looks, shows = ranked("p1", "p2", feature="looks"), ranked("p1", "p2", feature="shows")
    passages = replace(ranked("t1", "t2", feature="f"), space="texts")
    fused = fuse([looks, shows, passages], 4)
    assert [each.id for each in fused] == ["p1", "t1", "p2", "t2"]
    assert fused[0].score == pytest.approx(fused[1].score) == pytest.approx(1 / (K + 1))


def test_nothing_gives_nothing() -> None:
    assert fuse([], 5) == []
    assert fuse([ranked(), ranked()], 5) == []
    assert fuse([ranked("a")], 5, offset=1) == []


ids = st.lists(st.sampled_from("abcdefghijklmnop"), unique=True, max_size=12)


@given(st.lists(ids, max_size=5), st.integers(1, 5))
def test_pages_are_the_whole_cut_in_pieces(lists: list[list[str]], size: int) -> None:
    arms = [replace(ranked(*each), space=f"s{n}") for n, each in enumerate(lists)]
    whole = fuse(arms, 1000)
    assert [each.id for each in whole] == sorted(
        {name for each in lists for name in each},
        key=lambda name: (-next(f.score for f in whole if f.id == name), name),
    )
    pages = [hit.id for offset in range(0, 30, size) for hit in fuse(arms, size, offset)]
    assert pages == [each.id for each in whole]
    for each in whole:
        assert len(each.reasons) == sum(each.id in names for names in lists)
        assert each.score == pytest.approx(sum(TEXT / (K + r.rank) for r in each.reasons))
