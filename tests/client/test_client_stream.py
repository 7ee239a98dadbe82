"""Bodies as streams: telemetry tables, thumbnails, contents."""

from __future__ import annotations

import io
from collections.abc import Callable

import pyarrow as pa
import pytest
from client_service import Reply, Service, page, refusal

from workbench.client import Client, RefusedError
from workbench.domain.errors import Code, WorkbenchError


@pytest.fixture
def table() -> pa.Table:
    return pa.table({"n": pa.array(range(50_000)), "name": [f"row {n}" for n in range(50_000)]})


@pytest.fixture
def encoded(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=10_000)
    return sink.getvalue()


def by_file(client: Client) -> bytes:
    with client.telemetry_table("tasks") as body:
        return body.read()


def by_pieces(client: Client) -> bytes:
    return b"".join(client.telemetry_table("tasks"))


@pytest.mark.parametrize("chunked", [True, False])
def test_arrow_reads_a_table_as_it_comes(
    chunked: bool, client: Client, service: Service, table: pa.Table, encoded: bytes
) -> None:
    service.on("GET", "/telemetry/stages", Reply(encoded, chunked=chunked))
    with client.telemetry_table("stages", ["n", "name"], since=5, until=9) as body:
        assert pa.ipc.open_stream(body).read_all() == table
    assert service.seen[0].query == {"columns": "n,name", "since": "5", "until": "9"}


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("read", [by_file, by_pieces])
def test_a_stream_is_a_file_and_an_iterator(
    read: Callable[[Client], bytes], chunked: bool, client: Client, service: Service, encoded: bytes
) -> None:
    service.on("GET", "/telemetry/tasks", Reply(encoded, chunked=chunked))
    assert read(client) == encoded
    assert read(client) == encoded


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("read", [by_file, by_pieces])
def test_a_stream_that_breaks_off_is_an_error_and_never_a_short_table(
    read: Callable[[Client], bytes], chunked: bool, client: Client, service: Service, encoded: bytes
) -> None:
    service.on("GET", "/telemetry/tasks", Reply(encoded, chunked=chunked, fault="cut"))
    with pytest.raises(WorkbenchError, match="broke off") as raised:
        read(client)
    assert raised.value.code is Code.SERVICE_UNREACHABLE


def test_a_stream_closed_early_harms_no_later_request(
    client: Client, service: Service, encoded: bytes
) -> None:
    service.on("GET", "/telemetry/tasks", Reply(encoded, chunked=True))
    service.on("GET", "/buckets", page([]))
    with client.telemetry_table("tasks") as body:
        assert body.read(10) == encoded[:10]
    assert client.buckets().results == []


def test_a_stream_read_to_its_end_keeps_its_connection(
    client: Client, service: Service, encoded: bytes
) -> None:
    service.on("GET", "/telemetry/tasks", Reply(encoded, chunked=True))
    service.on("GET", "/objects/obj_1/thumbnail", Reply(b"RIFF", headers={"X": "image/webp"}))
    by_file(client)
    client.thumbnail("obj_1", 64)
    by_file(client)
    assert len({one.connection for one in service.seen}) == 1


def test_a_refused_stream_is_the_services_error(client: Client, service: Service) -> None:
    service.on("GET", "/telemetry/nope", refusal(404, "not_found", "there is no table 'nope'"))
    with pytest.raises(RefusedError, match="no table"):
        client.telemetry_table("nope")


def test_a_thumbnail_is_bytes(client: Client, service: Service) -> None:
    service.on("GET", "/objects/obj_1/thumbnail", Reply(b"\x00RIFF\xff"))
    assert client.thumbnail("obj_1", 96) == b"\x00RIFF\xff"
    assert service.seen[0].query == {"size": "96"}


def test_content_is_a_stream(client: Client, service: Service) -> None:
    service.on("GET", "/objects/obj_1/content", Reply(b"\x00" * 600_000, chunked=True))
    with client.content("obj_1") as body:
        assert sum(len(piece) for piece in body) == 600_000
