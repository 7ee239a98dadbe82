"""The second look: order, reasons, pages and groups, and what is said when it cannot be had."""

from __future__ import annotations

import threading
from typing import ClassVar

import pytest
import search_fixtures as fixtures
from search_fixtures import calls

from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.wire import Hit, Reason
from workbench.search import session
from workbench.search.reranking import OPEN, Rerankers, reranked

MODEL = "tiny/shortest"


def hit(name: str, text: str | None, rank: int) -> Hit:
    return Hit(
        document_id=name,
        object_id=f"obj_{name}",
        object_name=name,
        bucket="b",
        collection="b.words",
        extractor="words@1",
        mime="text/plain",
        text=text,
        rank=rank,
        score=1 / rank,
        reasons=[Reason(kind="text", score=3.0, rank=rank)],
    )


def test_hits_with_a_text_come_in_the_new_order_the_others_below_as_they_were() -> None:
    hits = [hit("p", None, 1), hit("a", "one", 2), hit("q", "", 3), hit("b", "two", 4)]
    found = reranked(hits, [-1.5, 7.0], MODEL)
    assert [(each.document_id, each.rank) for each in found] == [
        ("b", 1),
        ("a", 2),
        ("p", 3),
        ("q", 4),
    ]
    best = found[0]
    assert best.score == 7.0
    assert [(r.kind, r.feature, r.score, r.rank) for r in best.reasons] == [
        ("rerank", MODEL, 7.0, 1),
        ("text", None, 3.0, 4),
    ]
    assert found[2].reasons == hits[0].reasons


def test_equal_scores_keep_the_order_of_the_search() -> None:
    hits = [hit(str(n), "same", n) for n in range(1, 6)]
    assert [each.document_id for each in reranked(hits, [1.0] * 5, MODEL)] == list("12345")


async def test_models_are_opened_once_in_their_own_thread_and_the_oldest_is_closed() -> None:
    class Many(fixtures.Shortest):
        models = tuple(f"tiny/{n}" for n in range(OPEN + 1))

    calls.clear()
    rerankers = Rerankers(lambda: [Many])
    for model in ("tiny/0", "tiny/0", "tiny/1", "tiny/2", "tiny/0"):
        scores = await rerankers.score(model, "q", ["long text", "short"])
        assert scores.tolist() == [-9.0, -5.0]
    loads = [what for what, _ in calls if what.startswith("load")]
    assert loads == ["load tiny/0", "load tiny/1", "load tiny/2", "load tiny/0"]
    assert {thread.partition("_")[0] for _, thread in calls} == {"rerank"}
    assert threading.current_thread().name not in {thread for _, thread in calls}
    rerankers.close()


@pytest.mark.parametrize(
    ("model", "code", "says"),
    [
        ("tiny/lost", Code.UNAVAILABLE, "lost.onnx is not here"),
        ("tiny/wrong", Code.INTERNAL, "tiny/wrong made no valid scores"),
        ("shortst", Code.INVALID_QUERY, "there is no model 'shortst'"),
    ],
)
async def test_what_cannot_be_scored_says_why(model: str, code: Code, says: str) -> None:
    rerankers = Rerankers(lambda: [fixtures.Shortest])
    with pytest.raises(WorkbenchError) as caught:
        await rerankers.score(model, "q", ["text"])
    assert caught.value.code is code
    assert says in caught.value.message
    if code is Code.INVALID_QUERY:
        assert caught.value.hint == "did you mean tiny/shortest?"
    rerankers.close()


async def test_one_that_did_not_open_is_tried_again_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Later(fixtures.Shortest):
        models = ("tiny/later",)
        tries: ClassVar[list[int]] = []

        def load(self) -> None:
            self.tries.append(1)
            if len(self.tries) == 1:
                raise OSError("the hub cannot be reached")

    rerankers = Rerankers(lambda: [Later])
    for _ in range(3):
        with pytest.raises(WorkbenchError, match="the hub cannot be reached"):
            await rerankers.score("tiny/later", "q", ["text"])
    assert Later.tries == [1]
    monkeypatch.setattr(session, "AGAIN", 0.0)
    assert (await rerankers.score("tiny/later", "q", ["text"])).tolist() == [-4.0]
    rerankers.close()


def test_those_of_this_environment_are_found_by_their_entry_point() -> None:
    from workbench.search.reranking import _installed  # pyright: ignore[reportPrivateUsage]

    names = {name for kind in _installed() for name in kind.models}
    assert "Xenova/ms-marco-MiniLM-L-6-v2" in names
