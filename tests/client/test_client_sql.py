from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from client_sql_service import HOUR, NOON, SqlService
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.client.client import Client
from workbench.client.sql import run_sql, sql_tables
from workbench.commands.frames import json_rows
from workbench.domain.errors import Code, WorkbenchError


@pytest.fixture(scope="module")
def sql_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlService]:
    service = SqlService(tmp_path_factory.mktemp("sql")).start()
    service.fill()
    yield service
    service.stop()


@pytest.fixture
def sql_client(sql_service: SqlService) -> Iterator[Client]:
    sql_service.asked.clear()
    with sql_service.client() as client:
        yield client


def values(frame: pd.DataFrame) -> list[list[Any]]:
    return frame.astype(object).values.tolist()


# ---- what the tables hold ---------------------------------------------------------------------


def test_tasks(sql_client: Client) -> None:
    frame = run_sql(sql_client, "SELECT * FROM tasks ORDER BY created_at")
    ended, running = json_rows(frame)
    assert ended["total"] == 8
    assert ended["indexed"] == 4
    assert ended["failed"] == 2
    assert ended["pending"] == 2
    assert ended["documents"] == 14
    assert ended["created_at"] == "2026-11-24T12:00:00Z"
    assert ended["ended_at"] == "2026-11-24T12:01:30Z"
    assert running["total"] is None
    assert running["indexed"] == 0
    assert running["ended_at"] is None


def test_items_name_what_was_deleted_by_its_id(sql_client: Client) -> None:
    frame = run_sql(
        sql_client,
        "SELECT collection, count(DISTINCT object_name) FROM items GROUP BY 1 ORDER BY 1",
    )
    assert values(frame) == [["col_gone", 4], ["media.text", 4]]


def test_objects_leave_out_removed_ones(sql_client: Client) -> None:
    frame = run_sql(sql_client, "SELECT object_name, bucket, modified_at FROM objects ORDER BY 1")
    assert list(frame["object_name"]) == ["a 0.txt", "a 1.txt", "a 2.txt"]
    assert frame["modified_at"][0] == pd.Timestamp(NOON, unit="ms", tz="UTC")
    assert frame["modified_at"][1] is pd.NaT


def test_failures(sql_client: Client) -> None:
    (row,) = json_rows(run_sql(sql_client, "SELECT * FROM failures"))
    assert (row["object_name"], row["category"], row["retryable"]) == (
        "broken.jpg",
        "format",
        False,
    )
    assert row["hint"] is None


def test_stages_and_searches(sql_client: Client) -> None:
    frame = run_sql(sql_client, "SELECT stage, sum(rows) r FROM stages GROUP BY 1 ORDER BY 1")
    assert values(frame) == [["fetch", 40], ["infer", 40]]
    assert frame["r"].dtype == "int64"
    (row,) = json_rows(run_sql(sql_client, "SELECT at, mode, hits, seconds FROM searches"))
    assert row == {"at": "2026-11-24T12:00:00Z", "mode": "hybrid", "hits": 10, "seconds": 0.013}


def test_documents_come_from_the_vector_store(sql_client: Client) -> None:
    frame = run_sql(sql_client, "SELECT * FROM documents ORDER BY position LIMIT 3")
    plain, whole, odd = json_rows(frame)
    assert plain["text"] == "passage 0"
    assert plain["page"] is None
    assert plain["labels"] is None
    assert whole["page"] == 3
    assert whole["box"] == [0, 0.5, 1, 1]
    assert whole["labels"] == ["dog", "beach"]
    assert whole["modified_at"] == "2026-11-24T12:00:00Z"
    assert json.loads(whole["payload"]) == {"language": "en"}
    assert (odd["page"], odd["labels"], odd["modified_at"]) == (None, None, None)
    counted = run_sql(
        sql_client,
        "SELECT count(*), count(DISTINCT document_id), any_value(payload->>'$.language') "
        "FROM documents",
    )
    assert values(counted) == [[2500, 2500, "en"]]


