"""Every noun: what its routes answer."""

from __future__ import annotations

import httpx
import pytest
from api_stand import Stand

from workbench import __version__


async def test_api_namespaces_are_listed_and_made(client: httpx.AsyncClient) -> None:
    made = await client.post("/v1/namespaces", json={"name": "team"})
    assert made.status_code == 201
    assert made.json()["name"] == "team"
    again = await client.post("/v1/namespaces", json={"name": "team"})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")
    listed = (await client.get("/v1/namespaces")).json()
    assert [found["name"] for found in listed["results"]] == ["default", "team"]
    assert listed["next_cursor"] is None


async def test_api_buckets_by_name_and_id(stand: Stand, client: httpx.AsyncClient) -> None:
    bucket = stand.bucket("my media")
    stand.file(bucket, "my media", "a.txt", b"12345", "text/plain")
    listed = (await client.get("/v1/buckets")).json()["results"]
    assert [(b["name"], b["objects"], b["bytes"]) for b in listed] == [("my media", 1, 5)]
    assert listed[0]["source"] == {"kind": "folder", "uri": str(stand.media / "my media")}
    by_name = await client.get("/v1/buckets/my%20media")
    by_id = await client.get(f"/v1/buckets/{bucket}")
    assert by_name.json() == by_id.json() == listed[0]
    missing = await client.get("/v1/buckets/none")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")


async def test_api_objects_page_sort_and_filter(stand: Stand, client: httpx.AsyncClient) -> None:
    bucket = stand.bucket("b")
    for number in range(5):
        stand.file(bucket, "b", f"{number}.txt", b"x" * number, "text/plain")
    names: list[str] = []
    query: dict[str, str | int] = {"bucket": "b", "limit": 2, "sort": "-size"}
    while True:
        page = (await client.get("/v1/objects", params=query)).json()
        names += [found["name"] for found in page["results"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert names == ["4.txt", "3.txt", "2.txt", "1.txt", "0.txt"]
    for text in ("size >= 3", '{"field": "size", "operator": "gte", "value": 3}'):
        found = (await client.get("/v1/objects", params={"filter": text})).json()["results"]
        assert {each["name"] for each in found} == {"3.txt", "4.txt"}
    one = (await client.get(f"/v1/objects/{found[0]['object_id']}")).json()
    assert one == found[0]
    assert one["modified_at"].endswith("Z")


async def test_api_collections_tell_their_features(stand: Stand, client: httpx.AsyncClient) -> None:
    bucket = stand.bucket("b")
    known = stand.rows.collection(stand.default, bucket, "b.toy", "toy@1", parameters={})
    stand.rows.collection(stand.default, bucket, "b.gone", "gone@3")
    stand.rows.indexed(stand.default, "obj_1", known, 6)
    listed = (await client.get("/v1/collections")).json()["results"]
    assert [(c["name"], c["documents"]) for c in listed] == [("b.gone", 0), ("b.toy", 6)]
    assert listed[0]["features"] == []
    assert listed[1]["features"] == [
        {
            "address": "mixpeek://toy@1/toy",
            "name": "toy",
            "dimension": 8,
            "distance": "cosine",
            "model": "toy-1",
            "queries": ["text"],
        }
    ]
    assert (await client.get("/v1/collections/b.toy")).json() == listed[1]
    assert (await client.get(f"/v1/collections/{known}")).json() == listed[1]


async def test_api_extractors_tell_what_they_take(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/v1/extractors")).json()["results"]
    assert [found["name"] for found in listed] == ["toy"]
    toy = (await client.get("/v1/extractors/toy")).json()
    assert toy == listed[0] == (await client.get("/v1/extractors/toy@1")).json()
    assert set(toy["parameters"]["properties"]) == {"prefix", "pause"}
    assert toy["resources"]["cpu"] == 1
    assert toy["fields"] == {"length": "integer"}
    missing = await client.get("/v1/extractors/toi")
    assert missing.status_code == 404
    assert "toy" in missing.json()["error"]["hint"]


async def test_api_search_hands_the_request_on(stand: Stand, client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/search", json={"text": "a dog", "mode": "dense"})
    body = answer.json()
    assert body["mode"] == "dense"
    assert body["hits"][0]["text"] == "a dog"
    assert body["hits"][0]["object_id"] == stand.default
    assert body["hits"][0]["page"] is None


@pytest.mark.parametrize("kind", ["buckets", "collections", "objects"])
async def test_api_deleting_is_a_task(stand: Stand, client: httpx.AsyncClient, kind: str) -> None:
    bucket = stand.bucket("b")
    targets = {
        "buckets": "b",
        "collections": stand.rows.collection(stand.default, bucket, "b.toy", "toy@1"),
        "objects": stand.file(bucket, "b", "a.txt", b"1", "text/plain"),
    }
    gone = await client.delete(f"/v1/{kind}/{targets[kind]}")
    assert gone.status_code == 202
    task = gone.json()
    assert (task["kind"], task["state"], task["bucket"]) == ("delete", "PENDING", "b")
    assert gone.headers["location"] == f"/v1/tasks/{task['task_id']}"
    again = await client.delete(f"/v1/{kind}/{targets[kind]}")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")
    missing = await client.delete(f"/v1/{kind}/none")
    assert missing.status_code == 404


async def test_api_health_tells_strangers_its_state_only(stand: Stand) -> None:
    stranger, owner = stand.client(Authorization=""), stand.client()
    assert (await stranger.get("/v1/health")).json() == {"state": "ok"}
    full = (await owner.get("/v1/health")).json()
    assert full["parts"]["metadata"]["state"] == "ok"
    wrong = stand.client(Authorization="Bearer nonsense")
    assert (await wrong.get("/v1/health")).status_code == 401


async def test_api_answers_carry_an_id_and_the_version(client: httpx.AsyncClient) -> None:
    first, second = await client.get("/v1/buckets"), await client.get("/v1/none")
    for answer in (first, second):
        assert answer.headers["x-mixpeek-version"] == __version__
        assert answer.headers["x-request-id"].startswith("req_")
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


async def test_api_reference_is_whole_and_open(stand: Stand) -> None:
    stranger = stand.client(Authorization="")
    document = (await stranger.get("/openapi.json")).json()
    assert document["security"] == [{"key": []}]
    assert "/v1/objects/{object_id}/thumbnail" in document["paths"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert "default" in operation["responses"], (method, path)
            assert "422" not in operation["responses"], (method, path)
    assert "HTTPValidationError" not in document["components"]["schemas"]
    page = await stranger.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    for path in document["paths"]:
        assert path in page.text
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
