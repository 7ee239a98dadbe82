"""What every adapter promises, asked of each of them over its real engine."""

from __future__ import annotations

import itertools
import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.domain.filters import (
    And,
    Condition,
    Filter,
    Not,
    Operator,
    Or,
    all_of,
    any_of,
    eq,
    matches,
    parse,
)
from workbench.vectors.port import (
    TEXT_VECTOR,
    Arm,
    BadVectors,
    DenseVector,
    PointBatch,
    SpaceNotFound,
    SpaceSpec,
    Vectors,
    VectorStore,
    delete_if_any,
    scroll_all,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant"),
    pytest.mark.filterwarnings("ignore:Local mode performs exact"),
]
DIMENSION = 8


def spec(space: str, **changes: Any) -> SpaceSpec:
    dense = (DenseVector("meaning", DIMENSION), DenseVector("place", 2, "euclid"))
    return replace(SpaceSpec(space, dense), **changes)


def number(i: int) -> str:
    return str(uuid.UUID(int=i + 1))


def batch(
    ids: Sequence[int],
    vectors: Mapping[str, Vectors] | None = None,
    texts: Sequence[str | None] | None = None,
    payloads: Sequence[Mapping[str, Any]] | None = None,
) -> PointBatch:
    """Points whose ``meaning`` is the axis ``i % DIMENSION``, leaning a little more with ``i``."""
    n = len(ids)
    if vectors is None:
        meaning = np.full((n, DIMENSION), 0.01, np.float32)
        for row, i in enumerate(ids):
            meaning[row, i % DIMENSION] = 1.0
            meaning[row, (i + 1) % DIMENSION] = i / 100
        vectors = {"meaning": meaning}
    return PointBatch(
        [number(i) for i in ids],
        vectors,
        texts or [None] * n,
        payloads or [{"namespace": "a", "page": i, "labels": [f"l{i % 3}"]} for i in ids],
    )


def axis(i: int) -> Vectors:
    vector = np.zeros(DIMENSION, np.float32)
    vector[i] = 1.0
    return vector


@pytest.fixture
async def space(store: VectorStore) -> str:
    """An empty space of the usual kind. Emptied, not made anew: making one takes the embedded
    engine 400 syncs."""
    name = "test_v1_usual"
    await store.ensure_space(spec(name))
    await store.delete(name, And(()))
    return name


# ---- writing and reading back -------------------------------------------------------------------


async def test_points_come_back_as_written(store: VectorStore, space: str) -> None:
    payload = {
        "namespace": "a",
        "text": "Grüße\n\x00",
        "page": None,
        "box": [0.5, 1],
        "deep": {"x": [[1]]},
    }
    vectors: dict[str, Vectors] = {
        "meaning": np.array([[3.0] + [0.0] * 7, [np.nan] * 8], np.float32),
        "place": np.array([[np.nan, np.nan], [3.0, 4.0]], np.float32),
    }
    await store.upsert(space, batch([0, 1], vectors, payloads=[payload, {}]))
    found = await store.retrieve(space, [number(1), number(0), number(1), number(9)], vectors=True)
    assert found.keys() == {number(0), number(1)}
    first, second = found[number(0)], found[number(1)]
    assert first.payload == payload
    assert second.payload == {}
    assert first.vectors.keys() == {"meaning"}  # cosine vectors come back with length 1
    np.testing.assert_allclose(first.vectors["meaning"], axis(0), atol=1e-6)
    assert second.vectors.keys() == {"place"}
    np.testing.assert_allclose(second.vectors["place"], [3, 4])
    assert (await store.retrieve(space, [number(0)]))[number(0)].vectors == {}


async def test_upsert_replaces_the_whole_point(store: VectorStore, space: str) -> None:
    await store.upsert(space, batch([0], texts=["old words"]))
    place: dict[str, Vectors] = {"place": np.ones((1, 2), np.float32)}
    await store.upsert(space, batch([0], place, payloads=[{"page": 7}]))
    assert await store.count(space) == 1
    point = (await store.retrieve(space, [number(0)], vectors=True))[number(0)]
    assert point.payload == {"page": 7}
    assert point.vectors.keys() == {"place"}
    arms = [
        Arm(space, "meaning", 5, vector=axis(0)),
        Arm(space, TEXT_VECTOR, 5, text="old words"),
        Arm(space, "place", 5, vector=np.ones(2, np.float32)),
    ]
    assert [len(hits) for hits in await store.search(arms)] == [0, 0, 1]


