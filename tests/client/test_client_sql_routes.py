"""The routes below /v1/telemetry, by HTTP: what they refuse, how they stream and break off."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from client_sql_service import NOON, SqlService

from workbench.client.client import Client
from workbench.client.sql import run_sql
from workbench.domain.errors import Code, WorkbenchError
from workbench.store import tables as t
from workbench.vectors.port import VectorsUnavailable


@pytest.fixture(scope="module")
def sql_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlService]:
    service = SqlService(tmp_path_factory.mktemp("sql")).start()
    service.fill()
    yield service
    service.stop()


@pytest.fixture
def sql_client(sql_service: SqlService) -> Iterator[Client]:
    with sql_service.client() as client:
        yield client


def _table(client: Client, table: str, **options: Any) -> pa.Table:
    with client.telemetry_table(table, **options) as body:
        return pa.ipc.open_stream(io.BufferedReader(body)).read_all()


def test_a_table_is_an_arrow_stream_of_the_columns_asked_for(sql_client: Client) -> None:
    with sql_client.telemetry_table("stages", ["seconds", "started_at"]) as body:
        assert body.headers["Content-Type"] == "application/vnd.apache.arrow.stream"
        read = pa.ipc.open_stream(io.BufferedReader(body)).read_all()
    assert read.schema == pa.schema(
        [("seconds", pa.float64()), ("started_at", pa.timestamp("ms", "UTC"))]
    )
    assert read.num_rows == 10


def test_the_list_says_what_each_column_is(sql_client: Client) -> None:
    tables = sql_client.telemetry_tables().results
    by_name = {table.name: table for table in tables}
    assert list(by_name) == [
        "tasks", "items", "funnel", "stages", "failures", "searches", "objects", "documents",
    ]  # fmt: skip
    assert by_name["stages"].time == "started_at"
    columns = [column for table in tables for column in table.columns]
    assert all(column.meaning and column.type for column in columns)


def test_tables_without_rows_are_whole_streams(sql_service: SqlService) -> None:
    with sql_service.client("empty") as client:
        for table in ("tasks", "items", "stages", "failures", "searches", "objects", "documents"):
            assert _table(client, table).num_rows == 0


@pytest.mark.parametrize(
    ("table", "options", "code"),
    [
        ("nosuch", {}, Code.NOT_FOUND),
        ("stages; DROP TABLE stages", {}, Code.NOT_FOUND),
        ("stages", {"columns": ["namespace_id"]}, Code.INVALID_PARAMETER),
        ("stages", {"columns": ["stage", 'x" FROM searches --']}, Code.INVALID_PARAMETER),
        ("items", {"since": 1}, Code.INVALID_PARAMETER),
        ("documents", {"until": 1}, Code.INVALID_PARAMETER),
        ("stages", {"since": -1}, Code.INVALID),
        ("stages", {"until": 10**18}, Code.INVALID),
    ],
)
def test_what_is_not_there_is_an_ordinary_error(
    sql_client: Client, table: str, options: dict[str, Any], code: Code
) -> None:
    with pytest.raises(WorkbenchError) as caught:
        sql_client.telemetry_table(table, **options)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("table", "rows"), [("tasks", 1), ("failures", 0), ("objects", 0), ("stages", 8)]
)
def test_time_is_bounded_where_the_table_lies(sql_client: Client, table: str, rows: int) -> None:
    assert _table(sql_client, table, since=NOON + 1, until=NOON + 9 * 3_600_000).num_rows == rows


def test_many_rows_come_in_pages_each_once(sql_service: SqlService) -> None:
    sql_service.insert(
        t.items,
        *[
            {"namespace_id": "ns_big", "task_id": "tsk_big", "collection_id": "col"}
            | {"object_id": f"obj_{n}", "state": "indexed"}
            for n in range(25_000)
        ],
    )
    with sql_service.client("big") as client:
        read = _table(client, "items", columns=["object_id"])
        assert read.num_rows == 25_000
        assert len(set(read["object_id"].to_pylist())) == 25_000
        exact = _table(client, "items", columns=["state"])
        assert exact.num_rows == 25_000


def test_an_answer_that_breaks_off_is_an_error_and_no_short_table(
    sql_service: SqlService, sql_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = sql_service.vectors.scroll
    calls: list[Any] = []

    async def breaks(*args: Any, **options: Any) -> Any:
        calls.append(options)
        if len(calls) > broken_after:
            raise VectorsUnavailable("gone")
        return await whole(*args, **options)

    monkeypatch.setattr(sql_service.vectors, "scroll", breaks)
    broken_after = 2
    with pytest.raises(WorkbenchError) as caught:
        run_sql(sql_client, "SELECT count(*) FROM documents")
    assert caught.value.code == Code.SERVICE_UNREACHABLE
    calls.clear()
    broken_after = 0
    with pytest.raises(WorkbenchError) as caught:
        run_sql(sql_client, "SELECT count(*) FROM documents")
    assert caught.value.code == Code.UNAVAILABLE