def test_at_needs_no_quotes(sql_client: Client) -> None:
    """DuckDB reserves the word; the name of the column is the product's."""
    for sql in (
        "SELECT at, hits FROM searches WHERE at > '2026-01-01' ORDER BY at",
        "SELECT s.at, hits AS \"at 'x\" FROM searches s -- at 't",
        "SELECT max(at) AT TIME ZONE 'Europe/Berlin', 'look at it' FROM searches",
        'SELECT "at", at::DATE FROM searches',
    ):
        assert len(run_sql(sql_client, sql)) == 1
    frame = run_sql(sql_client, "SELECT at, 'at ''at' AS t FROM searches")
    assert json_rows(frame) == [{"at": "2026-11-24T12:00:00Z", "t": "at 'at"}]


def test_every_table_answers_with_its_columns(sql_client: Client) -> None:
    for table in sql_tables(sql_client):
        frame = run_sql(sql_client, f"FROM {table.name}")
        assert list(frame.columns) == [column.name for column in table.columns]
        described = run_sql(sql_client, f"DESCRIBE {table.name}")
        assert list(described["column_type"]) == [column.type for column in table.columns]


def test_a_client_sees_its_own_namespace(sql_service: SqlService) -> None:
    with sql_service.client("other") as client:
        for table, rows in (("tasks", 2), ("stages", 1), ("documents", 1), ("searches", 0)):
            assert len(run_sql(client, f"FROM {table}")) == rows


# ---- what is fetched --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "asked"),
    [
        ("SELECT stage, sum(seconds) FROM stages GROUP BY 1", {"stages": "stage,seconds"}),
        ("SELECT count(*) FROM stages", {"stages": "task_id"}),
        ("SELECT * FROM stages", {"stages": None}),
        ("SELECT s.* FROM stages s", {"stages": None}),
        ("FROM Stages SELECT STAGE", {"stages": "stage"}),
        ("SELECT s FROM stages s", {"stages": None}),
        ("SELECT stages FROM stages", {"stages": None}),
        ("SELECT a FROM stages AS s(a)", {"stages": None}),
        ("SELECT #1 FROM stages", {"stages": None}),
        ("SELECT COLUMNS('se.*') FROM stages", {"stages": None}),
        (
            "SELECT object_name FROM items JOIN objects USING (object_id, object_name)",
            {"items": "object_id,object_name", "objects": "object_id,object_name"},
        ),
        ("SELECT mime FROM items NATURAL JOIN objects", {"items": None, "objects": None}),
        (
            "WITH x AS (SELECT task_id t, rows FROM stages) SELECT sum(rows) FROM x, tasks "
            "WHERE t = task_id",
            {"stages": "task_id,rows", "tasks": "task_id"},
        ),
        ("WITH stages AS (SELECT stage s FROM stages) SELECT s FROM stages", {"stages": "stage"}),
        ("SELECT 1", {}),
        ("VALUES (1), (2)", {}),
        ("DESCRIBE stages", {}),
        ("SHOW TABLES", {}),
        ("SUMMARIZE searches", {"searches": None}),
        ("EXPLAIN SELECT stage FROM stages", {"stages": None}),
        ("SELECT stage FROM query('SELECT * FROM stages')", {"stages": None}),
        ("SELECT count(*) FROM query_table('stages')", {"stages": None}),
        ("PIVOT stages ON stage IN ('fetch', 'infer') USING sum(rows)", {"stages": None}),
        ("SELECT (SELECT max(hits) FROM searches) h, stage FROM stages", {
            "stages": "stage", "searches": "hits"}),
    ],
)  # fmt: skip
def test_only_what_a_query_needs_is_fetched(
    sql_service: SqlService, sql_client: Client, sql: str, asked: dict[str, str | None]
) -> None:
    run_sql(sql_client, sql)
    assert {table: query.get("columns") for table, query in sql_service.asked} == asked


