"""``sql``: DuckDB in this process, on what the service streams."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from client_service import Reply, Seen, Service

Run = Callable[..., Any]
COLUMNS = {"task_id": "VARCHAR", "indexed": "BIGINT", "created_at": "TIMESTAMP WITH TIME ZONE"}


def stream(seen: Seen) -> Reply:
    """The table ``tasks``, only the columns that were asked for."""
    asked = seen.query["columns"].split(",") if "columns" in seen.query else list(COLUMNS)
    rows = pa.table(
        {
            "task_id": ["tsk_1", "tsk_2"],
            "indexed": pa.array([5, None], pa.int64()),
            "created_at": pa.array([1_700_000_000_000] * 2, pa.timestamp("ms", "UTC")),
        }
    ).select(asked)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return Reply(sink.getvalue(), chunked=True)


@pytest.fixture(autouse=True)
def _tables(service: Service) -> None:
    columns = [{"name": name, "type": kind, "meaning": ""} for name, kind in COLUMNS.items()]
    tables = [{"name": "tasks", "meaning": "", "columns": columns}]
    service.on("GET", "/telemetry", Reply({"results": tables}))
    service.on("GET", "/telemetry/tasks", stream)


@pytest.mark.parametrize("verb", ["sql", "telemetry"])
def test_rows_are_json_values(verb: str, run: Run) -> None:
    query = "SELECT *, 0.5::DECIMAL(4, 2) AS d, 'nan'::DOUBLE AS n FROM tasks ORDER BY task_id"
    ran = run(verb, query, "--json")
    at = "2023-11-14T22:13:20Z"
    assert ran.status == 0
    assert ran.json == [
        {"task_id": "tsk_1", "indexed": 5, "created_at": at, "d": 0.5, "n": None},
        {"task_id": "tsk_2", "indexed": None, "created_at": at, "d": 0.5, "n": None},
    ]


def test_a_result_is_a_table(run: Run) -> None:
    ran = run("sql", "SELECT task_id, indexed, created_at FROM tasks ORDER BY 1")
    assert ran.out.splitlines() == [
        "task_id  indexed  created_at",
        "tsk_1          5  2023-11-14 22:13:20Z",
        "tsk_2          -  2023-11-14 22:13:20Z",
    ]


def test_an_error_in_the_query_is_wrong_use_with_a_hint(run: Run) -> None:
    ran = run("sql", "SELECT * FROM taks")
    assert (ran.status, ran.out) == (2, "")
    assert "tasks" in ran.err
