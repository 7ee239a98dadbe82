"""SQL over what the system did, run by DuckDB in the caller's own process.

1. An empty copy of every table of the service is made in memory, beside the caller's dataframes,
   and the query is bound against it: a wrong name is an error before anything is fetched.
2. The tables that the query names are fetched, where it can be told only the columns and the time
   that it needs, and the query runs on them.

Nothing but these tables and frames can be reached: no file, no address, no variable of the caller.
A dataframe named like a table of the service is not seen; the table is.
"""

from __future__ import annotations

import difflib
import io
import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from workbench.client import sql_reach
from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.wire import Page, SqlTableOut

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

_READ_AHEAD = 1024 * 1024
_INCOMING = "_incoming"
#: Table functions that take the name of a table, or a whole query, as a text.
_BY_TEXT = frozenset({"query", "query_table"})
#: ``at`` as a name; texts, quoted names and comments are passed over.
_AT = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | \$\$.*?\$\$
    | \b(?P<at>at)\b (?! \s* (?: time\s+zone\b | \( ))""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_EXAMPLE = 'for example "SELECT stage, sum(seconds) FROM stages GROUP BY stage"'


class SqlClient(Protocol):
    """What is used of ``workbench.client.Client``."""

    def telemetry_tables(self) -> Page[SqlTableOut]: ...

    def telemetry_table(
        self,
        table: str,
        columns: Sequence[str] | None = None,
        since: int | None = None,
        until: int | None = None,
    ) -> Any: ...


def run_sql(client: SqlClient, sql: str, frames: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """The result of one ``SELECT``, ``WITH``, ``VALUES``, ``DESCRIBE``, ``SHOW``, ``SUMMARIZE`` or
    ``EXPLAIN``. ``frames`` are the caller's own dataframes by name.

    Times are UTC with their zone. Raises ``WorkbenchError(INVALID_QUERY)`` with DuckDB's message
    and a hint; what the service refuses, or that it cannot be reached, comes as it is.
    """
    import duckdb

    tables = {table.name: table for table in sql_tables(client)}
    with tempfile.TemporaryDirectory(prefix="mixpeek-sql-", ignore_cleanup_errors=True) as spill:
        connection = duckdb.connect(
            config={"temp_directory": spill, "python_enable_replacements": False}
        )
        try:
            kind, text = _read(connection, sql)
            run = _Run(connection, text, tables, frames or {})
            run.prepare(kind)
            run.fetch(client)
            return run.result()
        except duckdb.Error as error:
            raise _explained(error, tables, frames or {}) from None
        finally:
            connection.close()


def sql_tables(client: SqlClient) -> list[SqlTableOut]:
    """The tables that a query may name, with columns, types and meaning."""
    return client.telemetry_tables().results


class _Run:
    """One query on its own DuckDB in memory."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        sql: str,
        tables: Mapping[str, SqlTableOut],
        frames: Mapping[str, Any],
    ) -> None:
        self._connection = connection
        self._sql = sql
        self._tables = tables
        self._frames = frames
        self._words = {word.lower() for word in re.findall(r"\w+", sql)}

    def prepare(self, kind: str) -> None:
        """Empty tables, frames, locked doors, and the query bound to them."""
        self._execute("SET TimeZone = 'UTC'")
        for table in self._tables.values():
            self._create(table, [column.name for column in table.columns])
        for name, frame in self._frames.items():
            if name.lower() in self._words and name.lower() not in self._tables:
                self._register(name, frame)
        self._execute("SET enable_external_access = false")
        self._execute("SET lock_configuration = true")
        if kind == "SELECT":
            self._connection.sql(self._sql)  # binds, and runs only when its rows are asked for

    def fetch(self, client: SqlClient) -> None:
        """Fills the tables that the query names."""
        tree = self._tree()
        if tree is None:
            named = self._words
        elif sql_reach.only_describes(tree):
            return
        else:
            named = sql_reach.named_tables(tree)
        if _BY_TEXT & self._words:
            # These name tables in texts: what is not seen to be named must not look empty.
            named = self._words
            for table in self._tables.keys() - named:
                self._execute(f"DROP TABLE {_quoted(table)}")
        for table in self._tables.values():
            if table.name in named:
                self._fill(client, table, *self._reach(table, tree))

    def _reach(
        self, table: SqlTableOut, tree: sql_reach.Node | None
    ) -> tuple[list[str] | None, int | None, int | None]:
        """Columns (None: all) and time range to fetch."""
        if tree is None:
            return None, None, None
        every = [column.name for column in table.columns]
        columns = sql_reach.needed_columns(tree, every)
        if columns == []:  # it counts rows
            columns = every[:1]
        if table.time is None:
            return columns, None, None
        since, until = sql_reach.time_range(tree, table.name, table.time, self._evaluate)
        return columns, _clamped(since), _clamped(until)

    def result(self) -> pd.DataFrame:
        from workbench.client.frames import to_frame

        return to_frame(self._connection.sql(self._sql).to_arrow_table())

    def _fill(
        self,
        client: SqlClient,
        table: SqlTableOut,
        columns: list[str] | None,
        since: int | None,
        until: int | None,
    ) -> None:
        import pyarrow as pa

        if columns is not None:
            self._create(table, columns)
        with client.telemetry_table(table.name, columns, since, until) as body:
            for batch in pa.ipc.open_stream(io.BufferedReader(body, _READ_AHEAD)):
                self._connection.register(_INCOMING, pa.Table.from_batches([batch]))
                self._execute(f"INSERT INTO {_quoted(table.name)} BY NAME FROM {_INCOMING}")
                self._connection.unregister(_INCOMING)

    def _create(self, table: SqlTableOut, columns: Sequence[str]) -> None:
        chosen = ", ".join(
            f"{_quoted(column.name)} {column.type}"
            for column in table.columns
            if column.name in columns
        )
        self._execute(f"CREATE OR REPLACE TABLE {_quoted(table.name)} ({chosen})")

    def _register(self, name: str, frame: Any) -> None:
        import duckdb

        try:
            self._connection.register(name, frame)
        except (duckdb.Error, TypeError, ValueError) as error:
            raise WorkbenchError(
                Code.INVALID_QUERY,
                f"the dataframe {name} cannot be queried: {_first_line(error)}",
                "give its columns plain names and one type each",
            ) from None

    def _tree(self) -> sql_reach.Node | None:
        found = json.loads(self._execute("SELECT json_serialize_sql($sql)", {"sql": self._sql}))
        return None if found["error"] else found

    def _evaluate(self, expression: sql_reach.Node) -> int | None:
        import duckdb

        template = json.loads(self._execute("SELECT json_serialize_sql('SELECT 0')"))
        try:
            text = self._execute(
                "SELECT json_deserialize_sql($tree)",
                {"tree": sql_reach.selecting(template, expression)},
            )
            return self._execute(f"SELECT epoch_ms(CAST(({text}) AS TIMESTAMP WITH TIME ZONE))")
        except duckdb.Error:
            return None

    def _execute(self, sql: str, values: Mapping[str, Any] | None = None) -> Any:
        """The first value of the first row."""
        rows = self._connection.execute(sql, dict(values) if values else None).fetchall()
        return rows[0][0] if rows else None


def _read(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[str, str]:
    """The kind of the one statement that ``sql`` must be, and its text.

    ``at`` is the time of a search and a word of DuckDB's: it is put in quotes where that helps.
    """
    import duckdb

    try:
        statements = connection.extract_statements(sql)
    except duckdb.ParserException:
        quoted = _AT.sub(lambda found: '"at"' if found["at"] else found[0], sql)
        if quoted == sql:
            raise
        return _read(connection, quoted)
    if len(statements) != 1:
        what = "there is no statement" if not statements else f"{len(statements)} statements"
        raise WorkbenchError(Code.INVALID_QUERY, f"{what}: give one", _EXAMPLE)
    kind = statements[0].type.name
    if kind == "MULTI":
        hint = "write PIVOT table ON column IN (values), or pivot the dataframe"
        raise WorkbenchError(Code.INVALID_QUERY, "a PIVOT must name its values", hint)
    if kind not in ("SELECT", "EXPLAIN"):
        message = f"{kind} is no query: the tables can only be read"
        raise WorkbenchError(Code.INVALID_QUERY, message, _EXAMPLE)
    return kind, sql


def _explained(
    error: Exception, tables: Mapping[str, SqlTableOut], frames: Mapping[str, Any]
) -> WorkbenchError:
    text = str(error).strip()
    message = _first_line(error)
    return WorkbenchError(
        Code.INVALID_QUERY, message, _hint(text, tables, frames), {"duckdb": text}
    )


def _hint(text: str, tables: Mapping[str, SqlTableOut], frames: Mapping[str, Any]) -> str | None:
    """Names like the one that was not found, else all tables."""
    missing = re.search(r'(?:Table with name|[Cc]olumn(?: named)?) "?([^"\s]+)"?', text)
    if missing is None:
        return None
    name = missing[1].split(".")[-1]
    places = {table.name: table.name for table in tables.values()}
    places |= {frame: f"{frame} (your dataframe)" for frame in frames}
    if "Table with name" not in text:
        columns: dict[str, list[str]] = {}
        for table in tables.values():
            for column in table.columns:
                columns.setdefault(column.name, []).append(table.name)
        places = {column: f"{column} (in {', '.join(of)})" for column, of in columns.items()}
    near = difflib.get_close_matches(name.lower(), places, 3, 0.75)
    if near:
        return f"did you mean {' or '.join(places[found] for found in near)}?"
    return f"the tables are {', '.join(tables)}; DESCRIBE shows the columns of one"


def _clamped(millis: int | None) -> int | None:
    """The service takes the years 1970 to 9999."""
    return None if millis is None else min(max(millis, 0), 253_402_300_799_999)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
