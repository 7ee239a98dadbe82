"""Rows of another namespace are never seen, whatever route is asked."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass

import pytest
from api_stand import Stand, error_of
from PIL import Image


@dataclass(frozen=True)
class Foreign:
    """One of everything in the namespace ``other``; its names all hold ``SECRET``."""

    ids: dict[str, str]

    def leaks(self, text: str) -> list[str]:
        return [word for word in ("SECRET", *self.ids.values()) if word in text]


LISTS = [
    "/v1/buckets",
    "/v1/objects",
    "/v1/collections",
    "/v1/tasks",
    "/v1/buckets?sort=-created_at&limit=1000",
    '/v1/objects?filter={"OR":[{"name":"SECRET.png"},{"NOT":[{"name":"SECRET.png"}]}]}',
    '/v1/tasks?filter={"NOT":[]}',
    "/v1/objects?filter=bucket = SECRET-bucket",
]
GETS = [
    "/v1/buckets/{bucket}",
    "/v1/buckets/SECRET-bucket",
    "/v1/objects/{object}",
    "/v1/objects/{object}/thumbnail",
    "/v1/objects/{object}/content",
    "/v1/objects?bucket={bucket}",
    "/v1/objects?bucket=SECRET-bucket",
    "/v1/collections/{collection}",
    "/v1/collections/SECRET-bucket.toy",
    "/v1/documents?collection={collection}",
    "/v1/documents?collection=SECRET-bucket.toy",
    "/v1/tasks/{task}",
    "/v1/tasks/{task}?wait=0.1&after=0",
    "/v1/tasks/{task}/failures",
]
CHANGES = [
    ("DELETE", "/v1/buckets/{bucket}"),
    ("DELETE", "/v1/objects/{object}"),
    ("DELETE", "/v1/collections/{collection}"),
    ("POST", "/v1/tasks/{task}/cancel"),
    ("POST", "/v1/tasks/{task}/retry"),
]


@pytest.fixture
def foreign(stand: Stand) -> Foreign:
    other = stand.rows.namespace("other")
    bucket = stand.bucket("SECRET-bucket", other)
    picture = io.BytesIO()
    Image.new("RGB", (10, 10)).save(picture, "PNG")
    (stand.media / "SECRET-bucket" / "SECRET.png").write_bytes(picture.getvalue())
    thing = stand.rows.object(other, bucket, "SECRET.png", mime="image/png", size=5)
    collection = stand.rows.collection(other, bucket, "SECRET-bucket.toy", "toy@1")
    stand.rows.indexed(other, thing, collection, 3)
    task = stand.rows.task(other, bucket="SECRET-bucket", bucket_id=bucket)
    stand.rows.progress(other, task, collection, total=1)
    stand.rows.failure(other, task, "SECRET.png")
    ids = {"bucket": bucket, "object": thing, "collection": collection, "task": task}
    return Foreign(ids)


@pytest.mark.parametrize("path", LISTS)
async def test_api_lists_hold_no_foreign_rows(stand: Stand, foreign: Foreign, path: str) -> None:
    mine = stand.client()
    answer = await mine.get(path)
    assert answer.json() == {"results": [], "next_cursor": None}
    theirs = await stand.client(X_Namespace="other").get(path)
    assert "SECRET" in theirs.text or foreign.leaks(theirs.text)


@pytest.mark.parametrize("path", GETS)
async def test_api_foreign_rows_are_not_there(stand: Stand, foreign: Foreign, path: str) -> None:
    answer = await stand.client().get(path.format(**foreign.ids))
    assert (answer.status_code, error_of(answer)["code"]) == (404, "not_found")
    asked = path.format(**foreign.ids)
    assert [word for word in foreign.leaks(answer.text) if word not in asked] == []
    if "documents" not in path:  # this stand has no vectors
        theirs = await stand.client(X_Namespace="other").get(path.format(**foreign.ids))
        assert theirs.status_code == 200


@pytest.mark.parametrize(("method", "path"), CHANGES)
async def test_api_foreign_rows_cannot_be_changed(
    stand: Stand, foreign: Foreign, method: str, path: str
) -> None:
    answer = await stand.client().request(method, path.format(**foreign.ids))
    assert (answer.status_code, error_of(answer)["code"]) == (404, "not_found")
    theirs = stand.client(X_Namespace="other")
    task = (await theirs.get(f"/v1/tasks/{foreign.ids['task']}")).json()
    assert task["requested"] is None
    assert len((await theirs.get("/v1/tasks")).json()["results"]) == 1


async def test_api_cursors_carry_no_namespace(stand: Stand, foreign: Foreign) -> None:
    """A cursor that was made in one namespace opens nothing in another."""
    bucket = stand.bucket("mine")
    for number in range(3):
        stand.file(bucket, "mine", f"{number}", b"1", "text/plain")
    first = (await stand.client().get("/v1/objects?limit=1&sort=name")).json()
    cursor = first["next_cursor"]
    theirs = stand.client(X_Namespace="other")
    page = (await theirs.get(f"/v1/objects?sort=name&cursor={cursor}")).json()
    assert [each["name"] for each in page["results"]] == ["SECRET.png"]


async def test_api_idempotency_keys_are_each_namespaces_own(stand: Stand) -> None:
    stand.rows.namespace("other")
    folder = stand.media / "shared"
    folder.mkdir()
    body = {"source": str(folder)}
    headers = {"Idempotency-Key": "same"}
    here = await stand.client().post("/v1/tasks/ingest", json=body, headers=headers)
    there = await stand.client(X_Namespace="other").post(
        "/v1/tasks/ingest", json=body, headers=headers
    )
    assert here.status_code == there.status_code == 202
    assert here.json()["task_id"] != there.json()["task_id"]
    assert json.dumps(here.json()) != json.dumps(there.json())