@pytest.mark.parametrize(
    ("where", "since", "until", "rows"),
    [
        ("started_at >= '2026-11-24 14:00:00'", NOON + 2 * HOUR - 60_000, None, 8),
        ("started_at < TIMESTAMPTZ '2026-11-24 14:00:00Z'", None, NOON + 2 * HOUR + 60_000, 2),
        (
            "rows = 8 AND started_at BETWEEN '2026-11-24 13:00' AND '2026-11-24 14:00'",
            NOON + HOUR - 60_000,
            NOON + 2 * HOUR + 60_000,
            2,
        ),
        ("started_at > '2026-11-24 14:00' OR rows = 8", None, None, 10),
        ("NOT (started_at > '2026-11-24 14:00')", None, None, 3),
        ("started_at > '1800-01-01'", 0, None, 10),
        ("started_at > (SELECT min(started_at) FROM stages)", None, None, 9),
        ("started_at > started_at - INTERVAL 1 DAY", None, None, 10),
    ],
)
def test_a_plain_time_range_is_fetched_and_no_more(
    sql_service: SqlService,
    sql_client: Client,
    where: str,
    since: int | None,
    until: int | None,
    rows: int,
) -> None:
    frame = run_sql(sql_client, f"SELECT stage FROM stages WHERE {where}")
    assert len(frame) == rows
    ((_, query),) = sql_service.asked
    assert query.get("since") == (None if since is None else str(since))
    assert query.get("until") == (None if until is None else str(until))


def test_a_range_from_the_clock_is_fetched(sql_service: SqlService, sql_client: Client) -> None:
    run_sql(sql_client, "SELECT stage FROM stages s WHERE s.started_at > now() - INTERVAL 2 HOURS")
    ((_, query),) = sql_service.asked
    expected = datetime.now(UTC).timestamp() * 1000 - 2 * HOUR - 60_000
    assert abs(int(query["since"]) - expected) < 30_000


def test_a_join_keeps_its_whole_tables(sql_service: SqlService, sql_client: Client) -> None:
    sql = (
        "SELECT count(*) FROM tasks LEFT JOIN stages ON stages.started_at > '2030-01-01' "
        "WHERE tasks.created_at > '2026-01-01'"
    )
    assert values(run_sql(sql_client, sql)) == [[2]]
    assert all("since" not in query for _, query in sql_service.asked)


# ---- the caller's dataframes ------------------------------------------------------------------


def test_dataframes_join_with_tables(sql_client: Client) -> None:
    budget = pd.DataFrame({"stage": ["fetch", "infer"], "allowed": [1.5, None]})
    frame = run_sql(
        sql_client,
        "SELECT stage, max(seconds) > any_value(allowed) AS over FROM stages JOIN budget "
        "USING (stage) GROUP BY ALL ORDER BY stage",
        {"budget": budget, "unused": pd.DataFrame({("a", 1): [1]})},
    )
    assert json_rows(frame) == [
        {"stage": "fetch", "over": True},
        {"stage": "infer", "over": None},
    ]
    assert str(frame["over"].dtype) == "boolean"


def test_a_table_wins_over_a_dataframe_of_its_name(sql_client: Client) -> None:
    mine = pd.DataFrame({"hits": [1, 2, 3]})
    assert len(run_sql(sql_client, "FROM searches", {"searches": mine})) == 1


def test_no_variable_of_the_caller_is_seen_unless_given(sql_client: Client) -> None:
    hidden = pd.DataFrame({"a": [1]})
    assert len(hidden) == 1
    with pytest.raises(WorkbenchError, match="hidden"):
        run_sql(sql_client, "FROM hidden")


def test_a_frame_is_not_changed_by_a_query(sql_client: Client) -> None:
    mine = pd.DataFrame({"a": [1]})
    with pytest.raises(WorkbenchError) as caught:
        run_sql(sql_client, "WITH x AS (DELETE FROM mine RETURNING *) FROM x", {"mine": mine})
    assert caught.value.code == Code.INVALID_QUERY
    assert len(mine) == 1


