"""What uploads promise: whole objects or nothing, equal content kept once and named, limits, and
that a sender is told what it need not send."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from api_stand import UPLOAD_LIMIT, Stand, error_of

from workbench.blobs.folder import FolderWriter
from workbench.store import tables as t
from workbench.tasks.uploads import UploadedSource

ROUND = "round-0001"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(range(256)) * 20


@pytest.fixture
async def bucket(client: httpx.AsyncClient) -> str:
    answer = await client.post("/v1/buckets", json={"name": "up"})
    assert answer.status_code == 201
    assert answer.json()["source"] == {"kind": "uploads", "uri": "uploads://"}
    return "up"


async def send(
    client: httpx.AsyncClient, name: str, data: Any, status: int = 201, **query: Any
) -> dict[str, Any]:
    query = {"name": name, "modified_at": 1000, **query}
    answer = await client.post("/v1/buckets/up/objects", params=query, content=data)
    assert answer.status_code == status, answer.text
    return answer.json() if status < 300 else error_of(answer)


async def offer(client: httpx.AsyncClient, *files: dict[str, Any], **more: Any) -> list[str]:
    body = {"round": ROUND, "files": list(files), **more}
    answer = await client.post("/v1/buckets/up/offers", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["max_bytes"] == UPLOAD_LIMIT
    return answer.json()["results"]


def stored(stand: Stand) -> list[Path]:
    """All files of the blob store."""
    root = stand.media.parent / "blobs"
    return sorted(path for path in root.rglob("*") if path.is_file())


@pytest.mark.usefixtures("bucket")
async def test_api_an_uploaded_object_is_served_like_any_other(
    client: httpx.AsyncClient,
) -> None:
    kept = await send(client, "trip/cat", JPEG)
    found = kept["object"]
    assert (kept["created"], kept["unchanged"], kept["duplicate_of"]) == (True, False, None)
    assert (found["mime"], found["size"], found["version"]) == ("image/jpeg", len(JPEG), 1)
    assert found["sha256"] == hashlib.sha256(JPEG).hexdigest()
    url = f"/v1/objects/{found['object_id']}/content"
    whole = await client.get(url)
    assert whole.content == JPEG
    assert whole.headers["content-type"] == "image/jpeg"
    assert whole.headers["x-content-type-options"] == "nosniff"
    part = await client.get(url, headers={"Range": "bytes=2-9"})
    assert (part.status_code, part.content) == (206, JPEG[2:10])
    tag = {"If-None-Match": whole.headers["etag"]}
    assert (await client.get(url, headers=tag)).status_code == 304


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("page.txt", b"<!doctype html><script>alert(1)</script>"),
        ("drawing.png", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'),
    ],
)
async def test_api_what_a_browser_would_run_is_never_inline(
    client: httpx.AsyncClient, name: str, data: bytes
) -> None:
    """The type is told by content, so another name helps nobody."""
    found = (await send(client, name, data))["object"]
    answer = await client.get(f"/v1/objects/{found['object_id']}/content")
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["content-security-policy"] == "sandbox"


async def test_api_content_comes_in_pieces_and_is_hashed_on_the_way(
    client: httpx.AsyncClient, bucket: str, stand: Stand
) -> None:
    data = os.urandom(2_500_000)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(data), 70_001):
            yield data[start : start + 70_001]

    sha256 = hashlib.sha256(data).hexdigest()
    found = (await send(client, "big", pieces(), sha256=sha256))["object"]
    assert (found["size"], found["sha256"]) == (len(data), sha256)
    assert [path.name for path in stored(stand)] == [sha256]
    assert stored(stand)[0].stat().st_mode & 0o077 == 0
    listed = (await client.get("/v1/objects", params={"bucket": bucket})).json()["results"]
    assert [one["name"] for one in listed] == ["big"]


@pytest.mark.usefixtures("bucket")
async def test_api_equal_content_is_kept_once_and_named(
    client: httpx.AsyncClient, stand: Stand
) -> None:
    await send(client, "a", b"the same")
    twin = await send(client, "b", b"the same")
    assert (twin["created"], twin["duplicate_of"]) == (True, {"name": "a"})
    again = await send(client, "b", b"the same", status=200)
    assert (again["created"], again["unchanged"]) == (False, True)
    assert again["object"]["version"] == 1
    other = await send(client, "b", b"another", status=200)
    assert (other["unchanged"], other["object"]["version"]) == (False, 2)
    assert other["object"]["object_id"] == twin["object"]["object_id"]
    assert len(stored(stand)) == 2
    await send(client, "b", b"a third one", status=200)
    uploads = stand.services.uploads
    assert uploads.collect(stand.default) == (1, len(b"another"))
    assert uploads.collect(stand.default) == (0, 0)
    assert len(stored(stand)) == 2


@pytest.mark.usefixtures("bucket")
async def test_api_what_is_refused_leaves_nothing(client: httpx.AsyncClient, stand: Stand) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield bytes(100_000)

    await send(client, "big", endless(), status=413)
    await send(client, "big", bytes(UPLOAD_LIMIT + 1), status=413)
    wrong = await send(client, "x", b"abc", status=422, sha256="0" * 64)
    assert "another hash" in wrong["message"]
    for name in ("", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "nul\0", "n" * 1025):
        error = await send(client, name, b"abc", status=422)
        assert "cannot be an object's name" in error["message"]
    assert stored(stand) == []
    assert (await client.get("/v1/objects", params={"bucket": "up"})).json()["results"] == []


async def test_api_only_a_bucket_for_uploads_takes_them(
    client: httpx.AsyncClient, stand: Stand
) -> None:
    assert (
        error_of(await client.post("/v1/buckets/none/objects?name=x", content=b"x"))["code"]
        == "not_found"
    )
    stand.bucket("folder")
    answer = await client.post("/v1/buckets/folder/objects?name=x", content=b"x")
    assert (answer.status_code, error_of(answer)["code"]) == (409, "conflict")
    answer = await client.post("/v1/buckets", json={"name": "folder"})
    assert error_of(answer)["code"] == "bucket_source_conflict"
    for origin, status in (("one/media", 201), ("one/media", 200), ("two/media", 409)):
        body = {"name": "of", "origin": origin}
        assert (await client.post("/v1/buckets", json=body)).status_code == status


@pytest.mark.usefixtures("bucket")
async def test_api_a_full_disk_is_said_and_nothing_is_torn(
    client: httpx.AsyncClient, stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = await send(client, "a", b"before")
    write = FolderWriter.write

    def full(self: FolderWriter, data: bytes | memoryview) -> None:
        write(self, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(FolderWriter, "write", full)
    for data in (b"small", bytes(2_000_000)):
        error = await send(client, "a", data, status=503)
        assert error["message"] == "the disk is full"
    monkeypatch.undo()
    assert len(stored(stand)) == 1
    url = f"/v1/objects/{kept['object']['object_id']}/content"
    assert (await client.get(url)).content == b"before"
    await send(client, "a", b"after", status=200)


@pytest.mark.usefixtures("bucket")
async def test_api_a_start_removes_what_a_killed_service_had_begun(
    client: httpx.AsyncClient, stand: Stand
) -> None:
    await send(client, "a", b"whole")
    incoming = stand.services.uploads.begin(stand.default, "up")
    incoming.write(b"half of")
    assert len(stored(stand)) == 2
    assert stand.services.uploads.clear([stand.default]) == 1
    assert [path.read_bytes() for path in stored(stand)] == [b"whole"]


async def test_api_offers_say_what_need_not_be_sent(client: httpx.AsyncClient, bucket: str) -> None:
    data = b"some content"
    sha256 = hashlib.sha256(data).hexdigest()
    one = {"name": "a.txt", "size": len(data), "modified_at": 1000}
    assert await offer(client, one) == ["send"]  # an empty bucket has no use for a hash
    await send(client, "a.txt", data)
    touched = {**one, "modified_at": 2000}
    renamed = {**one, "name": "b.txt"}
    assert await offer(client, one, touched, renamed) == ["present", "hash", "hash"]
    hashed = [{**each, "sha256": sha256} for each in (touched, renamed)]
    assert await offer(client, *hashed, {**one, "sha256": "0" * 64}) == [
        "present",
        "present",
        "send",
    ]
    listed = (await client.get("/v1/objects", params={"bucket": bucket})).json()["results"]
    assert [(each["name"], each["sha256"], each["version"]) for each in listed] == [
        ("a.txt", sha256, 1),
        ("b.txt", sha256, 1),
    ]
    assert listed[0]["modified_at"] == "1970-01-01T00:00:02Z"
    content = await client.get(f"/v1/objects/{listed[1]['object_id']}/content")
    assert content.content == data
    # Somebody else's bucket does not give content away to who knows its hash.
    await client.post("/v1/buckets", json={"name": "other"})
    body = {"round": ROUND, "files": [hashed[0]]}
    answer = await client.post("/v1/buckets/other/offers", json=body)
    assert answer.json()["results"] == ["send"]


@pytest.mark.usefixtures("bucket")
async def test_api_an_ingest_removes_what_its_round_did_not_name(
    client: httpx.AsyncClient, stand: Stand
) -> None:
    for name in ("in/a.x", "in/b.x", "in/c.x", "out.x"):
        await send(client, name, name.encode(), round="round-0000")
    present = {"name": "in/a.x", "size": 6, "modified_at": 1000}
    assert await offer(client, present) == ["present"]
    body = {"source": "uploads://up/in", "round": ROUND}
    task = (await client.post("/v1/tasks/ingest", json=body)).json()
    assert task["bucket"] == "up"
    gone = stand.services.uploads.rows

    def removals() -> set[str]:
        query = sa.select(t.objects.c.name).join(
            t.removals, t.removals.c.object_id == t.objects.c.object_id
        )
        with stand.database.read() as connection:
            return set(connection.execute(query).scalars())

    assert removals() == {"in/b.x", "in/c.x"}
    await send(client, "in/c.x", b"back again", status=200)
    assert removals() == {"in/b.x"}
    bucket_id = (await client.get("/v1/buckets/up")).json()["bucket_id"]
    source = UploadedSource(gone, bucket_id, "in", ("a.*",), task["task_id"])
    assert [entry.name for entry in source.entries()] == ["in/c.x"]


@pytest.mark.usefixtures("bucket")
async def test_api_uploads_are_ingested_by_their_address(client: httpx.AsyncClient) -> None:
    await send(client, "a.x", b"text")
    body = {"source": "uploads://up", "extractors": ["toy"]}
    plan = (await client.post("/v1/tasks/ingest/dry-run", json=body)).json()
    assert (plan["bucket"], plan["files"], plan["unchanged"]) == ("up", 1, 1)
    assert [(row["extractor"], row["files"]) for row in plan["rows"]] == [("toy", 1)]
    answer = await client.post("/v1/tasks/ingest", json={**body, "bucket": "another"})
    assert error_of(answer)["code"] == "invalid_request"
    answer = await client.post("/v1/tasks/ingest", json={"source": "uploads://none"})
    assert error_of(answer)["code"] == "not_found"


def probe(path: Path, host: str = "here", **changed: Any) -> dict[str, Any]:
    """What a client says of a folder with one file in it."""

    def sample(name: str) -> dict[str, Any]:
        found = (path / name).lstat()
        return {
            "name": name,
            "size": found.st_size,
            "mtime_ns": found.st_mtime_ns,
            "inode": found.st_ino,
            "folder": not name,
        }

    samples = [sample(""), {**sample("a.x"), **changed}]
    return {"path": str(path), "host": host, "folder": True, "samples": samples}


async def test_api_a_source_is_reachable_when_the_same_files_are_there(
    client: httpx.AsyncClient, stand: Stand, tmp_path: Path
) -> None:
    folder = stand.media / "trip"
    folder.mkdir()
    (folder / "a.x").write_text("text")

    async def ask(body: dict[str, Any]) -> dict[str, Any]:
        answer = await client.post("/v1/sources", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    found = await ask(probe(folder))
    assert (found["reachable"], found["bucket"], found["root"]) == (True, "trip", str(folder))
    others: list[dict[str, Any]] = [{"inode": 1}, {"mtime_ns": 1}, {"size": 5}]
    for other in [*others, {"name": "../trip/a.x"}]:
        assert not (await ask(probe(folder, **other)))["reachable"]
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.x").write_text("text")
    found = await ask(probe(outside))
    assert (found["reachable"], found["origin"]) == (False, f"here{outside}")
    # What is not there looks like what may not be read.
    missing = {**probe(outside), "path": str(tmp_path / "nothing")}
    assert (await ask(missing))["why"] == found["why"]


async def test_api_files_of_another_machine_find_their_bucket_again(
    client: httpx.AsyncClient, stand: Stand, tmp_path: Path
) -> None:
    folder = tmp_path / "far"
    folder.mkdir()
    (folder / "a.x").write_text("text")
    body = probe(folder, host="laptop")
    origin = (await client.post("/v1/sources", json=body)).json()["origin"]
    await client.post("/v1/buckets", json={"name": "named", "origin": origin})
    inside = {**body, "path": f"{folder}/deep/er"}
    for asked, scope in ((body, ""), (inside, "deep/er")):
        found = (await client.post("/v1/sources", json=asked)).json()
        assert (found["bucket"], found["root"], found["scope"]) == ("named", str(folder), scope)
    elsewhere = (await client.post("/v1/sources", json={**body, "host": "other"})).json()
    assert (elsewhere["bucket"], elsewhere["root"]) == ("far", str(folder))
    assert stand.services.uploads.rows.buckets(stand.default)[0].name == "named"
