"""The live views in a kernel: what goes to the browser, what its questions do, what is kept."""

from __future__ import annotations

import json
import queue
import threading
import time
from typing import Any

import nbformat
import pytest
from conftest import Notebook
from jupyter_samples import PASSAGE, answer, ended, failure, hit, noise, task
from jupyter_service import HOME, KEY

from jupyter_ext import cards
from jupyter_ext.refining import Like, Refine, Search
from jupyter_ext.results import Hits
from jupyter_ext.saved import VIEW, without_live_views
from jupyter_ext.widgets.live import LiveView
from workbench.domain.states import TaskState
from workbench.domain.wire import SearchRequest, SearchResponse

SECONDS = 20.0


@pytest.fixture
def watched(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> Notebook:
    """Somebody looks on."""
    monkeypatch.setenv("JPY_SESSION_NAME", "x.ipynb")
    return notebook


def view_of(bundle: dict[str, Any]) -> LiveView:
    import ipywidgets

    return ipywidgets.widgets.widget._instances[bundle[VIEW]["model_id"]]


def ask(view: LiveView, kind: str, **body: Any) -> tuple[dict[str, Any], list[bytes] | None]:
    """What the browser would get: a message as it sends it, the answer as it comes."""
    answers: queue.Queue[Any] = queue.Queue()
    view.send = lambda content, buffers=None: answers.put((content, buffers))
    view._handle_custom_msg({"ask": kind, "id": "1", "body": body}, [])
    content, buffers = answers.get(timeout=SECONDS)
    assert content["id"] == "1"
    return content, buffers


def until(holds: Any) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def search(notebook: Notebook, options: str = "--top 4") -> Any:
    return notebook.run(f"%%search found << {options}\nthe goat on the wall").value


def test_results_are_a_view_with_its_words_beside_it(watched: Notebook) -> None:
    found = search(watched)
    bundle, metadata = watched.shell.display_formatter.format(found)
    assert {VIEW, "text/html", "text/plain"} == set(bundle)
    assert metadata["mixpeek"] == {"live": True}
    assert "IMG_1187" in bundle["text/html"]
    view = view_of(bundle)
    assert (view.home, view.namespace) == (HOME, "default")
    assert [each["rank"] for each in view.view["hits"]] == [1, 2, 3, 4]
    assert view_of(watched.bundle(found)) is view, "one view for all displays"
    assert KEY not in json.dumps(view.get_state(), default=str)
    assert watched.service.url not in json.dumps(view.get_state(), default=str)


def test_where_nobody_looks_there_is_no_view(notebook: Notebook) -> None:
    assert set(notebook.bundle(search(notebook))) == {"text/html", "text/plain"}


def test_what_is_selected_there_is_selected_here(watched: Notebook) -> None:
    found = search(watched)
    seen: list[list[str]] = []
    found.observe(lambda change: seen.append([h.document_id for h in change["new"]]), "selected")
    view = view_of(watched.bundle(found))
    view.set_state({"selected": ["doc_3", "doc_1", "doc_of_nobody"]})
    assert [h.document_id for h in found.selected] == ["doc_3", "doc_1"]
    assert found.selected.df.object_name.tolist() == ["Port history.txt", "harbour/IMG_1187.jpg"]
    found.selected = found[:2]
    assert view.selected == ["doc_1", "doc_2"]
    assert seen == [["doc_3", "doc_1"], ["doc_1", "doc_2"]]


def test_refining_there_changes_the_hits_here(watched: Notebook) -> None:
    found = search(watched, "--bucket trip --filter 'page > 3' --top 4")
    found.selected = found[:3]
    view = view_of(watched.bundle(found))
    serial = view.view["serial"]
    refine = {"kinds": ["image"], "labels": ["dune"], "since": "2026-08-01", "until": "2026-09-01"}
    reply, _ = ask(view, "search", refine=refine)
    assert reply["ok"]
    request: SearchRequest = watched.service.asked[-1][1]
    assert (request.kinds, request.buckets, request.text) == (
        ["image"],
        ["trip"],
        "the goat on the wall",
    )
    assert request.filter == {
        "AND": [
            {"field": "page", "operator": "gt", "value": 3},
            {
                "AND": [
                    {"field": "labels", "operator": "eq", "value": "dune"},
                    {"field": "modified_at", "operator": "gte", "value": "2026-08-01"},
                    {"field": "modified_at", "operator": "lt", "value": "2026-09-01"},
                ]
            },
        ]
    }
    assert {h.mime for h in found} == {"image/jpeg"}
    assert [h.document_id for h in found.selected] == ["doc_1"], "what is gone is not selected"
    assert len(found.df) == 4
    assert view.view["serial"] > serial
    assert view.view["refine"]["labels"] == ("dune",)


def test_more_like_this_and_back_to_words(watched: Notebook) -> None:
    view = view_of(watched.bundle(search(watched)))
    ask(view, "search", like={"document_id": "doc_2", "name": "evening walk.mp4"})
    request: SearchRequest = watched.service.asked[-1][1]
    assert (request.document_id, request.text) == ("doc_2", None)
    assert view.view["like"]["name"] == "evening walk.mp4"
    ask(view, "search", text="boats")
    request = watched.service.asked[-1][1]
    assert (request.document_id, request.text) == (None, "boats")


def test_more_hits_are_fetched_once(watched: Notebook) -> None:
    found = search(watched)
    view = view_of(watched.bundle(found))
    reply, _ = ask(view, "more", offset=4)
    assert [h["rank"] for h in reply["body"]["hits"]] == list(range(5, 25))
    assert reply["body"]["complete"]
    assert len(found) == 24
    asked = watched.service.names().count("search")
    again, _ = ask(view, "more", offset=4)  # a page that was reloaded
    assert again["body"] == reply["body"]
    assert watched.service.names().count("search") == asked


def test_pictures_come_by_message_and_only_those_of_hits(watched: Notebook) -> None:
    view = view_of(watched.bundle(search(watched)))
    reply, buffers = ask(view, "picture", document_id="doc_1", size=160)
    assert reply["body"] == {"mime": "image/webp"}
    assert buffers is not None
    assert buffers[0][:4] == b"RIFF"
    assert ask(view, "picture", document_id="doc_of_others", size=160)[1] is None


def test_a_refusal_is_a_sentence(watched: Notebook) -> None:
    view = view_of(watched.bundle(search(watched)))
    refused, _ = ask(view, "search", refine={"since": "yesterday"})
    assert not refused["ok"]
    unknown, _ = ask(view, "wipe")
    assert unknown["body"] == "this kernel does not know the question"


def test_a_wait_is_a_view_and_in_the_end_words(watched: Notebook) -> None:
    watched.service.states[1:2] = [task(TaskState.IN_PROGRESS) for _ in range(3)]
    cell = watched.run("t = %mixpeek wait tsk_1")
    (first, _), *updates = cell.displays
    assert VIEW in first
    [(last, update)] = updates
    assert update
    assert set(last) == {"text/html", "text/plain"}
    assert "completed" in last["text/html"]
    with pytest.raises(KeyError):
        view_of(first)  # closed


def test_buttons_work_while_the_cell_waits(watched: Notebook) -> None:
    """The message is handled in another thread, as a subshell does it."""
    watched.service.states = [task(TaskState.IN_PROGRESS)]
    watched.service.failures = [failure(1)]
    told: list[Any] = []

    def click() -> None:
        import ipywidgets

        instances = ipywidgets.widgets.widget._instances
        until(lambda: any(type(w).__name__ == "TasksView" for w in list(instances.values())))
        view = next(w for w in list(instances.values()) if type(w).__name__ == "TasksView")
        told.append(ask(view, "failures", task_id="tsk_1")[0]["body"][0]["object_name"])
        told.append(ask(view, "control", task_id="tsk_1", verb="delete")[0]["ok"])
        told.append(ask(view, "control", task_id="tsk_1", verb="pause")[0]["ok"])
        watched.service.states = [ended(TaskState.COMPLETED)]

    clicking = threading.Thread(target=click)
    clicking.start()
    watched.run("t = %mixpeek wait tsk_1")
    clicking.join(SECONDS)
    assert told == ["dunes/IMG_0001.jpg", False, True]
    assert ("pause", "tsk_1") in watched.service.asked


def test_an_interrupt_leaves_words_and_no_buttons(watched: Notebook) -> None:
    watched.service.states = [task(TaskState.IN_PROGRESS)]
    cell = watched.interrupted("%mixpeek wait tsk_1", after=0.6)
    assert type(cell.error).__name__ == "WaitInterrupted"
    last, update = cell.displays[-1]
    assert update
    assert VIEW not in last
    assert "Interrupting this cell" not in last["text/html"]


def test_tasks_are_one_view_that_stays_true(watched: Notebook) -> None:
    watched.service.states = [task(TaskState.IN_PROGRESS, task_id="tsk_1")]
    cell = watched.run("%mixpeek tasks")
    view = view_of(watched.bundle(cell.value))
    assert view.view["tasks"][0]["state"] == "IN_PROGRESS"
    watched.service.states = [ended(TaskState.COMPLETED_WITH_ERRORS, 2, task_id="tsk_1")]
    until(lambda: view.view["tasks"][0]["state"] == "COMPLETED_WITH_ERRORS")
    ask(view, "control", task_id="tsk_1", verb="retry")
    until(lambda: view.view["tasks"][0]["state"] == "COMPLETED")
    assert [t["task_id"] for t in view.view["tasks"]] == ["tsk_again", "tsk_1"]


def test_a_detached_task_follows_itself_and_ends_as_words(watched: Notebook) -> None:
    watched.service.states = [task(TaskState.IN_PROGRESS)]
    shown: list[Any] = []
    watched.run("t = %mixpeek pause tsk_1")
    handle = watched.shell.user_ns["t"]
    screen = handle._screen
    real = screen.show

    def show(bundle: Any, metadata: Any = None) -> Any:
        made = real(bundle, metadata)
        made.update = lambda obj, **_: shown.append(obj)
        return made

    screen.show = show
    watched.run("t")
    watched.service.states = [ended(TaskState.COMPLETED)]
    until(lambda: shown)
    assert "completed" in shown[0]["text/plain"]
    assert VIEW not in shown[0]
    assert handle.state is TaskState.COMPLETED


def test_a_saved_notebook_keeps_words_and_is_small(watched: Notebook) -> None:
    """A hundred hits, pictures as large as they come."""
    pictures = {f"obj_{n}": noise() for n in range(1, 101)}
    hits = [
        hit(n, f"dunes/IMG_{n:04}.jpg", text=PASSAGE * 20, labels=["a"] * 9) for n in range(1, 101)
    ]
    watched.service.found = answer(hits)
    found = search(watched, "--top 100")
    bundle, metadata = watched.shell.display_formatter.format(found)
    full = cards.render(cards.View(found.response, found.query, stable=False), pictures)
    data = {**bundle, "text/html": full}
    output = nbformat.v4.new_output("execute_result", data, metadata=metadata, execution_count=1)
    foreign = nbformat.v4.new_output("display_data", dict(data), metadata={})
    cell = nbformat.v4.new_code_cell("found", outputs=[output, foreign])
    notebook = nbformat.v4.new_notebook(cells=[cell])
    without_live_views(notebook)
    assert set(cell.outputs[0].data) == {"text/html", "text/plain"}
    assert VIEW in cell.outputs[1].data, "only ours"
    cell.outputs.pop()
    size = len(nbformat.writes(notebook).encode())
    print(f"a saved notebook with 100 hits: {size:,} bytes")
    assert size < 400_000
    nbformat.validate(notebook)


@pytest.mark.parametrize("odd", [None, [], {"cells": 1}, {"cells": [1, {"outputs": [None, {}]}]}])
def test_what_is_no_notebook_stays(odd: Any) -> None:
    before = json.dumps(odd)
    without_live_views(odd)
    assert json.dumps(odd) == before


def test_a_refinement_from_a_browser_is_not_trusted() -> None:
    assert Refine.of("x") == Refine()
    odd = {"kinds": ["image", "rm -rf", 3], "buckets": "trip", "labels": [1, "a"], "since": 5}
    assert Refine.of(odd) == Refine(kinds=("image",), labels=("a",))


def test_a_search_never_widens() -> None:
    asked: list[SearchRequest] = []

    def service(request: SearchRequest) -> SearchResponse:
        asked.append(request)
        return answer([hit(1, "a.jpg")])

    base = SearchRequest(text="goat", kinds=["image"], filter="page > 3", collections=["a.b"])
    going = Search(lambda: base, service, answer([hit(1, "a.jpg")]), "goat", 1)
    going.search(refine=Refine(kinds=("video",)))
    assert asked[0].kinds == ["image"]
    going.search(like=Like("doc_1", "a.jpg"))
    assert asked[1].collections == ["a.b"]
    assert asked[1].filter == {"field": "page", "operator": "gt", "value": 3}


def test_only_texts_are_reranked() -> None:
    asked: list[SearchRequest] = []

    def service(request: SearchRequest) -> SearchResponse:
        asked.append(request)
        return answer([hit(1, "a.jpg")])

    base = SearchRequest(text="goat", rerank="some/model")
    going = Search(lambda: base, service, answer([hit(1, "a.jpg")]), "goat", 1)
    going.search(refine=Refine(kinds=("video",)))
    going.search(like=Like("doc_1", "a.jpg"))
    going.search(text="sheep")
    assert [request.rerank for request in asked] == ["some/model", None, "some/model"]


def test_hits_are_a_list_with_a_dataframe() -> None:
    assert Hits().df.columns[0] == "rank"
    assert Hits([hit(1, "a.jpg", payload={"width": 3})]).df.width.tolist() == [3]