# ---- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "message", "hint"),
    [
        ("", "no statement", "for example"),
        ("-- nothing", "no statement", "for example"),
        ("SELECT 1; SELECT 2", "2 statements", "for example"),
        ("DROP TABLE stages", "DROP is no query", "for example"),
        ("CREATE TABLE x AS FROM stages", "CREATE is no query", "for example"),
        ("INSERT INTO stages FROM stages", "INSERT is no query", "for example"),
        ("COPY stages TO 'x.csv'", "COPY", "for example"),
        ("ATTACH 'x.db'", "ATTACH", "for example"),
        ("SET threads = 1", "SET", "for example"),
        ("PRAGMA version", "PRAGMA", "for example"),
        ("PIVOT stages ON stage USING sum(rows)", "PIVOT must name", "IN (values)"),
        ("SELEKT 1", "syntax error", None),
        ("SELECT secnds FROM stages", "secnds", "did you mean seconds (in stages, searches)?"),
        ("SELECT s.stge FROM stages s", "stge", "did you mean stage (in stages, failures)?"),
        ("FROM stagez", "stagez", "did you mean stages"),
        ("FROM budgets", "budgets", "budget (your dataframe)"),
        ("FROM zzz", "zzz", "the tables are tasks, items"),
        ("SELECT $a", "not provided", None),
        ("SELECT 'x'::INTEGER FROM stages", "Could not convert", None),
        ("SELECT * FROM '/etc/passwd'", "/etc/passwd", ""),
        ("SELECT * FROM read_csv('/etc/passwd')", "disabled", None),
        ("SELECT * FROM glob('/etc/*')", "disabled", None),
        ("EXPLAIN ANALYZE COPY (SELECT 1) TO '/tmp/mixpeek-sql-test.csv'", "disabled", None),
        ("FROM query('FROM sta' || 'ges')", "stages", ""),
        ("FROM query_table('sta' || 'ges')", "stages", ""),
    ],
)  # fmt: skip
def test_what_is_no_query_is_refused(
    sql_client: Client, sql: str, message: str, hint: str | None
) -> None:
    with pytest.raises(WorkbenchError) as caught:
        run_sql(sql_client, sql, {"budget": pd.DataFrame({"a": [1]})})
    assert caught.value.code == Code.INVALID_QUERY
    assert message in caught.value.message
    assert "\n" not in caught.value.message
    if hint is None:
        assert caught.value.hint is None
    else:
        assert hint in (caught.value.hint or "")


def test_a_wrong_name_fetches_nothing(sql_service: SqlService, sql_client: Client) -> None:
    with pytest.raises(WorkbenchError):
        run_sql(sql_client, "SELECT nosuch FROM stages")
    assert sql_service.asked == []


