"""The shell: exit statuses, what goes to which stream, JSON, help."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from client_service import KEY, Reply, Seen, Service, page, refusal, task

import workbench
from workbench.commands.tree import VERBS
from workbench.domain.states import TaskKind, TaskState
from workbench.domain.wire import FailureOut, TaskOut

FAILURE = {
    "failure_id": "fail_1",
    "task_id": "tsk_1",
    "object_id": "obj_1",
    "object_name": "bad\x1b[31m.jpg",
    "collection": "trip.image",
    "category": "format",
    "message": "the file ends in the middle",
    "hint": None,
    "stage": "decode",
    "traceback": None,
    "retryable": False,
    "attempts": 1,
    "worker": "host/7",
    "digest": "d",
    "at": "2026-11-24T10:00:00Z",
}

Run = Callable[..., Any]
HIT: dict[str, Any] = {
    "rank": 1,
    "score": 0.91234567,
    "reasons": [{"kind": "text", "score": 3.2, "rank": 1}],
    "document_id": "6d1f6f0e-52a4-5d3c-9a55-6d6978706565",
    "object_id": "obj_1",
    "object_name": "notes/a.pdf",
    "bucket": "trip",
    "collection": "trip.text",
    "extractor": "text@1",
    "mime": "application/pdf",
    "text": "a dog\non a beach",
    "page": 3,
}
FOUND: dict[str, Any] = {
    "hits": [HIT],
    "mode": "hybrid",
    "collections": ["trip.text"],
    "timing": {"encode": 0.01, "engine": 0.002, "total": 0.02},
}


def ending(service: Service, *states: TaskOut) -> None:
    """An ingest is accepted as the first state and goes through the others."""
    service.on("POST", "/tasks/ingest", Reply(states[0], 202))
    answers = [Reply(state, headers={"X-Sequence": str(n)}) for n, state in enumerate(states)]
    service.on("GET", "/tasks/tsk_1", *answers)


# ---- help and wrong use -------------------------------------------------------------------------


def test_version(run: Run) -> None:
    assert run("--version").out == f"mixpeek {workbench.__version__}\n"


def test_help_lists_every_verb_of_commands_and_stack(run: Run) -> None:
    ran = run("--help")
    assert (ran.status, ran.err) == (0, "")
    for name in ("ingest", "search", "sql", "delete", "up", "down", "status", "doctor", "lab"):
        assert f"\n  {name} " in ran.out
    assert "serve" not in ran.out


def test_no_verb_is_wrong_use_and_shows_the_help(run: Run) -> None:
    assert run().status == 2


@pytest.mark.parametrize("verb", [verb.name for verb in VERBS])
def test_every_verb_has_help_and_takes_json_and_namespace(verb: str, run: Run) -> None:
    ran = run(verb, "--help")
    assert (ran.status, ran.err) == (0, "")
    assert f"usage: mixpeek {verb}" in ran.out
    assert "--json" in ran.out
    assert "--namespace" in ran.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["serach", "dog"], "did you mean search?"),
        (["dwon"], "did you mean down?"),
        (["search", "dog", "--tpo", "3"], "did you mean --top?"),
        (["search", "dog", "--to", "3"], "no option --to"),
        (["search", "dog", "--top", "0"], "from 1 to 1,000"),
        (["search", "dog", "--top", "many"], "--top"),
        (["search", "dog", "--mode", "fuzzy"], "invalid choice"),
        (["search"], "a text or --like FILE"),
        (["search", "dog", "--like", "x.jpg"], "not both"),
        (["search", "--like", "/nowhere/x.jpg"], "/nowhere/x.jpg"),
        (["wait"], "required: ID"),
        (["tasks", "a", "b"], "too many arguments: b"),
        (["ingest", "/nowhere/media"], "/nowhere/media"),
        (["ingest", ".", "--set", "size=3"], "extractor.param=value"),
        (["ingest", ".", "--extractors", "a,,b"], "empty name"),
        (["delete", "planet", "x"], "invalid choice"),
        (["up", "--detahc"], "did you mean --detach?"),
    ],
)
def test_wrong_use_is_two_lines_and_status_2(
    arguments: list[str], told: str, run: Run, service: Service
) -> None:
    ran = run(*arguments)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("error: ")
    assert told in ran.err
    assert ran.err.count("\n") <= 2
    assert service.seen == []


# ---- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_no_service_is_status_3_and_names_up(more: list[str], run: Run) -> None:
    ran = run("tasks", *more)
    assert (ran.status, ran.out) == (3, "")
    assert "no service runs in" in ran.err
    assert "mixpeek up" in ran.err


def test_a_dead_service_is_status_3(run: Run, service: Service) -> None:
    service.stop()
    assert run("buckets").status == 3


def test_a_refusal_is_status_4(run: Run, service: Service) -> None:
    service.on("GET", "/tasks/tsk_9", refusal(404, "not_found", "there is no task", "see tasks"))
    ran = run("tasks", "tsk_9")
    assert (ran.status, ran.out) == (4, "")
    assert ran.err == "error: there is no task\nhint: see tasks\n"


def test_a_refusal_as_json_is_the_envelope_on_standard_error(run: Run, service: Service) -> None:
    service.on("POST", "/tasks/tsk_1/cancel", refusal(409, "task_ended", "it has ended", at=1))
    ran = run("cancel", "tsk_1", "--json")
    assert (ran.status, ran.out) == (4, "")
    assert json.loads(ran.err) == {
        "error": {
            "code": "task_ended",
            "message": "it has ended",
            "hint": None,
            "details": {"at": 1},
            "request_id": "req_1",
        }
    }


def test_a_wrong_key_is_refused_and_not_shown(
    run: Run, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIXPEEK_URL", service.url)
    monkeypatch.setenv("MIXPEEK_API_KEY", "not_the_key_of_this_service")
    ran = run("buckets", "--json")
    assert ran.status == 4
    assert json.loads(ran.err)["error"]["code"] == "unauthorized"
    assert "not_the_key" not in ran.err
    assert KEY not in ran.err


def test_terminal_codes_in_names_and_errors_are_not_obeyed(run: Run, service: Service) -> None:
    service.on("GET", "/tasks/tsk_1/failures", page([FailureOut.model_validate(FAILURE)]))
    service.on("GET", "/tasks/tsk_2", refusal(404, "not_found", "no \x1b]0;title\x07"))
    assert "\x1b" not in run("failures", "tsk_1").out
    assert "\x1b" not in run("tasks", "tsk_2").err


# ---- ingest, wait and the like ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (task(TaskState.COMPLETED, indexed=5, total=5), 0),
        (task(TaskState.COMPLETED_WITH_ERRORS, indexed=4, failed=1, total=5), 1),
        (task(TaskState.FAILED, total=0), 1),
        (task(TaskState.CANCELED, indexed=2, total=5), 1),
    ],
)
def test_ingest_waits_and_its_status_says_how_it_ended(
    end: TaskOut, status: int, run: Run, service: Service, tmp_path: Path
) -> None:
    ending(service, task(TaskState.PENDING), task(TaskState.IN_PROGRESS, indexed=2, total=5), end)
    ran = run("ingest", str(tmp_path), "--bucket", "trip", "--json")
    assert ran.status == status
    assert ran.json == end.model_dump(mode="json")
    assert "text 2/5" in ran.err


def test_the_json_of_a_task_has_what_scripts_rely_on(
    run: Run, service: Service, tmp_path: Path
) -> None:
    ending(service, task(TaskState.COMPLETED, indexed=3, skipped=2, total=5))
    found = run("ingest", str(tmp_path), "--json").json
    assert {name: found[name] for name in ("task_id", "kind", "state", "requested", "bucket")} == {
        "task_id": "tsk_1",
        "kind": "ingest",
        "state": "COMPLETED",
        "requested": None,
        "bucket": "trip",
    }
    progress = {"total": 5, "indexed": 3, "skipped": 2, "failed": 0, "canceled": 0, "documents": 5}
    assert found["progress"].items() >= progress.items()
    assert found["objects"].items() >= {"listed": 5, "matched": 5, "unmatched": 0}.items()


def test_ingest_sends_what_was_typed(run: Run, service: Service, tmp_path: Path) -> None:
    ending(service, task())
    run(
        *("ingest", str(tmp_path), "--bucket", "trip", "--extractors", "text, image,text"),
        *("--set", "text.chunk_size=800", "--set", "image.labels=[1, null]"),
        *("--set", "text.note=plain words", "--exclude", "*.tmp", "--exclude", "old/*"),
        *("--verify", "--namespace", "team"),
        *("--retry", "attempts=5, backoff=2,categories=network+format"),
    )
    sent = service.sent("POST", "/tasks/ingest")[0]
    assert sent.headers["x-namespace"] == "team"
    assert sent.json == {
        "source": str(tmp_path.resolve()),
        "bucket": "trip",
        "extractors": ["text", "image"],
        "parameters": {
            "text": {"chunk_size": 800, "note": "plain words"},
            "image": {"labels": [1, None]},
        },
        "exclude": ["*.tmp", "old/*"],
        "verify": True,
        "local": True,
        "retry": {"attempts": 5, "backoff": 2.0, "categories": ["network", "format"]},
        "round": None,
    }


def test_a_dry_run_lists_and_starts_nothing(run: Run, service: Service, tmp_path: Path) -> None:
    row = {"kind": "image", "mime": "image/png", "extractor": "image", "files": 7, "bytes": 2048}
    found = {
        "bucket": "trip",
        "new": True,
        "files": 9,
        "bytes": 4096,
        "unchanged": 0,
        "unmatched": 2,
        "complete": True,
        "rows": [row],
    }
    service.on("POST", "/tasks/ingest/dry-run", Reply(found))
    ran = run("ingest", str(tmp_path), "--dry-run", "--exclude", "*.tmp")
    assert ran.status == 0
    assert ran.out.splitlines() == [
        "extractor  kind   mime       files  bytes",
        "image      image  image/png      7  2.0 kB",
        "new bucket trip, 9 files, 2 of types no extractor takes; nothing was done",
    ]
    assert [seen.path for seen in service.seen] == ["/v1/sources", "/v1/tasks/ingest/dry-run"]
    assert service.sent("POST", "/tasks/ingest/dry-run")[0].json["exclude"] == ["*.tmp"]
    assert run("ingest", str(tmp_path), "--dry-run", "--json").json == found
    asked = len(service.seen)
    refused = run("ingest", str(tmp_path), "--dry-run", "--verify", "--retry", "attempts=2")
    assert refused.status == 2
    assert "--dry-run takes no --verify, --retry" in refused.err
    assert len(service.seen) == asked


def test_detach_answers_at_once(run: Run, service: Service, tmp_path: Path) -> None:
    service.on("POST", "/tasks/ingest", Reply(task(TaskState.PENDING), 202))
    ran = run("ingest", str(tmp_path), "--detach", "--json")
    assert (ran.status, ran.json["state"]) == (0, "PENDING")
    assert [seen.path for seen in service.seen] == ["/v1/sources", "/v1/tasks/ingest"]


def test_progress_goes_to_standard_error_and_the_end_to_standard_output(
    run: Run, service: Service, tmp_path: Path
) -> None:
    ending(
        service,
        task(TaskState.PENDING),
        task(TaskState.IN_PROGRESS, indexed=1, total=None),
        task(TaskState.COMPLETED_WITH_ERRORS, indexed=4, failed=1, total=5),
    )
    ran = run("ingest", str(tmp_path))
    assert ran.err.splitlines()[:2] == [
        "trip: waiting to start",
        "trip: text 1/? time left unknown",
    ]
    lines = ran.out.splitlines()
    assert lines[0] == "COMPLETED_WITH_ERRORS  ingest  trip  1 min 0 s  tsk_1"
    assert lines[1].split() == [
        *("collection", "total", "indexed", "skipped", "failed", "canceled", "documents"),
    ]
    assert lines[2].split() == ["trip.text", "5", "4", "0", "1", "0", "4"]
    assert "mixpeek failures tsk_1" in lines[-1]
    assert "mixpeek retry tsk_1" in lines[-1]


def test_a_failed_task_says_why(run: Run, service: Service) -> None:
    why = {
        "code": "nothing_matched",
        "message": "no file has a known type",
        "hint": "see extractors",
    }
    service.on("GET", "/tasks/tsk_1", Reply(task(TaskState.FAILED, error=why)))
    out = run("tasks", "tsk_1").out
    assert "error: no file has a known type\nhint: see extractors\n" in out


def test_wait_waits_for_a_task(run: Run, service: Service) -> None:
    ending(service, task(TaskState.IN_PROGRESS), task(TaskState.COMPLETED, indexed=1, total=1))
    ran = run("wait", "tsk_1", "--json")
    assert (ran.status, ran.json["state"]) == (0, "COMPLETED")


def test_showing_a_failed_task_is_no_failure(run: Run, service: Service) -> None:
    service.on("GET", "/tasks/tsk_1", Reply(task(TaskState.FAILED)))
    ran = run("tasks", "tsk_1", "--json")
    assert (ran.status, ran.json["state"]) == (0, "FAILED")


def test_cancel_answers_with_what_was_asked_for(run: Run, service: Service) -> None:
    now = task(TaskState.IN_PROGRESS, requested="cancel")
    service.on("POST", "/tasks/tsk_1/cancel", Reply(now, 202))
    ran = run("cancel", "tsk_1", "--json")
    assert (ran.status, ran.json["state"], ran.json["requested"]) == (0, "IN_PROGRESS", "cancel")
    assert "cancel requested" in run("cancel", "tsk_1").out


@pytest.mark.parametrize("text", ["attempts", "attempts=0", "tries=3", "categories=rain", ""])
def test_a_retry_policy_that_cannot_be_is_wrong_use(
    run: Run, service: Service, tmp_path: Path, text: str
) -> None:
    ran = run("ingest", str(tmp_path), "--retry", text)
    assert (ran.status, "attempts=5,backoff=2" in ran.err) == (2, True)


def test_pause_and_resume_answer_with_the_task(run: Run, service: Service) -> None:
    asked = task(TaskState.IN_PROGRESS, requested="pause")
    service.on("POST", "/tasks/tsk_1/pause", Reply(asked, 202))
    ran = run("pause", "tsk_1", "--json")
    assert (ran.status, ran.json["requested"]) == (0, "pause")
    assert "pause requested" in run("pause", "tsk_1").out
    service.on("POST", "/tasks/tsk_1/resume", Reply(task(TaskState.IN_PROGRESS), 202))
    assert run("resume", "tsk_1", "--json").json["requested"] is None
    service.on("POST", "/tasks/tsk_1/pause", refusal(409, "conflict", "it is paused", at=3))
    assert run("pause", "tsk_1").status == 4


def test_retry_sends_what_was_chosen(run: Run, service: Service) -> None:
    new = task(TaskState.PENDING, task_id="tsk_2", retry_of="tsk_1")
    service.on("POST", "/tasks/tsk_1/retry", Reply(new, 202))
    rule = 'category = "network"'
    run("retry", "tsk_1", "--detach", "--retryable", "--object", "a", "b c", "--filter", rule)
    assert service.sent("POST", "/tasks/tsk_1/retry")[0].json == {
        "retryable": True,
        "objects": ["a", "b c"],
        "failures": [],
        "filter": rule,
    }


def test_retry_follows_the_new_task(run: Run, service: Service) -> None:
    new = task(TaskState.PENDING, task_id="tsk_2", retry_of="tsk_1")
    service.on("POST", "/tasks/tsk_1/retry", Reply(new, 202))
    end = task(task_id="tsk_2", retry_of="tsk_1", indexed=1, total=1)
    service.on("GET", "/tasks/tsk_2", Reply(end))
    ran = run("retry", "tsk_1", "--json")
    assert (ran.status, ran.json["task_id"], ran.json["retry_of"]) == (0, "tsk_2", "tsk_1")
    assert run("retry", "tsk_1", "--detach", "--json").json["state"] == "PENDING"


def test_tasks_are_listed_newest_first(run: Run, service: Service) -> None:
    service.on("GET", "/tasks", page([task(task_id="tsk_2"), task(task_id="tsk_1")]))
    assert [one["task_id"] for one in run("tasks", "--json").json] == ["tsk_2", "tsk_1"]
    assert service.seen[0].query["sort"] == "-created_at"
    lines = run("tasks").out.splitlines()
    assert [line.split()[0] for line in lines] == ["task_id", "tsk_2", "tsk_1"]


def test_failures_are_a_list_with_absent_values_null(run: Run, service: Service) -> None:
    service.on("GET", "/tasks/tsk_1/failures", page([FailureOut.model_validate(FAILURE)]))
    assert run("failures", "tsk_1", "--json").json == [FAILURE]
    assert "the file ends in the middle" in run("failures", "tsk_1").out


def test_no_failures_is_an_empty_list(run: Run, service: Service) -> None:
    service.on("GET", "/tasks/tsk_1/failures", page([]))
    assert run("failures", "tsk_1", "--json").json == []


# ---- search -------------------------------------------------------------------------------------


def test_search_prints_hits_with_absent_values_null(run: Run, service: Service) -> None:
    service.on("POST", "/search", Reply(FOUND))
    hit = run("search", "a dog", "--json").json["hits"][0]
    for name in ("rank", "score", "object_id", "object_name", "document_id", "collection", "text"):
        assert hit[name] == HIT[name]
    assert (hit["page"], hit["start_ms"], hit["end_ms"], hit["box"]) == (3, None, None, None)


def test_search_sends_what_was_typed(run: Run, service: Service, tmp_path: Path) -> None:
    service.on("POST", "/search", Reply(FOUND))
    run(
        *("search", "a", "dog", "--bucket", "trip", "--collection", "c.text", "--top", "3"),
        *("--filter", 'page > 3 and mime = "application/pdf"', "--mode", "text"),
    )
    sent = service.seen[0].json
    assert {name: value for name, value in sent.items() if value} == {
        "text": "a dog",
        "buckets": ["trip"],
        "collections": ["c.text"],
        "filter": 'page > 3 and mime = "application/pdf"',
        "mode": "text",
        "top": 3,
    }
    example = tmp_path / "dog.jpg"
    example.write_bytes(b"\xff\xd8\x00")
    run("search", "--like", str(example))
    assert service.seen[1].json["media"] == {"data": "/9gA", "name": "dog.jpg"}
    assert service.seen[1].json["text"] is None


def test_a_large_example_is_refused_here(run: Run, service: Service, tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    with large.open("wb") as file:
        file.truncate(33 * 1024 * 1024)
    ran = run("search", "--like", str(large))
    assert ran.status == 2
    assert "33 MiB" in ran.err
    assert "at most 32 MiB" in ran.err
    assert service.seen == []


def test_hits_are_a_table(run: Run, service: Service) -> None:
    service.on("POST", "/search", Reply({**FOUND, "warnings": ["trip.image is being rebuilt"]}))
    lines = run("search", "dog").out.splitlines()
    assert lines[0].split() == ["rank", "score", "object", "where", "collection", "text"]
    assert lines[1].split(None, 3)[:3] == ["1", "0.9123", "notes/a.pdf"]
    assert "p. 3" in lines[1]
    assert lines[1].endswith("a dog on a beach")
    assert lines[2] == "trip.image is being rebuilt"


def test_no_hits_is_no_failure(run: Run, service: Service) -> None:
    service.on("POST", "/search", Reply({**FOUND, "hits": []}))
    assert run("search", "dog", "--json").json["hits"] == []
    assert run("search", "dog").out == "no hits\n"


# ---- deleting -----------------------------------------------------------------------------------

BUCKET = {
    "bucket_id": "bkt_1",
    "name": "trip",
    "source": {"kind": "folder", "uri": "/media/trip"},
    "objects": 1234,
    "bytes": 9_876_543,
    "created_at": "2026-11-24T10:00:00Z",
}


def deletable(service: Service) -> None:
    gone = task(kind=TaskKind.DELETE)
    service.on("GET", "/buckets/trip", Reply(BUCKET))
    service.on("GET", "/buckets", Reply({"results": [BUCKET]}))
    service.on("DELETE", "/buckets/bkt_1", Reply(gone, 202))
    service.on("DELETE", "/objects/obj_1", Reply(gone, 202))
    service.on("GET", "/tasks/tsk_1", Reply(gone))


def test_delete_does_nothing_when_nobody_can_say_yes(
    run: Run, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    deletable(service)
    monkeypatch.setattr("sys.stdin", open("/dev/null"))  # noqa: SIM115 - closed with the test
    ran = run("delete", "bucket", "trip")
    assert ran.status == 2
    assert "--yes" in ran.err
    assert [one.method for one in service.seen] == ["GET"]


@pytest.mark.parametrize(
    ("said", "deleted"), [("y", True), ("yes", True), ("n", False), ("", False)]
)
def test_delete_asks(
    said: str, deleted: bool, run: Run, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return said + "\n"

    deletable(service)
    monkeypatch.setattr("sys.stdin", Terminal())
    ran = run("delete", "bucket", "trip")
    assert "1,234 objects" in ran.err
    assert (ran.status == 0) is deleted
    assert ("DELETE" in [one.method for one in service.seen]) is deleted


def test_delete_with_yes_waits_for_its_task(run: Run, service: Service) -> None:
    deletable(service)
    ran = run("delete", "bucket", "trip", "--yes", "--json")
    assert (ran.status, ran.json["kind"], ran.json["state"]) == (0, "delete", "COMPLETED")


@pytest.mark.parametrize("name", ["a b.jpg", "trip/a b.jpg", "obj_1"])
def test_an_object_is_deleted_by_name_or_id(name: str, run: Run, service: Service) -> None:
    deletable(service)
    one = {
        "object_id": "obj_1",
        "bucket": "trip",
        "name": "a b.jpg",
        "mime": "image/jpeg",
        "size": 10,
        "sha256": None,
        "version": 1,
        "modified_at": None,
        "created_at": "2026-11-24T10:00:00Z",
    }

    def named(seen: Seen) -> Reply:
        wanted = json.loads(seen.query["filter"])["value"]
        return Reply({"results": [one] if wanted == "a b.jpg" else []})

    service.on("GET", "/objects", named)
    service.on("GET", "/objects/obj_1", Reply(one))
    assert run("delete", "object", name, "--yes").status == 0
    assert len(service.sent("DELETE", "/objects/obj_1")) == 1


def test_an_object_that_is_not_there_is_said_so(run: Run, service: Service) -> None:
    deletable(service)
    service.on("GET", "/objects", Reply({"results": []}))
    ran = run("delete", "object", "nope.jpg", "--yes")
    assert ran.status == 4
    assert "there is no object 'nope.jpg'" in ran.err


# ---- lists --------------------------------------------------------------------------------------


def test_a_list_as_json_is_whole_and_as_a_table_says_when_it_is_not(
    run: Run, service: Service
) -> None:
    def pages(seen: Seen) -> Reply:
        start = int(seen.query.get("cursor", 0))
        numbers = range(start, min(start + int(seen.query["limit"]), 2500))
        results = [{**BUCKET, "name": f"b{number}"} for number in numbers]
        after = start + len(results)
        return Reply({"results": results, "next_cursor": str(after) if after < 2500 else None})

    service.on("GET", "/buckets", pages)
    assert len(run("buckets", "--json").json) == 2500
    assert len(run("buckets", "--json", "--limit", "7").json) == 7
    lines = run("buckets").out.splitlines()
    assert len(lines) == 1002
    assert "--limit" in lines[-1]
    assert run("buckets", "--limit", "2").out.splitlines()[0].split()[:2] == ["name", "source"]


def test_a_bucket_in_a_list(run: Run, service: Service) -> None:
    service.on("GET", "/buckets", Reply({"results": [BUCKET]}))
    assert run("buckets", "--json").json == [BUCKET]
    out = run("buckets").out
    assert "/media/trip" in out
    assert "9.9 MB" in out
    assert "2026-11-24 10:00:00Z" in out


def test_objects_documents_collections_and_extractors(run: Run, service: Service) -> None:
    document = {name: HIT[name] for name in HIT if name not in ("rank", "score", "reasons")}
    feature = {
        "address": "mixpeek://text@1/semantic",
        "name": "semantic",
        "dimension": 384,
        "distance": "cosine",
        "model": "m",
        "queries": ["text"],
    }
    collection = {
        "collection_id": "col_1",
        "name": "trip.text",
        "bucket": "trip",
        "extractor": "text@1",
        "parameters": {"chunk_size": 80},
        "digest": "d",
        "revision": 2,
        "features": [feature],
        "documents": 7,
        "retry": {
            "attempts": 5,
            "backoff": 2.0,
            "largest": 30.0,
            "categories": ["network"],
        },
        "created_at": "2026-11-24T10:00:00Z",
    }
    extractor = {
        "name": "text",
        "version": 1,
        "description": "passages",
        "accepts": ["text/*"],
        "default": True,
        "isolated": False,
        "parameters": {},
        "features": [feature],
        "fields": {},
        "resources": {},
    }
    service.on("GET", "/documents", Reply({"results": [{**document, "payload": {"lang": "en"}}]}))
    service.on("GET", "/collections", Reply({"results": [collection]}))
    service.on("GET", "/extractors", Reply({"results": [extractor]}))
    assert run("documents", "trip.text", "--json").json[0]["payload"] == {"lang": "en"}
    assert service.seen[0].query["collection"] == "trip.text"
    assert "a dog on a beach" in run("documents", "trip.text").out
    assert run("collections", "--json").json == [collection]
    shown = run("collections").out
    assert "mixpeek://text@1/semantic" in shown
    assert "5 attempts, 2 s to 30 s, network" in shown
    assert run("extractors", "--json").json == [extractor]
    assert "semantic (384)" in run("extractors").out


def test_notes_do_not_mix_with_json(run: Run, service: Service) -> None:
    service.version = "0.9.0"
    service.on("GET", "/buckets", Reply({"results": []}))
    ran = run("buckets", "--json")
    assert ran.json == []
    assert ran.err.startswith("note: the service is version 0.9.0")