async def test_many_points_in_one_batch(store: VectorStore, space: str) -> None:
    """More than one slice, request or page of every adapter, in any order."""
    ids = list(range(1203))
    await store.upsert(space, batch(ids[::-1]))
    pages = [page async for page in scroll_all(store, space, page=500)]
    assert [len(page) for page in pages] == [500, 500, 203]
    points = list(itertools.chain(*pages))
    assert [p.id for p in points] == [number(i) for i in ids]
    assert [p.payload["page"] for p in points] == ids
    assert all(p.vectors == {} for p in points)
    page, cursor = await store.scroll(space, limit=2, vectors=True)
    assert cursor == number(2)
    np.testing.assert_allclose(
        page[1].vectors["meaning"][1], 1 / math.sqrt(1 + 0.01**2 * 7), atol=1e-5
    )


async def test_an_empty_batch(store: VectorStore, space: str) -> None:
    await store.upsert(space, batch([]))
    assert await store.count(space) == 0
    assert await store.scroll(space) == ([], None)
    assert [page async for page in scroll_all(store, space)] == []


# ---- searching ----------------------------------------------------------------------------------


async def test_dense_search(store: VectorStore, space: str) -> None:
    await store.upsert(space, batch(range(40)))
    for exact in (False, True):
        (hits,) = await store.search([Arm(space, "meaning", 3, vector=axis(2), exact=exact)])
        assert [h.id for h in hits] == [number(2), number(10), number(18)]
        assert hits[0].score == pytest.approx(0.9995, abs=1e-3)
        assert hits[0].payload["page"] == 2
        assert hits[0].score > hits[1].score > hits[2].score
    (bare,) = await store.search([Arm(space, "meaning", 1, vector=axis(2), payload=False)])
    assert bare[0].id == number(2)
    assert bare[0].payload == {}


async def test_filtered_search(store: VectorStore, space: str) -> None:
    await store.upsert(space, batch(range(40)))
    where = all_of(eq("namespace", "a"), parse("page >= 10 and labels in (l0, l1)"))
    (hits,) = await store.search([Arm(space, "meaning", 40, vector=axis(2), filter=where)])
    assert {h.payload["page"] for h in hits} == {i for i in range(10, 40) if i % 3 < 2}
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
    (none,) = await store.search(
        [Arm(space, "meaning", 5, vector=axis(2), filter=eq("namespace", "b"))]
    )
    assert none == []


async def test_a_higher_score_is_better_also_for_distances(store: VectorStore, space: str) -> None:
    places: dict[str, Vectors] = {"place": np.array([[0, 0], [3, 4], [0, 1]], np.float32)}
    await store.upsert(space, batch([0, 1, 2], places))
    (hits,) = await store.search([Arm(space, "place", 3, vector=np.zeros(2, np.float32))])
    assert [(h.id, h.score) for h in hits] == [(number(0), 0), (number(2), -1), (number(1), -5)]


async def test_equal_scores_are_ordered_by_id(store: VectorStore, space: str) -> None:
    same: dict[str, Vectors] = {"meaning": np.tile(axis(0), (30, 1))}
    await store.upsert(space, batch(range(30)[::-1], same))
    (hits,) = await store.search([Arm(space, "meaning", 30, vector=axis(0))])
    assert [h.id for h in hits] == [number(i) for i in range(30)]


async def test_text_search(store: VectorStore, space: str) -> None:
    texts = [
        "A dog runs on the beach",
        "the beach in the evening, without dogs",
        "Café menu: espresso and cake",
        None,
        "IMG_2024-07_beach.jpg",
        "cats",
    ]
    await store.upsert(space, batch(range(6), texts=texts))

    async def found(text: str, where: Filter | None = None) -> list[int]:
        (hits,) = await store.search([Arm(space, TEXT_VECTOR, 10, text=text, filter=where)])
        return [h.payload["page"] for h in hits]

    assert set(await found("beaches")) == {0, 1, 4}
    assert set((await found("running dog"))[:1]) == {0}
    assert await found("cafe") == [2]
    assert await found("2024") == [4]
    assert await found("beach", parse("page > 0 and page < 4")) == [1]
    assert await found("the and of") == []
    assert await found("") == []
    assert await found("unheard") == []