def test_nothing_is_left_in_the_working_folder(
    sql_client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_sql(sql_client, "SELECT count(*) FROM documents a, (FROM range(1000)) b")
    assert list(tmp_path.iterdir()) == []


def test_a_service_that_is_away_is_said(sql_service: SqlService) -> None:
    from workbench.client.place import Given, Key
    from workbench.client.session import Session

    client = Client(Session(Given("http://127.0.0.1:9", Key("k")), "default"))
    with pytest.raises(WorkbenchError) as caught:
        run_sql(client, "FROM stages")
    assert caught.value.code == Code.SERVICE_UNREACHABLE


def test_the_module_is_light() -> None:
    code = (
        "import sys, workbench.client.sql, workbench.client.frames; "
        "print([m for m in ('pandas', 'pyarrow', 'duckdb', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# ---- types ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "dtype", "value"),
    [
        ("sum(x)", "int64", 3),
        ("sum(x)::HUGEINT * 10000000000000000000", "float64", 3e19),
        ("1.25::DECIMAL(10, 2)", "float64", 1.25),
        ("CASE WHEN sum(x) > 9 THEN 1 END", "Int32", None),
        ("(sum(x) > 1)::BOOLEAN", "bool", True),
        ("INTERVAL '1 day 1 second'", "timedelta64[us]", 86_401),
        ("TIMESTAMPTZ '2026-11-24 13:00:00+01'", "datetime64[us, UTC]", "2026-11-24T12:00:00Z"),
        ("DATE '2026-11-24'", "object", "2026-11-24"),
        ("[1, 2]", "object", [1, 2]),
        ("{'a': 1.5::DECIMAL(3, 1), 'b': [NULL]}", "object", {"a": 1.5, "b": [None]}),
        ("MAP {'k': 1}", "object", {"k": 1}),
        ("'nan'::DOUBLE", "float64", None),
        ("'inf'::DOUBLE", "float64", None),
        ("'ab'::BLOB", "object", "YWI="),
        ("'a'::ENUM('a', 'b')", "category", "a"),
        ("NULL", "object", None),
        ("list(TIMESTAMPTZ '2026-11-24 12:00:00Z')[:1]", "object", ["2026-11-24T12:00:00Z"]),
    ],
)
def test_values_are_what_a_person_works_with(
    sql_client: Client, sql: str, dtype: str, value: Any
) -> None:
    frame = run_sql(sql_client, f"SELECT {sql} AS v FROM range(3) AS t(x)")
    assert str(frame["v"].dtype) == dtype
    assert json_rows(frame)[0] == {"v": value}
    json.dumps(json_rows(frame), allow_nan=False)


def test_no_rows_keep_their_columns(sql_client: Client) -> None:
    frame = run_sql(sql_client, "SELECT stage, started_at, rows FROM stages WHERE rows < 0")
    assert list(frame.columns) == ["stage", "started_at", "rows"]
    assert str(frame["started_at"].dtype) == "datetime64[us, UTC]"
    assert json_rows(frame) == []


def test_columns_of_one_name_are_both_kept(sql_client: Client) -> None:
    frame = run_sql(sql_client, "SELECT 1 AS a, 'x' AS a")
    assert list(frame.columns) == ["a", "a"]
    assert json_rows(frame) == [{"a": 1, "a_2": "x"}]


def _frames() -> st.SearchStrategy[pd.DataFrame]:
    texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
    times = st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))
    kinds: dict[str, tuple[Any, str]] = {
        "i": (st.integers(-(2**63), 2**63 - 1), "int64"),
        "n": (st.none() | st.integers(-9, 9), "Int64"),
        "f": (st.floats(), "float64"),
        "s": (st.none() | texts, "object"),
        "b": (st.none() | st.booleans(), "boolean"),
        "t": (st.none() | times, "datetime64[us, UTC]"),
        "l": (st.lists(st.none() | st.integers(-9, 9), max_size=3), "object"),
    }

    def build(length: int) -> st.SearchStrategy[pd.DataFrame]:
        columns = {
            name: st.lists(values, min_size=length, max_size=length).map(
                lambda rows, dtype=dtype: pd.Series(rows, dtype=dtype)
            )
            for name, (values, dtype) in kinds.items()
        }
        return st.fixed_dictionaries(columns).map(pd.DataFrame)

    return st.integers(0, 4).flatmap(build)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(frame=_frames())
def test_any_frame_comes_through_as_json(sql_client: Client, frame: pd.DataFrame) -> None:
    """What goes in as a frame is what is printed, each row, in order."""
    sql = "SELECT i, n, f, s, b, t, l::INTEGER[] AS l FROM mine"
    rows = json_rows(run_sql(sql_client, sql, {"mine": frame}))
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    assert len(rows) == len(frame)
    for row, (_, given_row) in zip(rows, frame.iterrows(), strict=True):
        assert row["i"] == given_row["i"]
        assert row["n"] == (None if pd.isna(given_row["n"]) else given_row["n"])
        finite = math.isfinite(given_row["f"])
        assert row["f"] == (given_row["f"] if finite else None)
        assert row["s"] == (None if pd.isna(given_row["s"]) else given_row["s"])
        assert row["b"] == (None if pd.isna(given_row["b"]) else bool(given_row["b"]))
        assert row["l"] == list(given_row["l"])
        if pd.isna(given_row["t"]):
            assert row["t"] is None
        else:
            assert row["t"].endswith("Z")
            assert datetime.fromisoformat(row["t"]) == given_row["t"]


def test_dates_stay_dates(sql_client: Client) -> None:
    frame = run_sql(sql_client, "SELECT started_at::DATE AS d FROM stages LIMIT 1")
    assert frame["d"][0] == date(2026, 11, 24)
