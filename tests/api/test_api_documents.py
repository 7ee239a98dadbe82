"""Documents over the real engine: filters, pages over several spaces, and one namespace only."""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from api_stand import Stand, error_of, make_stand
from PIL import Image

from workbench.store.database import Database
from workbench.vectors.port import DenseVector, PointBatch, SpaceSpec, VectorStore

pytestmark = pytest.mark.stores("sqlite")

SPACES = ("a_v1_00000000", "b_v1_00000000")


@pytest.fixture(scope="module")
def socket() -> Iterator[Path]:
    """The owner of an engine of this module's own."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        path = Path(folder) / "s.sock"
        command = [sys.executable, "-m", "workbench.vectors.owner", f"{folder}/vectors", str(path)]
        owner = subprocess.Popen(command)
        try:
            for _ in range(300):
                if path.exists():
                    break
                time.sleep(0.1)
            yield path
        finally:
            owner.terminate()
            owner.wait(20)


@dataclass(frozen=True)
class World:
    """``one`` and ``two`` are the caller's collections in two spaces, ``other`` a foreign one."""

    stand: Stand
    one: str
    two: str
    ids: list[str]
    foreign: list[str]


async def put(
    store: VectorStore, space: str, namespace_id: str, collection: str, name: str, texts: list[str]
) -> list[str]:
    keys = [str(uuid.uuid4()) for _ in texts]
    shared: dict[str, Any] = {
        "namespace": namespace_id,
        "bucket": "b",
        "collection": name,
        "collection_id": collection,
        "object_id": f"obj_{collection}",
        "object_name": "x.txt",
        "extractor": "toy@1",
        "segment": "chk_secret",
        "mime": "text/plain",
        "kind": "text",
        "labels": ["cat"],
    }
    payloads = [
        {**shared, "position": number, "page": number + 1, "text": text, "length": len(text)}
        for number, text in enumerate(texts)
    ]
    vectors = np.ones((len(texts), 4), dtype=np.float32)
    await store.upsert(space, PointBatch(keys, {"v": vectors}, texts, payloads))
    return keys


@pytest.fixture
async def world(database: Database, tmp_path: Path, socket: Path) -> AsyncIterator[World]:
    """Each test's namespaces are new, so the spaces can stay."""
    stand = make_stand(database, tmp_path, socket)
    store = stand.services.vectors
    indexes: dict[str, Any] = {"collection_id": "keyword", "page": "integer", "labels": "keyword"}
    for space in SPACES:
        await store.ensure_space(SpaceSpec(space, (DenseVector("v", 4),), indexes=indexes))
    bucket = stand.bucket("b")
    mine, ns = stand.rows.collection, stand.default
    one = mine(ns, bucket, "b.one", "toy@1", space=SPACES[0])
    two = mine(ns, bucket, "b.two", "toy@1", space=SPACES[1])
    mine(ns, bucket, "b.never", "toy@1", space="never_v1_00000000")
    other = stand.rows.namespace("other")
    theirs = stand.rows.bucket(other, "b")
    foreign = mine(other, theirs, "b.one", "toy@1", space=SPACES[0])
    ids = await put(store, SPACES[0], ns, one, "b.one", ["alpha", "beta", "gamma"])
    ids += await put(store, SPACES[1], ns, two, "b.two", ["delta", "epsilon"])
    hidden = await put(store, SPACES[0], other, foreign, "b.one", ["SECRET"])
    yield World(stand, one, two, ids, hidden)
    await stand.close()


async def walk(world: World, **query: Any) -> list[dict[str, Any]]:
    client, found = world.stand.client(), list[dict[str, Any]]()
    while True:
        page = (await client.get("/v1/documents", params=query)).json()
        found += page["results"]
        if page["next_cursor"] is None:
            return found
        assert len(page["results"]) == query.get("limit", 100)
        query["cursor"] = page["next_cursor"]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 100])
async def test_api_documents_page_over_spaces(world: World, limit: int) -> None:
    found = await walk(world, limit=limit)
    assert sorted(each["document_id"] for each in found) == sorted(world.ids)
    assert "SECRET" not in str(found)


async def test_api_documents_of_a_collection_and_filter(world: World) -> None:
    for name in ("b.one", world.one):
        found = await walk(world, collection=name)
        assert {each["text"] for each in found} == {"alpha", "beta", "gamma"}
    second = await walk(world, filter="page >= 2", limit=2)
    assert {each["text"] for each in second} == {"beta", "gamma", "epsilon"}
    assert await walk(world, collection="b.never") == []
    everything = '{"OR": [{"namespace": "x"}, {"NOT": [{"namespace": "x"}]}]}'
    assert len(await walk(world, filter=everything)) == 5


