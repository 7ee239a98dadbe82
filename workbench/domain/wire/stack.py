"""The stack's health, and the tables of its telemetry."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from workbench.domain.wire.base import Answer


class PartHealth(Answer):
    state: Literal["ok", "starting", "idle", "down"]
    detail: str = ""
    version: str | None = None


class HealthOut(Answer):
    """``state`` is ``ok`` when every part that is needed to accept and search is."""

    state: Literal["ok", "degraded"]
    version: str
    home_id: str
    started_at: datetime
    parts: dict[str, PartHealth]


class SqlColumnOut(Answer):
    """``type`` is DuckDB's name of it, e.g. ``BIGINT`` or ``TIMESTAMP WITH TIME ZONE``."""

    name: str
    type: str
    meaning: str


class SqlTableOut(Answer):
    """A table that ``mixpeek sql`` knows. ``time`` names the column that ``since`` and ``until``
    bound; None where a table has none."""

    name: str
    meaning: str
    columns: list[SqlColumnOut]
    time: str | None = None