async def test_many_arms_in_one_round_trip(store: VectorStore, space: str, fresh: str) -> None:
    other = fresh
    await store.ensure_space(spec(other))
    await store.upsert(space, batch(range(10), texts=[f"word{i}" for i in range(10)]))
    await store.upsert(other, batch(range(10, 20)))
    arms = [
        Arm(space, "meaning", 1, vector=axis(3)),
        Arm(other, "meaning", 1, vector=axis(3)),
        Arm("never_made", "meaning", 1, vector=axis(3)),
        Arm(space, TEXT_VECTOR, 5, text="word7"),
        Arm(space, TEXT_VECTOR, 5, text="!"),
        Arm(space, "meaning", 1, vector=axis(4), filter=eq("page", 5)),
    ]
    found = await store.search(arms)
    assert [[h.payload["page"] for h in hits] for hits in found] == [[3], [11], [], [7], [], [5]]
    assert await store.search([]) == []


async def test_a_space_without_text(store: VectorStore, fresh: str) -> None:
    await store.ensure_space(spec(fresh, text=False))
    await store.upsert(fresh, batch([0], texts=["ignored"]))
    (hits,) = await store.search([Arm(fresh, TEXT_VECTOR, 5, text="ignored")])
    assert hits == []


async def test_quantized_vectors_lose_no_neighbours(store: VectorStore, fresh: str) -> None:
    await store.ensure_space(SpaceSpec(fresh, (DenseVector("meaning", 384),)))
    random = np.random.default_rng(5)
    base = random.standard_normal((24, 384)).astype(np.float32)
    data = (random.standard_normal((1500, 24)).astype(np.float32) @ base).astype(np.float32)
    await store.upsert(fresh, batch(range(1500), {"meaning": data}))
    unit = data / np.linalg.norm(data, axis=1, keepdims=True)
    arms = [Arm(fresh, "meaning", 10, vector=data[i], payload=False) for i in range(50)]
    found = await store.search(arms)
    right = 0
    for i, hits in enumerate(found):
        best = np.argsort(-(unit @ unit[i]))[:10]
        right += len({h.id for h in hits} & {number(int(j)) for j in best})
    assert right / 500 >= 0.99


# ---- filters ------------------------------------------------------------------------------------

TEXTS = st.text("aB1é -_", max_size=4)
DATES = st.sampled_from(
    ["2026-01-01", "2026-01-01T00:00:00Z", "2026-01-01 12:30", "2026-01-02T01:00:00+02:00",
     "2026-01-01T23:00:00.250000Z", "2025-13-01", "soon"]
)  # fmt: skip
INTEGERS = st.integers(-3, 3)
FLOATS = st.sampled_from([-2.5, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0])
ANYTHING = TEXTS | INTEGERS | FLOATS | st.booleans() | DATES


