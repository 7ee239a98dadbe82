"""The extension of the Jupyter server: who may ask, what passes, what does not, and how."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from lab_media import FILM, PICTURES, film
from lab_server import LabServer
from stack_journey import Stack

pytestmark = [pytest.mark.journey, pytest.mark.timeout(240)]

#: Every verb of every route.
VERBS = [
    ("GET", "/mixpeek/hello"),
    ("POST", "/mixpeek/start"),
    ("POST", "/mixpeek/ingest"),
    ("POST", "/mixpeek/ingest/dry-run"),
    ("GET", "/mixpeek/v1/tasks"),
    ("GET", "/mixpeek/v1/objects/obj_x/content"),
    ("POST", "/mixpeek/v1/search"),
    ("POST", "/mixpeek/v1/tasks/tsk_x/cancel"),
]


@pytest.fixture(scope="module")
def http(lab: LabServer, media: Path) -> Iterator[httpx.Client]:
    with lab.client() as client:
        yield client


def film_of(http: httpx.Client) -> str:
    found = http.get("/mixpeek/v1/objects", params={"bucket": "birds"}).json()["results"]
    return next(each["object_id"] for each in found if each["name"] == f"{FILM}.webm")


@pytest.mark.parametrize(("method", "path"), VERBS)
def test_each_verb_wants_to_know_who_asks_and_whether_they_may(
    lab: LabServer, http: httpx.Client, method: str, path: str
):
    with lab.stranger() as stranger:
        assert stranger.request(method, path).status_code == 403
    assert http.request(method, path, headers={"X-Refused": "mixpeek"}).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/namespaces", 404),
        ("GET", "/telemetry/searches", 404),
        ("GET", "/tasks/events", 404),
        ("GET", "/buckets/birds/../../openapi.json", 404),
        ("GET", "/buckets/%2e%2e", 404),
        ("GET", "/buckets/..%2fhealth", 404),
        ("GET", "/buckets/%252e%252e", 404),
        ("GET", "//health", 404),
        ("GET", "/search", 404),
        ("POST", "/tasks/ingest", 404),
        ("POST", "/tasks/reindex", 404),
        ("POST", "/buckets", 404),
        ("DELETE", "/buckets/birds", 405),
        ("PUT", "/search", 405),
    ],
)
def test_what_is_not_on_the_list_does_not_pass(
    http: httpx.Client, method: str, path: str, status: int
):
    answer = http.request(method, httpx.URL(f"/mixpeek/v1{path}"))
    assert answer.status_code == status, answer.text
    assert http.get("/mixpeek/v1/buckets/birds").status_code == 200


def test_hello_says_how_the_service_is_and_nothing_that_is_secret(http: httpx.Client, stack: Stack):
    hello = http.get("/mixpeek/hello").json()
    assert (hello["state"], hello["can_start"], hello["files"]) == ("ok", True, True)
    assert hello["home_id"]
    assert "127.0.0.1" not in str(hello)
    assert str(stack.home) not in str(hello)


def test_search_goes_through_with_its_errors(http: httpx.Client):
    asked = {"text": "otter", "mode": "text", "kinds": ["image"]}
    hits = http.post("/mixpeek/v1/search", json=asked).json()["hits"]
    assert {hit["object_name"] for hit in hits} == {"otter-at-night.png", "heron-and-otter.png"}
    refused = http.post("/mixpeek/v1/search", json={"text": "x", "buckets": ["bird"]})
    error = refused.json()["error"]
    assert refused.status_code == 404
    assert "birds" in str(error)
    assert error["request_id"]


def test_a_namespace_is_named_in_the_address_of_a_picture(http: httpx.Client):
    path = f"/mixpeek/v1/objects/{film_of(http)}"
    assert http.get(path, params={"namespace": "default"}).status_code == 200
    assert http.get(path, params={"namespace": "other"}).status_code in (403, 404)
    assert http.get(path, params={"namespace": "a\r\nX-Evil: 1"}).status_code == 422


def test_media_keeps_range_tag_and_manners(http: httpx.Client, media: Path):
    path = f"/mixpeek/v1/objects/{film_of(http)}/content"
    whole = http.get(path)
    data = (media / f"{FILM}.webm").read_bytes()
    assert (whole.status_code, whole.content) == (200, data)
    assert whole.headers["content-type"] == "video/webm"
    assert whole.headers["accept-ranges"] == "bytes"
    assert "default-src 'none'" in whole.headers["content-security-policy"]
    part = http.get(path, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, data[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(data)}"
    again = http.get(path, headers={"If-None-Match": whole.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    changed = {"Range": "bytes=0-9", "If-Range": '"another"'}
    assert http.get(path, headers=changed).status_code == 200
    beyond = http.get(path, headers={"Range": f"bytes={len(data)}-"})
    assert beyond.status_code == 416


def test_text_of_others_runs_nowhere(http: httpx.Client):
    found = http.get("/mixpeek/v1/objects", params={"bucket": "birds"}).json()["results"]
    note = next(each["object_id"] for each in found if each["name"] == "notes.x")
    answer = http.get(f"/mixpeek/v1/objects/{note}/content")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_picture_is_small_and_known_by_its_tag(http: httpx.Client):
    found = http.get("/mixpeek/v1/objects", params={"bucket": "birds"}).json()["results"]
    picture = next(each["object_id"] for each in found if each["name"] == f"{PICTURES[0]}.png")
    path = f"/mixpeek/v1/objects/{picture}/thumbnail"
    small = http.get(path, params={"size": 64})
    assert small.headers["content-type"] == "image/webp"
    tag = {"If-None-Match": small.headers["etag"]}
    assert http.get(path, params={"size": 64}, headers=tag).status_code == 304


def test_a_slow_reader_of_a_long_film_costs_no_memory(
    lab: LabServer, http: httpx.Client, stack: Stack
):
    folder = lab.files / "long"
    folder.mkdir()
    film(folder / "long.webm")
    os.truncate(folder / "long.webm", 120_000_000)
    stack.json("ingest", str(folder), "--extractors", "clip")
    found = http.get("/mixpeek/v1/objects", params={"bucket": "long"}).json()["results"]
    path = f"/mixpeek/v1/objects/{found[0]['object_id']}/content"
    server = psutil.Process(lab.process.pid)
    before = server.memory_info().rss
    with lab.client() as client, client.stream("GET", path) as answer:
        pieces = answer.iter_raw(65536)
        took = len(next(pieces))
        settled, rss = 0, 0
        while settled < 5:  # until the server has stopped taking more in
            time.sleep(0.1)
            now = server.memory_info().rss
            settled = settled + 1 if abs(now - rss) < 500_000 else 0
            rss = now
        assert rss - before < 40_000_000
        took += sum(len(piece) for piece in pieces)
    assert took == 120_000_000
    assert server.memory_info().rss - before < 60_000_000


def test_files_of_the_browser_become_a_task(http: httpx.Client, lab: LabServer):
    folder = lab.files / "deep" / "words"
    folder.mkdir(parents=True)
    for number in range(3):
        (folder / f"{number}.x").write_text(f"words number {number}")
    form: dict[str, Any] = {"paths": ["deep/words"], "extractors": ["toy"]}
    (dry,) = http.post("/mixpeek/ingest/dry-run", json=form).json()["results"]
    assert (dry["bucket"], dry["files"], dry["new"]) == ("words", 3, True)
    answer = http.post("/mixpeek/ingest", json=form)
    assert answer.status_code == 202
    task_id = answer.json()["results"][0]["task"]["task_id"]
    deadline = time.monotonic() + 60
    while (task := http.get(f"/mixpeek/v1/tasks/{task_id}").json())["state"] != "COMPLETED":
        assert time.monotonic() < deadline, task
        time.sleep(0.1)
    assert task["progress"]["indexed"] == 3


@pytest.mark.parametrize(
    "path", ["../outside", "deep/../../outside", "/etc/../../x", ".hidden", "not/there"]
)
def test_only_what_the_file_browser_shows_can_be_ingested(
    http: httpx.Client, lab: LabServer, path: str
):
    (lab.home / "outside").mkdir(exist_ok=True)
    answer = http.post("/mixpeek/ingest", json={"paths": [path]})
    assert answer.status_code == 422, answer.text


def test_a_wrong_form_is_said_to_be_one(http: httpx.Client):
    for form in ({}, {"paths": []}, {"paths": ["birds"], "source": "/etc"}):
        answer = http.post("/mixpeek/ingest", json=form)
        assert answer.status_code == 422
        assert answer.json()["error"]["message"]


def test_the_key_never_leaves_the_server(http: httpx.Client, lab: LabServer, stack: Stack):
    key = (stack.home / "key").read_text().strip()
    for method, path in VERBS:
        answer = http.request(method, path)
        assert key not in answer.text + str(answer.headers)
    assert key not in lab.log_file.read_text()
