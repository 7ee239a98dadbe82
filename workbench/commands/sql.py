"""``sql`` (also ``telemetry``): SQL over what the system did, run in the caller's process."""

from __future__ import annotations

import argparse
from typing import Any

from workbench.commands.base import Context, Outcome, Verb
from workbench.commands.frames import json_rows


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sql", metavar="SQL", help='e.g. "SELECT * FROM tasks"')


def _run(context: Context, args: argparse.Namespace) -> Outcome:
    from workbench.client.sql import run_sql  # brings DuckDB and pandas

    frame: Any = run_sql(context.client, args.sql, context.frames)
    columns = tuple(str(name) for name in frame.columns)
    return Outcome("frame", frame, json_rows(frame), columns=columns)


SQL = Verb(
    "sql", "query what the system did, e.g. the tables tasks, stages, failures", _configure, _run
)
TELEMETRY = Verb("telemetry", "the same as sql", _configure, _run)
