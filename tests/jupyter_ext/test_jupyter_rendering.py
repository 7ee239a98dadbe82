"""Static outputs: what they say, that nothing is lost or let through, how large they get."""

from __future__ import annotations

import html
import re
import threading

import pytest
from jupyter_samples import (
    CANARY,
    PASSAGE,
    answer,
    ended,
    failure,
    hit,
    noise,
    picture,
    some_hits,
    task,
)
from lab_sanitizer import problems, sanitized

from jupyter_ext import cards, help_view, table_view, task_view, thumbnails, words
from jupyter_ext.cards import View
from jupyter_ext.task_view import TaskView
from workbench.commands.tree import find_verb, verb_parser
from workbench.domain.states import TaskState
from workbench.domain.wire import CollectionProgress, Folded, Funnel, TaskOut

QUERY = "the goat on the harbour wall"


def search_html(**changes: object) -> str:
    hits = some_hits()
    pictures = {h.object_id: picture(h.rank) for h in hits if thumbnails.has_picture(h.mime)}
    return cards.render(View(answer(hits), QUERY, **{"stable": False, **changes}), pictures)


def task_html(task: TaskOut, **changes: object) -> str:
    return task_view.render(TaskView(task, **changes))


def test_every_output_survives_the_sanitizer() -> None:
    grid = table_view.from_dicts([{"a": 1, "b": "x" * 300}, {"a": None, "c": 2.5}], [])
    pages = [
        search_html(),
        cards.render(View(answer([]), QUERY, stable=True), {}),
        cards.render(View(answer([], warnings=["no text index"]), QUERY, stable=True), {}),
        *(task_html(task(s)) for s in (TaskState.PENDING, TaskState.IN_PROGRESS)),
        *(task_html(ended(s, 3), failures=[failure(1)]) for s in TaskState if s.ended),
        table_view.render(grid),
    ]
    for page in pages:
        assert problems(page) == []


def test_the_sanitizer_of_these_tests_would_tell() -> None:
    assert problems("<script>x</script>") == ["element script"]
    assert problems('<img src="http://example.org/a.png">')
    assert problems('<div style="color:var(--jp-ui-font-color1)">x</div>')
    assert problems('<div style="background:url(javascript:x)">x</div>')
    assert problems('<div onclick="x">x</div>') == ["attribute div[onclick]"]


def test_untrusted_text_is_text_everywhere() -> None:
    evil = hit(
        1,
        CANARY + ".jpg",
        text=CANARY + " goat",
        labels=[CANARY],
        mime=CANARY,
        reasons=[{"kind": "dense", "feature": CANARY, "score": 0.5, "rank": 1}],
        extractor=CANARY,
    )
    response = answer([evil, hit(2, "x.jpg")], warnings=[CANARY], collections=[CANARY])
    wrong = failure(1, object_name=CANARY, message=CANARY, hint=CANARY)
    failed = ended(TaskState.FAILED, 1, bucket=CANARY)
    failed.error.message = failed.error.hint = CANARY
    running = task(TaskState.IN_PROGRESS, bucket=CANARY)
    running.collections[0].extractor = running.collections[0].collection = CANARY
    grid = table_view.from_dicts([{CANARY: CANARY, "b": [CANARY]}], [], note=CANARY)
    views = [TaskView(failed, [wrong]), TaskView(running)]
    view = View(response, CANARY, stable=False)
    pages = [cards.render(view, {"obj_1": picture()}), table_view.render(grid)]
    pages += [task_view.render(v) for v in views]
    for page in pages:
        assert problems(page) == []
        assert "<script" not in page
        assert "onerror=" not in page.replace("onerror=alert(2)&gt;", "")
        assert "\x1b" not in page
        assert "\u202e" not in page
    for text in [cards.plain(view), table_view.plain(grid), *map(task_view.plain, views)]:
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_a_search_says_what_was_found_where_and_why() -> None:
    page = search_html()
    assert "24 hits" in page
    assert "31 ms" in page
    assert page.count("<img ") == 10  # nine pictures and the video's
    assert "0:42-0:47" in page
    assert "p. 12" in page
    assert "words 6.3" in page
    assert "semantic 0.71" in page
    assert ">goats</b>" in page  # the query's goat, marked
    assert ">the</b>" not in page.lower()
    assert "notes/024.txt" in page


