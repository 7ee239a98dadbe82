"""What is remembered of an object is told, and the index is rebuilt on demand."""

from __future__ import annotations

import httpx
import pytest
import sqlalchemy as sa
from api_stand import Stand

from workbench.store import tables as t

pytestmark = pytest.mark.stores("sqlite")


async def test_api_an_object_is_explained(stand: Stand, client: httpx.AsyncClient) -> None:
    bucket = stand.bucket("b")
    collection = stand.rows.collection(stand.default, bucket, "b.toy", "toy@1")
    stand.rows.collection(stand.default, bucket, "b.old", "gone@1")
    object_id = stand.file(bucket, "b", "a.txt", b"12345", "text/plain")
    told = (await client.get(f"/v1/objects/{object_id}/explain")).json()
    assert told["object"]["name"] == "a.txt"
    old, toy = told["collections"]
    assert (old["takes"], old["next"]) == (False, "nothing: gone@1 does not take text/plain")
    assert (toy["searchable"], toy["next"]) == (None, "it would be extracted")
    stand.rows.indexed(stand.default, object_id, collection, 3)
    told = (await client.get(f"/v1/objects/{object_id}/explain")).json()
    now = told["collections"][1]["searchable"]
    assert (now["documents"], now["segment_id"]) == (3, "chk_1")
    missing = await client.get("/v1/objects/obj_0/explain")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")


async def test_api_reindex_names_what_it_rebuilds(stand: Stand, client: httpx.AsyncClient) -> None:
    nothing = await client.post("/v1/tasks/reindex", json={})
    assert (nothing.status_code, nothing.json()["error"]["code"]) == (404, "not_found")
    wanted: dict[str, str] = {}
    for name in ("a", "b"):
        bucket = stand.bucket(name)
        wanted[name] = stand.rows.collection(stand.default, bucket, f"{name}.toy", "toy@1")
    everything = await client.post("/v1/tasks/reindex", json={})
    assert everything.status_code == 202
    assert (everything.json()["kind"], everything.json()["bucket"]) == ("reindex", None)
    one = (await client.post("/v1/tasks/reindex", json={"collection": "b.toy"})).json()
    assert one["bucket"] == "b"
    with stand.database.read() as connection:
        requests = {
            row.task_id: row.request["collections"]
            for row in connection.execute(sa.select(t.tasks.c.task_id, t.tasks.c.request))
        }
    assert requests[everything.json()["task_id"]] == sorted(wanted.values())
    assert requests[one["task_id"]] == [wanted["b"]]
    paused = await client.post(f"/v1/tasks/{one['task_id']}/pause")
    assert (paused.status_code, paused.json()["error"]["code"]) == (409, "conflict")
    missing = await client.post("/v1/tasks/reindex", json={"bucket": "none"})
    assert missing.status_code == 404
