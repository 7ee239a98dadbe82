"""Tasks over HTTP: begun once, watched without polling, canceled, retried."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from api_stand import Stand, error_of

from workbench.access.principal import Principal
from workbench.domain.wire import IngestRequest
from workbench.store import tables as t
from workbench.store.acceptance import Acceptance


def change(stand: Stand, task_id: str, **values: Any) -> None:
    with stand.database.write() as connection:
        connection.execute(
            sa.update(t.tasks)
            .where(t.tasks.c.task_id == task_id)
            .values(sequence=t.tasks.c.sequence + 1, **values)
        )
    stand.changes.changed(task_id)


@pytest.fixture
def source(stand: Stand) -> dict[str, Any]:
    folder = stand.media / "holidays"
    folder.mkdir()
    return {"source": str(folder)}


async def test_api_ingest_is_accepted_at_once(
    client: httpx.AsyncClient, source: dict[str, Any]
) -> None:
    answer = await client.post("/v1/tasks/ingest", json=source)
    assert answer.status_code == 202
    task = answer.json()
    assert (task["kind"], task["state"], task["bucket"]) == ("ingest", "PENDING", "holidays")
    assert task["progress"]["total"] is None
    assert answer.headers["location"] == f"/v1/tasks/{task['task_id']}"
    found = await client.get(answer.headers["location"])
    assert found.json() == task
    assert found.headers["x-sequence"] == answer.headers["x-sequence"]


async def test_api_ingest_sent_twice_is_one_task(
    client: httpx.AsyncClient, source: dict[str, Any]
) -> None:
    headers = {"Idempotency-Key": "abc-1"}
    first = await client.post("/v1/tasks/ingest", json=source, headers=headers)
    second = await client.post("/v1/tasks/ingest", json=source, headers=headers)
    third = await client.post("/v1/tasks/ingest", json=source)
    assert first.json()["task_id"] == second.json()["task_id"] != third.json()["task_id"]
    for bad in ("", "a b", "x" * 129, "é"):
        sent = {"Idempotency-Key": bad.encode("latin-1")}
        refused = await client.post("/v1/tasks/ingest", json=source, headers=sent)
        assert error_of(refused)["details"]["field"] == "idempotency-key"


async def test_api_ingest_refuses_what_it_may_not_read(client: httpx.AsyncClient) -> None:
    for path in ("/etc", "relative/path", "/root/../etc"):
        answer = await client.post("/v1/tasks/ingest", json={"source": path})
        assert answer.status_code == 422
        assert error_of(answer)["hint"]


async def test_api_tasks_filter_by_state(stand: Stand, client: httpx.AsyncClient) -> None:
    done = stand.rows.task(stand.default, state="COMPLETED", ended_at=5)
    stand.rows.task(stand.default)
    found = (await client.get("/v1/tasks", params={"filter": "state = COMPLETED"})).json()
    assert [task["task_id"] for task in found["results"]] == [done]
    assert found["results"][0]["ended_at"] == "1970-01-01T00:00:00.005000Z"


async def test_api_watching_answers_when_something_changed(
    stand: Stand, client: httpx.AsyncClient
) -> None:
    task = stand.rows.task(stand.default)
    seen = (await client.get(f"/v1/tasks/{task}")).headers["x-sequence"]
    watch = asyncio.create_task(client.get(f"/v1/tasks/{task}?wait=30&after={seen}"))
    done, _ = await asyncio.wait([watch], timeout=0.3)
    assert not done
    begun = time.monotonic()
    change(stand, task, state="PAUSED")
    answer = await watch
    assert time.monotonic() - begun < 2
    assert answer.json()["state"] == "PAUSED"
    assert int(answer.headers["x-sequence"]) == int(seen) + 1


async def test_api_watching_misses_no_change(stand: Stand, client: httpx.AsyncClient) -> None:
    """Many changes and as many looks: each look sees a later sequence, the last one the end."""
    task = stand.rows.task(stand.default)

    async def work() -> None:
        for _ in range(20):
            await asyncio.to_thread(change, stand, task)
            await asyncio.sleep(0.002)
        await asyncio.to_thread(change, stand, task, state="COMPLETED")

    working = asyncio.create_task(work())
    sequences = [-1]
    state = ""
    while state != "COMPLETED":
        answer = await client.get(f"/v1/tasks/{task}?wait=10&after={sequences[-1]}")
        sequences.append(int(answer.headers["x-sequence"]))
        state = answer.json()["state"]
    await working
    assert sequences == sorted(set(sequences))
    assert sequences[-1] == 21


async def test_api_watching_ends_with_its_time(stand: Stand, client: httpx.AsyncClient) -> None:
    task = stand.rows.task(stand.default, sequence=4)
    begun = time.monotonic()
    answer = await client.get(f"/v1/tasks/{task}?wait=0.3&after=4")
    assert 0.25 < time.monotonic() - begun < 3
    assert answer.headers["x-sequence"] == "4"


async def test_api_watching_an_ended_task_answers_at_once(
    stand: Stand, client: httpx.AsyncClient
) -> None:
    task = stand.rows.task(stand.default, state="COMPLETED", sequence=4)
    begun = time.monotonic()
    answer = await client.get(f"/v1/tasks/{task}?wait=30&after=4")
    assert answer.json()["state"] == "COMPLETED"
    assert time.monotonic() - begun < 5


async def test_api_watching_does_not_hold_up_others(
    stand: Stand, client: httpx.AsyncClient
) -> None:
    """More watchers than there are threads: none of them holds one."""
    task = stand.rows.task(stand.default)
    watches = [
        asyncio.create_task(client.get(f"/v1/tasks/{task}?wait=30&after=0")) for _ in range(60)
    ]
    await asyncio.sleep(0.2)
    answer = await asyncio.wait_for(client.get("/v1/buckets"), 10)
    assert answer.status_code == 200
    change(stand, task)
    answers = await asyncio.gather(*watches)
    assert {each.headers["x-sequence"] for each in answers} == {"1"}


@pytest.mark.parametrize("query", ["wait=61", "wait=-1", "wait=x", "wait=nan", "after=x"])
async def test_api_watching_refuses_odd_times(
    stand: Stand, client: httpx.AsyncClient, query: str
) -> None:
    task = stand.rows.task(stand.default)
    assert (await client.get(f"/v1/tasks/{task}?{query}")).status_code == 422


async def test_api_cancel_asks_and_ended_tasks_refuse(
    stand: Stand, client: httpx.AsyncClient
) -> None:
    running = stand.rows.task(stand.default)
    answer = await client.post(f"/v1/tasks/{running}/cancel")
    assert (answer.status_code, answer.json()["requested"]) == (202, "cancel")
    ended = stand.rows.task(stand.default, state="COMPLETED")
    refused = await client.post(f"/v1/tasks/{ended}/cancel")
    assert (refused.status_code, error_of(refused)["code"]) == (409, "task_ended")
    missing = await client.post("/v1/tasks/tsk_none/cancel")
    assert missing.status_code == 404


async def test_api_pause_and_resume_say_what_cannot_be(
    stand: Stand, client: httpx.AsyncClient
) -> None:
    running = stand.rows.task(stand.default)
    answer = await client.post(f"/v1/tasks/{running}/pause")
    assert (answer.status_code, answer.json()["requested"]) == (202, "pause")
    back = await client.post(f"/v1/tasks/{running}/resume")
    assert (back.status_code, back.json()["requested"]) == (202, None)
    paused = stand.rows.task(stand.default, state="PAUSED")
    again = await client.post(f"/v1/tasks/{paused}/pause")
    assert (again.status_code, error_of(again)["code"]) == (409, "conflict")
    assert "paused already" in error_of(again)["message"]
    assert (await client.post(f"/v1/tasks/{paused}/resume")).json()["state"] == "IN_PROGRESS"
    twice = await client.post(f"/v1/tasks/{paused}/resume")
    assert "not paused" in error_of(twice)["message"]
    ended = stand.rows.task(stand.default, state="FAILED")
    deleting = stand.rows.task(stand.default, kind="delete")
    for task, code in ((ended, "task_ended"), (deleting, "conflict")):
        refused = await client.post(f"/v1/tasks/{task}/pause")
        assert (refused.status_code, error_of(refused)["code"]) == (409, code)
    assert (await client.post("/v1/tasks/tsk_none/pause")).status_code == 404


async def test_api_retry_of_chosen_failures(stand: Stand, client: httpx.AsyncClient) -> None:
    bucket = stand.bucket("b")
    collection = stand.rows.collection(stand.default, bucket, "b.toy", "toy@1")
    task = stand.rows.task(
        stand.default, state="COMPLETED_WITH_ERRORS", bucket="b", bucket_id=bucket
    )
    failures: dict[str, str] = {}
    for name, category in (("a", "format"), ("b", "network"), ("c", "network")):
        more = {"category": category, "retryable": category == "network"}
        place = {
            "collection_id": collection,
            "object_id": stand.rows.object(stand.default, bucket, name),
        }
        failures[name] = stand.rows.failure(stand.default, task, name, **place, **more)
        item = {"namespace_id": stand.default, "task_id": task, "state": "failed", **place}
        with stand.database.write() as connection:
            connection.execute(sa.insert(t.items), item)

    async def total(**body: Any) -> int:
        answer = await client.post(f"/v1/tasks/{task}/retry", json=body)
        assert answer.status_code == 202, answer.text
        return answer.json()["progress"]["total"]

    assert await total() == 3
    assert await total(retryable=True) == 2
    assert await total(objects=["a", "b"]) == 2
    assert await total(objects=["a", "b"], retryable=True) == 1
    assert await total(failures=[failures["c"]]) == 1
    assert await total(filter="category = network and object_name = b") == 1
    for body, status in (
        ({"objects": ["none"]}, 404),
        ({"objects": ["a"], "retryable": True}, 409),
        ({"filter": "colour = red"}, 422),
        ({"filter": "category ="}, 422),
        ({"colour": "red"}, 422),
    ):
        answer = await client.post(f"/v1/tasks/{task}/retry", json=body)
        assert answer.status_code == status, body


async def test_api_retry_is_a_new_task_of_what_failed(
    stand: Stand, client: httpx.AsyncClient
) -> None:
    bucket = stand.bucket("b")
    collection = stand.rows.collection(stand.default, bucket, "b.toy", "toy@1")
    task = stand.rows.task(
        stand.default, state="COMPLETED_WITH_ERRORS", bucket="b", bucket_id=bucket
    )
    nothing = await client.post(f"/v1/tasks/{task}/retry")
    assert (nothing.status_code, error_of(nothing)["code"]) == (409, "conflict")
    object_id = stand.rows.object(stand.default, bucket, "a")
    with stand.database.write() as connection:
        item = {
            "namespace_id": stand.default,
            "task_id": task,
            "collection_id": collection,
            "object_id": object_id,
            "state": "failed",
        }
        connection.execute(sa.insert(t.items), item)
    answer = await client.post(f"/v1/tasks/{task}/retry")
    assert answer.status_code == 202
    again = answer.json()
    assert again["retry_of"] == task != again["task_id"]
    assert again["progress"]["total"] == again["progress"]["pending"] == 1


async def test_api_failures_are_listed_with_what_to_do(
    stand: Stand, client: httpx.AsyncClient
) -> None:
    task = stand.rows.task(stand.default)
    for name in ("b.jpg", "a.jpg"):
        stand.rows.failure(stand.default, task, name, hint="replace it")
    stand.rows.failure(stand.default, task, "c.jpg", category="network", retryable=True)
    answer = (await client.get(f"/v1/tasks/{task}/failures?limit=2")).json()
    assert [each["object_name"] for each in answer["results"]] == ["a.jpg", "b.jpg"]
    assert answer["results"][0]["hint"] == "replace it"
    query = {"filter": "retryable = true"}
    found = (await client.get(f"/v1/tasks/{task}/failures", params=query)).json()
    assert [each["object_name"] for each in found["results"]] == ["c.jpg"]
    assert (await client.get("/v1/tasks/tsk_none/failures")).status_code == 404


async def test_api_a_dry_run_counts_by_type_and_extractor_and_writes_nothing(
    stand: Stand, client: httpx.AsyncClient, source: dict[str, Any]
) -> None:
    folder = stand.media / "holidays"
    for n in range(3):
        (folder / f"n{n}.txt").write_text("words")
    (folder / "odd.bin").write_bytes(bytes(range(256)))
    (folder / "left.txt").write_text("out")
    asked = {**source, "exclude": ["left*"]}
    answer = await client.post("/v1/tasks/ingest/dry-run", json=asked)
    assert answer.status_code == 200
    found = answer.json()
    assert (found["bucket"], found["new"], found["complete"]) == ("holidays", True, True)
    assert (found["files"], found["unchanged"]) == (4, 0)
    files = {(row["mime"], row["kind"]): row["files"] for row in found["rows"]}
    assert files == {("text/plain", "text"): 3, ("application/octet-stream", "document"): 1}
    assert (await client.get("/v1/tasks")).json()["results"] == []
    assert (await client.get("/v1/buckets")).json()["results"] == []
    wrong = await client.post("/v1/tasks/ingest/dry-run", json={**source, "extractors": ["nope"]})
    assert error_of(wrong)["code"] == "not_found"


@pytest.mark.parametrize("present", [False, True])
async def test_api_parameters_of_two_ingests_at_once_are_both_set(
    stand: Stand,
    client: httpx.AsyncClient,
    source: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    present: bool,
) -> None:
    """The second is accepted after the first one has looked at the collection, and before it is."""
    if present:
        await client.post("/v1/tasks/ingest", json={**source, "extractors": ["toy"]})
    real = Acceptance.ingest

    def second_first(self: Acceptance, *arguments: Any) -> str:
        monkeypatch.undo()
        wanted = IngestRequest(
            **source, extractors=["toy"], parameters={"toy": {"prefix": "second"}}
        )
        home = Principal("home", home=True)
        stand.services.accept.ingest(stand.default, wanted, None, home)
        return real(self, *arguments)

    monkeypatch.setattr(Acceptance, "ingest", second_first)
    first = {**source, "extractors": ["toy"], "parameters": {"toy": {"pause": 0.5}}}
    answer = await client.post("/v1/tasks/ingest", json=first)
    assert answer.status_code == 202
    (collection,) = (await client.get("/v1/collections")).json()["results"]
    assert collection["parameters"] == {"prefix": "second", "pause": 0.5}