def test_a_hit_without_its_picture_says_what_it_is() -> None:
    page = cards.render(View(answer([hit(1, "a.jpg", labels=["goat"])]), "x", stable=True), {})
    assert "<img" not in page
    assert "goat" in page


def test_stable_outputs_hold_no_ids_and_no_times() -> None:
    done = ended(TaskState.COMPLETED_WITH_ERRORS, 2)
    view = View(answer(some_hits()), QUERY, stable=True)
    finished = TaskView(done, [failure(1)], stable=True)
    texts = [
        cards.render(view, {}),
        cards.plain(view),
        task_view.render(finished),
        task_view.plain(finished),
    ]
    for text in texts:
        assert " ms" not in text
        assert "tsk_" not in text
        assert "min" not in text.replace("mixpeek", "")
    assert "1 min 52 s" in task_view.plain(TaskView(done))
    assert "tsk_" in task_view.plain(TaskView(done))


def test_the_same_answer_gives_the_same_bytes() -> None:
    assert search_html(stable=True) == search_html(stable=True)


@pytest.mark.parametrize("budget", [256_000, 120_000, 20_000, 2_000])
def test_the_budget_holds(budget: int) -> None:
    hits = [hit(n, f"{'é' * 60}{n}.jpg", text=PASSAGE * 3) for n in range(1, 200)]
    data = noise()
    pictures = {h.object_id: data for h in hits}
    page = cards.render(View(answer(hits), QUERY, stable=True), pictures, budget)
    assert len(page.encode()) <= budget
    assert problems(page) == []
    if budget >= 120_000:
        assert page.count("<img ") >= 1
        assert "more in .df" in page


def test_pictures_are_dropped_from_the_end() -> None:
    hits = [hit(n, f"{n}.jpg") for n in range(1, 13)]
    pictures = {h.object_id: noise() for h in hits}
    one = len(noise()) * 4 // 3
    bare = len(cards.render(View(answer(hits), "x", stable=True), {}).encode())
    page = cards.render(View(answer(hits), "x", stable=True), pictures, bare + 3 * one + 1500)
    assert page.count("<img ") == 3
    assert page.index('alt="3.jpg"') < page.index("4.jpg")


def test_a_table_within_the_budget() -> None:
    wide = [{f"column {c}": "文" * 100 for c in range(30)} for _ in range(400)]
    page = table_view.render(table_view.from_dicts(wide, []))
    assert len(page.encode()) <= cards.BUDGET
    assert "more in .df" in page
    assert "14 more columns in .df" in page


def test_values_in_tables_are_readable() -> None:
    grid = table_view.from_dicts([{"name": "trip", "objects": 12}], ["name", "objects"])
    assert table_view.plain(grid) == "name  objects\ntrip       12"
    assert table_view.plain(table_view.from_dicts([], ["name"])) == "no rows"
    odd = [{"a": None, "b": float("nan"), "c": True, "d": ["x", "y"], "e": "long " * 100}]
    page = table_view.render(table_view.from_dicts(odd, []))
    for value in (">-<", ">yes<", ">x, y<", "…<"):
        assert value in page
    assert "text-align:right" not in page.partition("<tbody>")[2].partition(">yes<")[2]


def test_a_running_task_tells_what_it_knows() -> None:
    late = task(TaskState.IN_PROGRESS)
    late.collections[0].indexed += 100
    late.collections[0].rate, late.collections[0].seconds_left = 50.0, 7.7
    view = TaskView(late, waiting=True)
    page, text = task_view.render(view), task_view.plain(view)
    assert "50/s" in page
    assert "1,307 / 1,690" in page
    assert "unknown" in page  # nothing moved in text, and audio is not counted
    assert "0 / ?" in page
    assert "%mixpeek wait tsk_" in page
    assert "image: 1,307 / 1,690, 50/s, 8 s left, 3 failed" in text
    assert "audio: 0 / ?, time left unknown" in text


