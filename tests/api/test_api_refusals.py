"""What is refused, and that every refusal is the one envelope and tells no secret."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from api_stand import Stand, error_of

from workbench.access.keys import new_key
from workbench.api.app import create_app
from workbench.api.middleware import MAX_BODY, OPEN


def operations(stand: Stand) -> Iterator[tuple[str, str]]:
    """(method, path) of every route, those that the reference does not show too."""
    for path, methods in stand.app.openapi()["paths"].items():
        for method in methods:
            yield method.upper(), path.replace("{", "").replace("}", "")
    for route in stand.app.routes:
        path = getattr(route, "path", None)
        if path is not None:
            assert isinstance(path, str)
            for method in getattr(route, "methods", ["GET"]):
                yield method, path


async def test_api_every_route_needs_the_key(stand: Stand) -> None:
    wrong = {
        "none": stand.client(Authorization=""),
        "another": stand.client(Authorization=f"Bearer {new_key()}"),
        "mistyped": stand.client(Authorization=f"Bearer {stand.key[:-1]}"),
        "basic": stand.client(Authorization="Basic eDp5"),
    }
    seen = 0
    for method, path in operations(stand):
        for name, client in wrong.items():
            if path in OPEN and name == "none":
                continue
            answer = await client.request(method, path)
            assert answer.status_code == 401, (method, path, name)
            if method != "HEAD":
                assert error_of(answer)["code"] == "unauthorized"
            assert answer.headers["www-authenticate"] == "Bearer"
            seen += 1
    assert seen > 80


async def test_api_tells_strangers_nothing_about_paths(stand: Stand) -> None:
    answer = await stand.client(Authorization="").get("/v1/what/is/here")
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/none", 404, "not_found"),
        ("GET", "/", 404, "not_found"),
        ("GET", "/v1/buckets/", 404, "not_found"),
        ("PUT", "/v1/buckets", 405, "invalid_request"),
        ("GET", "/v1/search", 405, "invalid_request"),
    ],
)
async def test_api_unknown_paths_and_methods(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == status
    assert error_of(answer)["code"] == code
    if status == 405:
        assert answer.headers["allow"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"top": 0}, "top"),
        ({"mode": "fast"}, "mode"),
        ({"other": 1}, "other"),
        ({"vector": {"values": [1, "x"]}}, "vector.feature"),
        ({"media": {"data": 5}}, "media.data"),
        ([], "body"),
        ("text", "body"),
    ],
)
async def test_api_wrong_bodies_name_the_field(
    client: httpx.AsyncClient, body: object, field: str
) -> None:
    answer = await client.post("/v1/search", json=body)
    error = error_of(answer)
    assert (answer.status_code, error["code"]) == (422, "invalid_request")
    assert error["details"]["field"] == field
    assert error["message"].startswith(f"{field}: ")


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"", b'{"text": NaN}', b"[" * 100_000])
async def test_api_bodies_that_are_no_json(client: httpx.AsyncClient, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await client.post("/v1/search", content=body, headers=headers)
    assert answer.status_code in (400, 422)
    assert error_of(answer)["code"] == "invalid_request"


async def test_api_refusals_never_repeat_what_was_sent(client: httpx.AsyncClient) -> None:
    secret = "hunter2" * 10
    answer = await client.post("/v1/search", json={"top": secret, "text": secret})
    assert answer.status_code == 422
    assert secret not in answer.text


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("limit=0", "invalid_request", "limit"),
        ("limit=1001", "invalid_request", "limit"),
        ("limit=x", "invalid_request", "limit"),
        ("sort=color", "invalid_parameter", "sort"),
        ("cursor=abc", "invalid_parameter", "cursor"),
        ("filter=color%20%3D%203", "invalid_filter", "color"),
    ],
)
async def test_api_lists_refuse_wrong_pages(
    client: httpx.AsyncClient, query: str, code: str, field: str
) -> None:
    for noun in ("namespaces", "buckets", "objects", "collections", "tasks"):
        answer = await client.get(f"/v1/{noun}?{query}")
        error = error_of(answer)
        assert (answer.status_code, error["code"]) == (422, code), noun
        assert error["details"]["field"] == field


async def test_api_filters_that_cannot_be_read(client: httpx.AsyncClient) -> None:
    for text in ("name =", "((((", "{", '{"NOT":' * 3000):
        answer = await client.get("/v1/objects", params={"filter": text})
        assert (answer.status_code, error_of(answer)["code"]) == (422, "invalid_filter")


async def test_api_defects_are_logged_and_not_told(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = await client.post("/v1/search", json={"text": "break"})
    error = error_of(answer)
    assert (answer.status_code, error["code"]) == (500, "internal")
    assert "secret reason" not in answer.text
    assert "Traceback" not in answer.text
    assert "the secret reason" in caplog.text
    assert error["request_id"] in caplog.text


async def test_api_large_bodies_are_refused_before_and_while_they_come(
    client: httpx.AsyncClient,
) -> None:
    asked = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal asked
        while True:
            asked += 1
            yield b" " * (1024 * 1024)

    headers = {"Content-Type": "application/json"}
    told = await client.post("/v1/search", content=b" " * (MAX_BODY + 1), headers=headers)
    streamed = await client.post("/v1/search", content=endless(), headers=headers)
    for answer in (told, streamed):
        assert (answer.status_code, error_of(answer)["code"]) == (413, "too_large")
    assert asked <= MAX_BODY // (1024 * 1024) + 2


HOSTS = {
    "127.0.0.1": True,
    "localhost:7000": True,
    "LOCALHOST": True,
    "[::1]:80": True,
    "[::1]": True,
    "evil.example": False,
    "evil.example:7000": False,
    "127.0.0.1.evil.example": False,
    "localhost.": False,
    "": False,
}


async def test_api_answers_to_its_own_names_only(client: httpx.AsyncClient) -> None:
    for host, allowed in HOSTS.items():
        for path in ("/v1/health", "/docs", "/v1/buckets"):
            answer = await client.get(path, headers={"Host": host})
            assert answer.status_code == (200 if allowed else 403), host
            if not allowed:
                assert error_of(answer)["code"] == "forbidden"


async def test_api_answers_to_the_names_that_the_settings_give(stand: Stand) -> None:
    hosts = {"[2001:db8::1]", "media.example.org"}
    transport = httpx.ASGITransport(create_app(stand.services, hosts=hosts))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        for host, status in (
            ("[2001:db8::1]:8100", 200),
            ("Media.example.org", 200),
            ("127.0.0.1", 403),
        ):
            answer = await client.get("/v1/health", headers={"Host": host})
            assert answer.status_code == status, host
    assert "MIXPEEK_HOSTS" in error_of(answer)["hint"]


async def test_api_other_sites_get_no_permission(client: httpx.AsyncClient) -> None:
    origin = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for answer in (
        await client.options("/v1/search", headers=origin),
        await client.get("/v1/buckets", headers=origin),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_api_namespaces_out_of_reach(stand: Stand) -> None:
    mine = stand.rows.namespace("mine")
    stand.rows.namespace("theirs")
    for header, status, code in [
        ("mine", 200, ""),
        (mine, 200, ""),
        ("theirs", 403, "forbidden"),
        ("none", 403, "forbidden"),
    ]:
        team = stand.client(Authorization=f"Bearer team-{mine}", X_Namespace=header)
        answer = await team.get("/v1/buckets")
        assert answer.status_code == status, header
        if code:
            assert error_of(answer)["code"] == code
    team = stand.client(Authorization=f"Bearer team-{mine}", X_Namespace="mine")
    listed = (await team.get("/v1/namespaces")).json()["results"]
    assert [found["name"] for found in listed] == ["mine"]
    made = await team.post("/v1/namespaces", json={"name": "more"})
    assert made.status_code == 403
    missing = await stand.client(X_Namespace="none").get("/v1/buckets")
    assert (missing.status_code, error_of(missing)["code"]) == (404, "not_found")


async def test_api_odd_text_is_no_defect(client: httpx.AsyncClient) -> None:
    """Characters that a database cannot take, in every place where a person can put them."""
    lone = json.dumps({"name": "\ud800"}).encode()
    headers = {"Content-Type": "application/json"}
    answers = [
        await client.get("/v1/buckets/%00"),
        await client.get("/v1/buckets/%ff"),
        await client.get("/v1/objects?bucket=%00%ff"),
        await client.get("/v1/tasks/%00"),
        await client.get("/v1/documents?collection=%00"),
        await client.get("/v1/buckets", headers={"X-Namespace": b"\xff\xfe"}),
        await client.post("/v1/namespaces", content=lone, headers=headers),
        await client.post("/v1/tasks/ingest", content=b'{"source": "/\\ud800"}', headers=headers),
        await client.post("/v1/tasks/ingest", content=b'{"source": "/\\u0000"}', headers=headers),
        await client.get("/v1/objects", params={"filter": '{"name": "\\ud800"}'}),
    ]
    assert [answer.status_code for answer in answers if answer.status_code not in (404, 422)] == []


def test_api_open_paths_are_few() -> None:
    assert {"/v1/health", "/openapi.json", "/docs"} == OPEN
