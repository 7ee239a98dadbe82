"""An object's bytes: whole, in ranges, and harmless."""

from __future__ import annotations

import os

import httpx
import pytest
from api_stand import Stand, error_of

pytestmark = pytest.mark.stores("sqlite")

DATA = bytes(range(256)) * 4096  # 1 MiB


@pytest.fixture
def url(stand: Stand) -> str:
    bucket = stand.bucket("b")
    thing = stand.file(bucket, "b", "clip.mp4", DATA, "video/mp4")
    return f"/v1/objects/{thing}/content"


async def test_api_content_is_whole(client: httpx.AsyncClient, url: str) -> None:
    answer = await client.get(url)
    assert answer.status_code == 200
    assert answer.content == DATA
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-length"] == str(len(DATA))
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith("inline;")


SIZE = len(DATA)


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-9", 5, 10),
        ("bytes=1000-", 1000, SIZE),
        ("bytes=-7", SIZE - 7, SIZE),
        (f"bytes=-{SIZE * 2}", 0, SIZE),
        (f"bytes={SIZE - 1}-{SIZE * 9}", SIZE - 1, SIZE),
        (f"bytes=0-{SIZE - 1}", 0, SIZE),
        ("bytes=262143-262145", 262143, 262146),
    ],
)
async def test_api_content_in_ranges(
    client: httpx.AsyncClient, url: str, asked: str, start: int, end: int
) -> None:
    answer = await client.get(url, headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == DATA[start:end]
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{SIZE}"
    assert answer.headers["content-length"] == str(end - start)


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE * 2}-{SIZE * 3}", "bytes=-0"])
async def test_api_content_ranges_outside(client: httpx.AsyncClient, url: str, asked: str) -> None:
    answer = await client.get(url, headers={"Range": asked})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{SIZE}"
    assert answer.content == b""


@pytest.mark.parametrize(
    "asked", ["bytes=9-5", "bytes=-", "bytes=a-b", "lines=0-1", "bytes=0-1,5-9", "bytes=1-2-3", ""]
)
async def test_api_content_ignores_ranges_that_it_cannot_read(
    client: httpx.AsyncClient, url: str, asked: str
) -> None:
    answer = await client.get(url, headers={"Range": asked})
    assert answer.status_code == 200
    assert len(answer.content) == SIZE


async def test_api_content_tags_the_bytes_that_are_there(
    stand: Stand, client: httpx.AsyncClient, url: str
) -> None:
    tag = (await client.get(url, headers={"Range": "bytes=0-0"})).headers["etag"]
    same = await client.get(url, headers={"If-None-Match": tag})
    assert (same.status_code, same.content) == (304, b"")
    wanted = {"Range": "bytes=0-3", "If-Range": tag}
    assert (await client.get(url, headers=wanted)).status_code == 206
    path = stand.media / "b" / "clip.mp4"
    path.write_bytes(b"new" + DATA)
    os.utime(path, ns=(1, 1))
    changed = await client.get(url, headers=wanted)
    assert (changed.status_code, changed.content[:3]) == (200, b"new")
    assert changed.headers["etag"] != tag
    assert (await client.get(url, headers={"If-None-Match": tag})).status_code == 200


@pytest.mark.parametrize(
    ("name", "mime", "place", "boxed"),
    [
        ("a.html", "text/html", "attachment", True),
        ("a.svg", "image/svg+xml", "attachment", True),
        ("a.xml", "application/xml", "attachment", True),
        ("a.xhtml", "application/xhtml+xml", "attachment", True),
        ("a.js", "text/javascript", "attachment", True),
        ("a.bin", "application/octet-stream", "attachment", True),
        ("a.txt", "text/plain", "inline", True),
        ("a.png", "image/png", "inline", False),
        ("a.mp3", "audio/mpeg", "inline", False),
        ("a.pdf", "application/pdf", "inline", False),
        ("A.SVG", "IMAGE/SVG+XML", "attachment", True),
    ],
)
async def test_api_content_that_would_run_is_not_shown(
    stand: Stand, client: httpx.AsyncClient, name: str, mime: str, place: str, boxed: bool
) -> None:
    bucket = stand.bucket("b")
    thing = stand.file(bucket, "b", name, b"<script>", mime)
    answer = await client.get(f"/v1/objects/{thing}/content")
    assert answer.headers["content-disposition"].startswith(f"{place};")
    assert (answer.headers.get("content-security-policy") == "sandbox") == boxed


@pytest.mark.parametrize("name", ['a "b".txt', "é à.txt", "a\nb: c.txt", "100%\\x.txt", "日本.txt"])
async def test_api_content_names_are_data(
    stand: Stand, client: httpx.AsyncClient, name: str
) -> None:
    bucket = stand.bucket("b")
    thing = stand.file(bucket, "b", name, b"1", "text/plain")
    answer = await client.get(f"/v1/objects/{thing}/content")
    assert answer.content == b"1"
    told = answer.headers["content-disposition"]
    assert "\n" not in told
    assert told.count('"') == 2
    encoded = told.partition("filename*=UTF-8''")[2]
    assert httpx.URL(f"http://x/{encoded}").path == f"/{name}"


async def test_api_content_of_nothing(stand: Stand, client: httpx.AsyncClient) -> None:
    bucket = stand.bucket("b")
    thing = stand.file(bucket, "b", "empty.txt", b"", "text/plain")
    answer = await client.get(f"/v1/objects/{thing}/content")
    assert (answer.status_code, answer.content) == (200, b"")
    ranged = await client.get(f"/v1/objects/{thing}/content", headers={"Range": "bytes=0-"})
    assert ranged.status_code == 416


async def test_api_content_that_is_gone(stand: Stand, client: httpx.AsyncClient, url: str) -> None:
    path = stand.media / "b" / "clip.mp4"
    path.unlink()
    for make in (lambda: None, path.mkdir, lambda: (path.rmdir(), os.mkfifo(path))):
        make()
        answer = await client.get(url)
        error = error_of(answer)
        assert (answer.status_code, error["code"]) == (422, "source_unreadable")
        assert "clip.mp4" in error["message"]


async def test_api_content_from_bytes(stand: Stand, client: httpx.AsyncClient) -> None:
    """A source without files gives bytes; they are tagged and cut like a file's."""
    bucket = stand.rows.bucket(stand.default, "up", "uploads")
    with stand.database.write() as connection:
        connection.exec_driver_sql("UPDATE buckets SET source_kind = 'elsewhere'")
    thing = stand.rows.object(stand.default, bucket, "0123456789.txt")
    url = f"/v1/objects/{thing}/content"
    whole = await client.get(url)
    assert whole.content == b"0123456789.txt"
    part = await client.get(url, headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")
    same = await client.get(url, headers={"If-None-Match": whole.headers["etag"]})
    assert same.status_code == 304