def test_an_ended_task_lists_what_failed() -> None:
    done = ended(TaskState.COMPLETED_WITH_ERRORS, 2)
    some = [failure(1), failure(2, hint=None, retryable=True, category="network")]
    page = task_view.render(TaskView(done, some))
    assert "completed with failures" in page
    assert "30 indexed, 8 unchanged, 2 failed, 118 documents searchable" in page
    assert "12 files of other types" in page
    assert "copy it again from the camera" in page
    assert "%mixpeek retry" in page
    many = TaskView(ended(TaskState.COMPLETED_WITH_ERRORS, 60), [failure(n) for n in range(60)])
    assert "40 more in .failures" in task_view.render(many)
    assert "40 more in .failures" in task_view.plain(many)


def test_a_failed_task_says_why() -> None:
    text = task_view.plain(TaskView(ended(TaskState.FAILED)))
    assert text.startswith("ingest trip: failed")
    assert "nothing matched" in text
    assert "name an extractor" in text


def test_an_ended_task_tells_its_funnel() -> None:
    counts = Funnel(listed=50, matched=40, read=32, read_bytes=1000)
    images = CollectionProgress(collection="trip.image", extractor="image@1", funnel=counts)
    done = ended(TaskState.COMPLETED, collections=[images])
    for shown in (task_view.plain(TaskView(done)), task_view.render(TaskView(done))):
        assert "50 listed" in shown
        assert "32 read" in shown


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("goats on walls", "a goat, wall", [("goats", True), (" on ", False), ("walls", True)]),
        ("Straße", "strasse", [("Straße", True)]),
        ("the and", "the and", [("the and", False)]),
        ("category", "cat", [("category", False)]),
        ("", "x", []),
    ],
)
def test_marked_words(text: str, query: str, expected: list[tuple[str, bool]]) -> None:
    assert words.marked(text, words.query_words(query)) == expected


def test_a_snippet_stands_around_the_match() -> None:
    text = "one " * 200 + "the goat stood there " + "two " * 200
    cut = words.snippet(text, words.query_words("goat"))
    assert "goat" in cut
    assert cut.startswith("…")
    assert cut.endswith("…")
    assert len(cut) <= words.SNIPPET + 2
    assert words.snippet("x" * 5000, frozenset()) == "x" * words.SNIPPET + "…"


def test_thumbnails_are_checked_and_bounded() -> None:
    good = picture()
    answers = {"a": good, "b": b"<svg/>", "c": b"RIFF1234WEBP" + bytes(60_000), "d": good}

    def fetch(object_id: str) -> bytes:
        if object_id not in answers:
            raise KeyError(object_id)
        return answers[object_id]

    assert thumbnails.fetch_all(["a", "b", "c", "e", "d", "a"], fetch) == {"a": good, "d": good}
    asked: list[str] = []
    thumbnails.fetch_all((str(n) for n in range(50)), lambda i: asked.append(i) or good)
    assert len(asked) == thumbnails.MOST


def test_slow_thumbnails_are_left_out() -> None:
    hold = threading.Event()

    def fetch(object_id: str) -> bytes:
        if object_id == "slow":
            hold.wait(5)
        return picture()

    try:
        assert set(thumbnails.fetch_all(["slow", "fast"], fetch, seconds=0.3)) == {"fast"}
    finally:
        hold.set()


def test_the_untrusted_page_still_says_it_all() -> None:
    page = sanitized(search_html())
    assert page.count("<img ") == 10
    assert "var(" not in page
    assert "24 hits" in page


def test_hits_of_one_object_are_folded_under_the_best() -> None:
    others = [
        Folded(document_id=f"d{n}", collection="b.video", score=0.1, start_ms=n * 1000)
        for n in (42, 70)
    ]
    best = hit(1, "trip.mp4").model_copy(update={"others": others})
    view = View(answer([best]), "x", stable=True)
    assert "2 more: 0:42, 1:10" in cards.render(view, {})
    assert "2 more: 0:42, 1:10" in cards.plain(view)


def test_help_is_a_table_that_loses_no_word() -> None:
    text = verb_parser(find_verb("search"), "%mixpeek search").format_help()
    page = help_view.render(text)
    assert problems(page) == []
    assert page.count("<tr") == text.count("\n  -") + 1
    bare = html.unescape(re.sub("<[^>]+>", " ", page))
    assert "".join(bare.split()) == "".join(text.split())
    assert "&lt;" in help_view.render("usage: x\n\n  <b>  <script>")