async def test_api_a_document_tells_its_place_and_fields(world: World) -> None:
    client = world.stand.client()
    document = (await client.get(f"/v1/documents/{world.ids[1]}")).json()
    assert document["text"] == "beta"
    assert (document["page"], document["start_ms"], document["labels"]) == (2, None, ["cat"])
    assert document["payload"]["length"] == 4
    assert "chk_secret" not in str(document)
    assert world.stand.default not in str(document)
    last = (await client.get(f"/v1/documents/{world.ids[4]}")).json()
    assert last["collection"] == "b.two"


async def test_api_foreign_documents_are_not_there(world: World) -> None:
    client = world.stand.client()
    for key in (*world.foreign, str(uuid.uuid4()), "none", "%00"):
        answer = await client.get(f"/v1/documents/{key}")
        assert (answer.status_code, error_of(answer)["code"]) == (404, "not_found")
    theirs = world.stand.client(X_Namespace="other")
    assert (await theirs.get(f"/v1/documents/{world.foreign[0]}")).status_code == 200
    listed = (await theirs.get("/v1/documents")).json()["results"]
    assert [each["text"] for each in listed] == ["SECRET"]


async def test_api_documents_refuse_what_cannot_be(world: World) -> None:
    client = world.stand.client()
    for query, field in [
        ("sort=page", "sort"),
        ("cursor=abc", "cursor"),
        ("cursor=WyJhIl0", "cursor"),
        ("limit=0", "limit"),
    ]:
        answer = await client.get(f"/v1/documents?{query}")
        assert (answer.status_code, error_of(answer)["details"]["field"]) == (422, field)
    missing = await client.get("/v1/documents?collection=none")
    assert missing.status_code == 404


async def test_api_documents_without_an_engine(stand: Stand) -> None:
    bucket = stand.bucket("b")
    stand.rows.collection(stand.default, bucket, "b.one", "toy@1")
    client = stand.client()
    for path in ("/v1/documents", f"/v1/documents/{uuid.uuid4()}"):
        answer = await client.get(path)
        assert (answer.status_code, error_of(answer)["code"]) == (503, "unavailable")
        assert answer.headers["retry-after"]


@pytest.fixture(autouse=True)
def toys_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the processes that make previews."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))


async def shown(world: World, name: str, data: bytes) -> str:
    """A document on page 3 of a new file."""
    store, ns = world.stand.services.vectors, world.stand.default
    object_id = world.stand.file(world.stand.bucket("p" + name), "p" + name, name, data, "x/toy")
    (key,) = await put(store, SPACES[0], ns, world.one, "b.one", ["text"])
    payload = {
        "namespace": ns,
        "collection_id": world.one,
        "collection": "b.one",
        "object_id": object_id,
        "extractor": "toy@1",
        "page": 3,
    }
    points = PointBatch([key], {"v": np.ones((1, 4), np.float32)}, ["text"], [payload])
    await store.upsert(SPACES[0], points)
    return key


async def test_api_a_preview_shows_the_part_and_is_kept(world: World) -> None:
    client = world.stand.client()
    key = await shown(world, "good", b"anything")
    first = await client.get(f"/v1/documents/{key}/preview", params={"size": 100})
    assert (first.status_code, first.headers["content-type"]) == (200, "image/webp")
    picture = Image.open(io.BytesIO(first.content))
    assert picture.size == (160, 160)
    assert picture.getpixel((5, 5)) == (30, 30, 30)
    begun = time.perf_counter()
    again = await client.get(f"/v1/documents/{key}/preview", params={"size": 100})
    assert again.content == first.content
    assert time.perf_counter() - begun < 1, "a preview is made in a process of its own"
    tag = {"If-None-Match": first.headers["etag"]}
    same = await client.get(f"/v1/documents/{key}/preview", params={"size": 100}, headers=tag)
    assert same.status_code == 304


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"none", "nothing in it"), (b"refuse", "not today"), (b"die", "ended without an answer")],
)
async def test_api_a_decoder_that_fails_or_dies_costs_its_preview_only(
    world: World, data: bytes, reason: str
) -> None:
    client = world.stand.client()
    key = await shown(world, data.decode(), data)
    answer = await client.get(f"/v1/documents/{key}/preview")
    assert (answer.status_code, error_of(answer)["code"]) == (404, "no_thumbnail")
    assert reason in error_of(answer)["message"]
    foreign = await client.get(f"/v1/documents/{world.foreign[0]}/preview")
    assert foreign.status_code == 404