def field(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return values | st.none() | st.lists(values | st.none(), max_size=3)


#: The fields of indexed types hold that type; "free" and "deep.x" hold anything, unindexed.
PAYLOADS = st.fixed_dictionaries(
    {},
    optional={
        "mime": field(TEXTS),
        "labels": field(TEXTS),
        "page": field(INTEGERS),
        "score": field(INTEGERS | FLOATS),
        "ok": field(st.booleans()),
        "at": field(DATES),
        "text": field(TEXTS),
        "free": field(ANYTHING),
        "deep": st.fixed_dictionaries({}, optional={"x": field(ANYTHING)}) | ANYTHING,
    },
)
INDEXES: dict[str, Any] = {"score": "float", "ok": "bool", "at": "datetime", "text": "text"}
NAMES = st.sampled_from(
    ["mime", "labels", "page", "score", "ok", "at", "text", "free", "deep.x", "missing"]
)


def conditions() -> st.SearchStrategy[Filter]:
    def of(operators: Sequence[Operator], values: st.SearchStrategy[Any]) -> Any:
        return st.builds(Condition, NAMES, st.sampled_from(list(operators)), values)

    ordered = (Operator.GT, Operator.GTE, Operator.LT, Operator.LTE)
    real_dates = DATES.filter(lambda d: d[:7] in ("2026-01",))

    return st.one_of(
        of((Operator.EQ, Operator.NE), ANYTHING),
        of((Operator.IN, Operator.NIN), st.lists(ANYTHING, max_size=3).map(tuple)),
        of(ordered, INTEGERS | FLOATS | real_dates),
        of((Operator.CONTAINS, Operator.STARTS_WITH, Operator.TEXT), TEXTS.filter(bool)),
        of((Operator.EXISTS, Operator.IS_NULL), st.booleans()),
    )


def filters() -> st.SearchStrategy[Filter]:
    def grow(children: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
        parts = st.lists(children, max_size=3).map(tuple)
        return st.builds(And, parts) | st.builds(Or, parts) | st.builds(Not, parts)

    return st.recursive(conditions(), grow, max_leaves=5)


#: One row per shape of value; fields of indexed types hold that type.
SHAPES: list[dict[str, Any]] = [
    {},
    dict.fromkeys(("mime", "page", "score", "ok", "at", "text", "free", "deep")),
    {name: [] for name in ("labels", "page", "score", "ok", "at", "text", "free")},
    {"mime": "ab", "page": 1, "score": 1, "ok": True, "at": "2026-01-01", "text": "Ab a-1"},
    {"mime": "b ab", "page": 0, "score": 1.0, "ok": False, "at": "2026-01-01 12:30", "text": "B"},
    {"mime": "", "page": -3, "score": -2.5, "at": "2026-01-02T01:00:00+02:00", "text": "é É"},
    {"labels": ["ab", "a"], "page": [1, 2], "score": [0.5, 3], "ok": [True, False]},
    {"labels": [None, "b"], "page": [None], "at": ["soon", "2025-12-31"], "text": ["ab", "a b"]},
    {"free": 1, "deep": {"x": 1}},
    {"free": 1.0, "deep": {"x": ["ab", 1]}},
    {"free": True, "deep": {"x": None}},
    {"free": "1", "deep": {"x": {"y": 1}}},
    {"free": ["2026-01-01", 2, False], "deep": ["x"]},
    {"free": [["ab"], {"x": 1}], "deep": [{"x": 1}]},
]


def grid() -> list[Filter]:
    """Every operator with values of every type, on every field."""
    values: list[Any] = ["", "a", "ab", "b a", "1", "É", -2.5, 0, 1, 1.0, True, False]
    dates = ["2026-01-01", "2026-01-01T12:30:00Z", "2026-01-01T23:00:00.000000Z"]
    found: list[Filter] = []
    for name in ("mime", "labels", "page", "score", "ok", "at", "text", "free", "deep.x", "none"):
        for operator in Operator:
            match operator:
                case Operator.EXISTS | Operator.IS_NULL:
                    some: list[Any] = [True, False]
                case Operator.IN | Operator.NIN:
                    some = [(), ("a", 1), ("ab", "b", True), (1.0, False)]
                case Operator.EQ | Operator.NE:
                    some = values + dates
                case Operator.CONTAINS | Operator.STARTS_WITH | Operator.TEXT:
                    some = [v for v in values if isinstance(v, str) and v]
                case _:
                    some = [-2.5, 0, 1, *dates]
            found += [Condition(name, operator, value) for value in some]
    return found


async def test_every_operator_on_every_shape(store: VectorStore, fresh: str) -> None:
    await store.ensure_space(spec(fresh, indexes=INDEXES))
    await store.upsert(fresh, batch(range(len(SHAPES)), payloads=SHAPES))
    for where in grid():
        points, _ = await store.scroll(fresh, where)
        expected = [number(i) for i, row in enumerate(SHAPES) if matches(where, row)]
        assert [p.id for p in points] == expected, where


RUNS = itertools.count()


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    payloads=st.lists(PAYLOADS, min_size=2, max_size=6),
    asked=st.lists(filters(), min_size=5, max_size=20),
)
async def test_engines_find_what_the_language_means(
    store: VectorStore, fresh: str, payloads: list[dict[str, Any]], asked: list[Filter]
) -> None:
    await store.ensure_space(spec(fresh, indexes=INDEXES))
    run = f"run{next(RUNS)}"
    rows = [{**p, "namespace": run} for p in payloads]
    first = next(RUNS) * 100
    await store.upsert(fresh, batch([first + i for i in range(len(rows))], payloads=rows))
    for where in asked:
        expected = [number(first + i) for i, row in enumerate(rows) if matches(where, row)]
        whole = And((eq("namespace", run), where))
        points, cursor = await store.scroll(fresh, whole)
        assert [p.id for p in points] == expected, where
        assert cursor is None
        assert await store.count(fresh, whole) == len(expected)


async def test_numbers_that_floats_cannot_hold_stay_apart(store: VectorStore, space: str) -> None:
    big = 2**53 - 1
    await store.upsert(space, batch([0, 1], payloads=[{"page": big}, {"page": big - 1}]))
    assert await store.count(space, eq("page", big)) == 1
    assert await store.count(space, parse(f"page >= {big}")) == 1


async def test_a_long_list_of_values(store: VectorStore, space: str) -> None:
    await store.upsert(space, batch(range(30)))
    assert await store.count(space, any_of("labels", tuple(f"l{i}" for i in range(2, 900)))) == 10
    assert await store.count(space, any_of("page", tuple(range(20, 900)))) == 10


# ---- counting and deleting ----------------------------------------------------------------------


async def test_count_facet_and_delete(store: VectorStore, fresh: str) -> None:
    await store.ensure_space(spec(fresh, indexes={"ok": "bool"}))
    rows = [
        {
            "namespace": "a" if i < 8 else "b",
            "labels": ["x", "y"][: 1 + i % 2],
            "page": i // 5,
            "ok": i > 6,
        }
        for i in range(10)
    ]
    await store.upsert(fresh, batch(range(10), payloads=rows))
    assert await store.count(fresh) == 10
    assert await store.count(fresh, parse("labels = y")) == 5
    assert await store.facet(fresh, "labels") == [("x", 10), ("y", 5)]
    assert await store.facet(fresh, "labels", limit=1) == [("x", 10)]
    assert await store.facet(fresh, "page", eq("namespace", "a")) == [(0, 5), (1, 3)]
    assert await store.facet(fresh, "ok") == [(False, 7), (True, 3)]
    assert await store.delete(fresh, parse("namespace = b and labels = x")) == 2
    assert await store.delete(fresh, parse("namespace = b and labels = x")) == 0
    assert await store.count(fresh) == 8
    assert await store.facet(fresh, "namespace") == [("a", 8)]
    (hits,) = await store.search([Arm(fresh, "meaning", 20, vector=axis(1))])
    assert number(9) not in {h.id for h in hits}
    assert await store.delete(fresh, And(())) == 8
    assert await store.count(fresh) == 0


async def test_a_delete_of_many(store: VectorStore, space: str) -> None:
    await store.upsert(space, batch(range(2500)))
    assert await store.delete(space, parse("page >= 300")) == 2200
    assert await store.count(space) == 300


# ---- spaces -------------------------------------------------------------------------------------


async def test_spaces_come_and_go(store: VectorStore, fresh: str) -> None:
    assert fresh not in await store.spaces()
    await store.ensure_space(spec(fresh))
    await store.ensure_space(spec(fresh))
    await store.upsert(fresh, batch([0]))
    assert fresh in await store.spaces()
    health = await store.health()
    assert health["spaces"][fresh] == 1
    assert health["engine"].startswith("qdrant")
    assert health["version"]
    await store.optimize(fresh)
    await store.drop_space(fresh)
    await store.drop_space(fresh)
    assert fresh not in await store.spaces()
    await store.ensure_space(spec(fresh, text=False))
    assert await store.count(fresh) == 0


async def test_ensuring_again_adds_indexes(store: VectorStore, fresh: str) -> None:
    await store.ensure_space(spec(fresh))
    rows = [{"camera": "K-1", "iso": 100 * i} for i in range(6)]
    await store.upsert(fresh, batch(range(6), payloads=rows))
    await store.ensure_space(spec(fresh, indexes={"camera": "keyword", "iso": "integer"}))
    assert await store.facet(fresh, "camera") == [("K-1", 6)]
    assert await store.count(fresh, parse("iso > 250 and camera = K-1")) == 3


async def test_ensuring_other_vectors_is_refused(store: VectorStore, fresh: str) -> None:
    await store.ensure_space(spec(fresh))
    for other in (
        SpaceSpec(fresh, (DenseVector("meaning", DIMENSION),)),
        spec(fresh, dense=(DenseVector("meaning", 9), DenseVector("place", 2, "euclid"))),
        spec(fresh, text=False),
    ):
        with pytest.raises(BadVectors):
            await store.ensure_space(other)


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "x" * 200, "é"])
async def test_names_that_are_none(store: VectorStore, name: str) -> None:
    with pytest.raises(BadVectors):
        await store.ensure_space(SpaceSpec(name, (DenseVector("v", 4),)))


