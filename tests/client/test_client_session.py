"""Errors, versions, retries and connections."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from client_service import Reply, Seen, Service, page, refusal, task, write_home

from workbench.client import Client, RefusedError, connect
from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.states import TaskState
from workbench.domain.wire import BucketOut, SearchRequest


def bucket(name: str) -> BucketOut:
    return BucketOut.model_validate(
        {
            "bucket_id": f"bkt_{name}",
            "name": name,
            "source": {"kind": "folder", "uri": f"/media/{name}"},
            "objects": 3,
            "bytes": 10,
            "created_at": "2026-11-24T10:00:00Z",
        }
    )


def test_the_services_error_comes_through_whole(client: Client, service: Service) -> None:
    service.on("GET", "/tasks/tsk_1", refusal(409, "task_ended", "it has ended", "retry it", at=3))
    with pytest.raises(RefusedError) as raised:
        client.task("tsk_1")
    error = raised.value
    assert (error.code, error.message, error.hint) == (
        Code.TASK_ENDED,
        "it has ended",
        "retry it",
    )
    assert (error.details, error.request_id, error.status) == ({"at": 3}, "req_1", 409)


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, Code.NOT_FOUND), (413, Code.TOO_LARGE), (503, Code.UNAVAILABLE), (418, Code.INTERNAL)],
)
def test_a_code_that_is_not_known_here_keeps_its_name(
    status: int, code: Code, client: Client, service: Service
) -> None:
    service.on("GET", "/buckets", refusal(status, "brand_new", "said a newer service"))
    with pytest.raises(RefusedError) as raised:
        client.buckets()
    assert (raised.value.code, raised.value.service_code) == (code, "brand_new")


@pytest.mark.parametrize("body", [b"<html>Bad Gateway</html>", b"", b"[]", b'{"error": 1}'])
def test_an_error_that_is_no_envelope_is_told_by_its_status(
    body: bytes, client: Client, service: Service
) -> None:
    service.on("GET", "/buckets", Reply(body, 502))
    with pytest.raises(RefusedError, match="502") as raised:
        client.buckets()
    assert raised.value.code is Code.INTERNAL
    assert raised.value.request_id == "req_header"


def test_an_answer_of_another_shape_says_what_is_wrong(client: Client, service: Service) -> None:
    service.on("GET", "/buckets", Reply({"results": [{"name": "x"}]}))
    with pytest.raises(WorkbenchError, match=r"results\.0\.bucket_id") as raised:
        client.buckets()
    assert raised.value.code is Code.VERSION_MISMATCH
    assert not isinstance(raised.value, RefusedError)


def test_fields_of_a_newer_service_are_ignored(client: Client, service: Service) -> None:
    body = {**bucket("a").model_dump(mode="json"), "colour": "blue"}
    service.on("GET", "/buckets/a", Reply(body))
    assert client.bucket("a") == bucket("a")


def test_another_minor_version_is_said_once(
    client: Client, service: Service, notes: list[str]
) -> None:
    service.version = "0.7.3"
    service.on("GET", "/buckets", page([]))
    client.buckets()
    client.buckets()
    assert len(notes) == 1
    assert "0.7.3" in notes[0]


def test_another_patch_version_is_not_worth_a_word(
    client: Client, service: Service, notes: list[str]
) -> None:
    service.version = "0.1.99"
    service.on("GET", "/buckets", page([]))
    client.buckets()
    assert notes == []


def test_another_major_version_stops_the_call(client: Client, service: Service) -> None:
    service.version = "2.0.0"
    service.on("GET", "/buckets", page([]))
    with pytest.raises(WorkbenchError, match=r"2\.0\.0") as raised:
        client.buckets()
    assert raised.value.code is Code.VERSION_MISMATCH


def test_without_notify_a_note_is_a_warning(home: Path, service: Service) -> None:
    service.version = "0.7.3"
    service.on("GET", "/buckets", page([]))
    with connect(home=home) as client, pytest.warns(UserWarning, match=r"0\.7\.3"):
        client.buckets()


def test_a_get_is_sent_again_when_the_connection_breaks(client: Client, service: Service) -> None:
    service.on("GET", "/buckets", Reply(fault="drop"), Reply(fault="drop"), page([bucket("a")]))
    assert [one.name for one in client.buckets().results] == ["a"]
    assert len(service.seen) == 3


def test_an_answer_that_broke_off_is_asked_for_again(client: Client, service: Service) -> None:
    whole = page([bucket("a")])
    service.on("GET", "/buckets", Reply(whole.body, fault="cut"), whole)
    assert [one.name for one in client.buckets().results] == ["a"]


def test_an_ingest_that_is_sent_again_carries_the_same_key(
    client: Client, service: Service, tmp_path: Path
) -> None:
    made: dict[str, str] = {}

    def accept(seen: Seen) -> Reply:
        name = made.setdefault(seen.headers["idempotency-key"], f"tsk_{len(made)}")
        if len(service.sent("POST", "/tasks/ingest")) == 1:
            return Reply(fault="drop")  # accepted, and the answer was lost
        return Reply(task(TaskState.PENDING, task_id=name), 202)

    service.on("POST", "/tasks/ingest", accept)
    assert client.ingest(tmp_path).task_id == "tsk_0"
    client.ingest(tmp_path)
    keys = [one.headers["idempotency-key"] for one in service.sent("POST", "/tasks/ingest")]
    assert keys[0] == keys[1] != keys[2]


def test_what_must_not_happen_twice_is_not_sent_twice(client: Client, service: Service) -> None:
    service.on("POST", "/tasks/tsk_1/retry", Reply(fault="drop"))
    service.on("DELETE", "/buckets/a", Reply(fault="drop"))
    for call in (lambda: client.retry("tsk_1"), lambda: client.delete_bucket("a")):
        with pytest.raises(WorkbenchError) as raised:
            call()
        assert raised.value.code is Code.SERVICE_UNREACHABLE
    assert len(service.seen) == 2


def test_a_search_is_sent_again(client: Client, service: Service) -> None:
    found = {
        "hits": [],
        "mode": "text",
        "collections": [],
        "timing": {"encode": 0, "engine": 0, "total": 0},
    }
    service.on("POST", "/search", Reply(fault="drop"), Reply(found))
    assert client.search(SearchRequest(text="dog")).hits == []


def test_a_service_that_restarts_elsewhere_is_found(
    client: Client, service: Service, home: Path
) -> None:
    service.on("GET", "/buckets", page([]))
    client.buckets()
    service.stop()
    (home / "run" / "service.json").unlink()
    second = Service().on("GET", "/buckets", page([bucket("a")]))

    def restart() -> None:
        second.start()
        write_home(home, second)

    timer = threading.Timer(0.4, restart)
    timer.start()
    assert len(client.buckets().results) == 1
    timer.join()
    second.stop()


def test_a_service_that_stays_away_is_an_error_within_seconds(
    client: Client, service: Service
) -> None:
    service.stop()
    began = time.monotonic()
    with pytest.raises(WorkbenchError, match="refused") as raised:
        client.buckets()
    assert raised.value.code is Code.SERVICE_UNREACHABLE
    assert "mixpeek up" in str(raised.value.hint)
    assert time.monotonic() - began < 6


def test_a_connection_is_used_again(client: Client, service: Service) -> None:
    service.on("GET", "/buckets", page([]), refusal(422, "invalid_request", "no"), page([]))
    client.buckets()
    with pytest.raises(RefusedError):
        client.buckets()
    client.buckets()
    assert len({one.connection for one in service.seen}) == 1


def test_a_connection_that_was_closed_meanwhile_is_not_used(
    client: Client, service: Service
) -> None:
    """Also for a request that must not be sent twice, right after a restart on the same port."""
    service.on("GET", "/buckets", page([]))
    service.on("POST", "/tasks/tsk_1/retry", Reply(task(TaskState.PENDING, task_id="tsk_2"), 202))
    client.buckets()
    port = service.port
    service.stop()
    with pytest.raises(WorkbenchError):
        client.changes("tsk_1")  # the old connection ends here
    service.start(port)
    assert client.retry("tsk_1").task_id == "tsk_2"


def test_threads_share_a_client(client: Client, service: Service) -> None:
    def slow(seen: Seen) -> Reply:
        return page([bucket(seen.query["cursor"])])

    service.on("GET", "/buckets", slow)

    def ask(number: int) -> str:
        return client.buckets(cursor=f"c{number}").results[0].name

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(64))) == [f"c{number}" for number in range(64)]


def test_a_closed_client_opens_a_new_connection(client: Client, service: Service) -> None:
    service.on("GET", "/buckets", page([]))
    client.buckets()
    client.close()
    client.buckets()
    assert len({one.connection for one in service.seen}) == 2


def test_names_are_quoted_into_paths(client: Client, service: Service) -> None:
    with pytest.raises(RefusedError, match=re.escape("no /v1/buckets/a/b c?d")):
        client.bucket("a/b c?d")


def test_lists_are_walked_page_by_page(client: Client, service: Service) -> None:
    def pages(seen: Seen) -> Reply:
        start = int(seen.query.get("cursor", 0))
        size = min(int(seen.query["limit"]), 2)
        names = [f"b{number}" for number in range(start, min(start + size, 5))]
        after = start + size
        return page([bucket(name) for name in names], str(after) if after < 5 else None)

    service.on("GET", "/buckets", pages)
    assert [one.name for one in client.iterate(client.buckets)] == ["b0", "b1", "b2", "b3", "b4"]
    assert [one.name for one in client.iterate(client.buckets, limit=3)] == ["b0", "b1", "b2"]
    assert [one.query["limit"] for one in service.seen[-2:]] == ["3", "1"]


def test_list_options_reach_the_service(client: Client, service: Service) -> None:
    service.on("GET", "/objects", page([]))
    client.objects("trip", limit=7, sort="-created_at", filter={"field": "size", "value": 1})
    client.objects("trip", filter="size > 1")
    first, second = service.seen
    assert first.query == {
        "bucket": "trip",
        "limit": "7",
        "sort": "-created_at",
        "filter": '{"field": "size", "value": 1}',
    }
    assert second.query == {"bucket": "trip", "filter": "size > 1"}