async def test_a_space_that_is_not_there(store: VectorStore, fresh: str) -> None:
    with pytest.raises(SpaceNotFound):
        await store.upsert(fresh, batch([0]))
    with pytest.raises(SpaceNotFound):
        await store.delete(fresh, eq("a", 1))
    assert await delete_if_any(store, fresh, eq("a", 1)) == 0
    with pytest.raises(SpaceNotFound):
        await store.retrieve(fresh, [number(0)])
    with pytest.raises(SpaceNotFound):
        await store.scroll(fresh)
    with pytest.raises(SpaceNotFound):
        await store.count(fresh)
    with pytest.raises(SpaceNotFound):
        await store.facet(fresh, "labels")
    with pytest.raises(SpaceNotFound):
        await store.optimize(fresh)
    await store.drop_space(fresh)


# ---- what is refused ----------------------------------------------------------------------------


def block(rows: int, dimension: int, value: float = 1.0) -> Vectors:
    return np.full((rows, dimension), value, np.float32)


def spoiled(value: float) -> Vectors:
    vectors = block(2, DIMENSION)
    vectors[1, 3] = value
    return vectors


GOOD = {"meaning": block(2, DIMENSION)}
BAD: dict[str, PointBatch] = {
    "one NaN": batch([0, 1], {"meaning": spoiled(math.nan)}),
    "infinite": batch([0, 1], {"meaning": spoiled(math.inf)}),
    "too long for float32": batch([0, 1], {"meaning": spoiled(3e38)}),
    "other dimension": batch([0, 1], {"meaning": block(2, 7)}),
    "unknown vector": batch([0, 1], {"other": block(2, DIMENSION)}),
    "too few rows": batch([0, 1], {"meaning": block(1, DIMENSION)}),
    "flat": batch([0, 1], {"meaning": block(2, DIMENSION).ravel()}),
    "no UUID": replace(batch([0, 1], GOOD), ids=[number(0), "7"]),
    "id twice": replace(batch([0, 1], GOOD), ids=[number(0), number(0)]),
    "texts missing": replace(batch([0, 1], GOOD), texts=[None]),
    "NaN in a payload": batch([0, 1], GOOD, payloads=[{}, {"x": [math.nan]}]),
    "object in a payload": batch([0, 1], GOOD, payloads=[{}, {"x": object()}]),
    "number as key": batch([0, 1], GOOD, payloads=[{}, {"x": {1: 2}}]),
    "huge integer": batch([0, 1], GOOD, payloads=[{}, {"x": 2**63}]),
    "half a character": batch([0, 1], GOOD, payloads=[{}, {"x": "\ud800"}]),
    "half a character in a text": batch([0, 1], GOOD, texts=["fine", "\udfff"]),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_batch_is_refused_whole(store: VectorStore, space: str, name: str) -> None:
    with pytest.raises(BadVectors):
        await store.upsert(space, BAD[name])
    assert await store.count(space) == 0


@pytest.mark.parametrize(
    "arm",
    [
        Arm("", "meaning", 5, vector=np.ones(7, np.float32)),
        Arm("", "meaning", 5, vector=np.full(DIMENSION, np.nan, np.float32)),
        Arm("", "meaning", 5),
        Arm("", "meaning", 5, text="words"),
        Arm("", "other", 5, vector=np.ones(DIMENSION, np.float32)),
        Arm("", TEXT_VECTOR, 5, vector=np.ones(DIMENSION, np.float32)),
        Arm("", "meaning", 0, vector=np.ones(DIMENSION, np.float32)),
        Arm("", "meaning", 10_001, vector=np.ones(DIMENSION, np.float32)),
    ],
)
async def test_bad_arms_are_refused(store: VectorStore, space: str, arm: Arm) -> None:
    with pytest.raises(BadVectors):
        await store.search([replace(arm, space=space)])


async def test_bad_pages_and_ids_are_refused(store: VectorStore, space: str) -> None:
    for page in ({"limit": 0}, {"limit": 10_001}, {"cursor": "next"}):
        with pytest.raises(BadVectors):
            await store.scroll(space, **page)  # type: ignore[arg-type]
    with pytest.raises(BadVectors):
        await store.retrieve(space, ["seven"])
