"""A dataframe as JSON rows, by values: the frame comes in, pandas is never imported here.

Times are ISO 8601 in UTC (a time without a zone is UTC already), what is missing or no number is
null, decimals are numbers, bytes are base64.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Protocol, cast


class Frame(Protocol):
    """What is used of a pandas DataFrame."""

    @property
    def columns(self) -> Iterable[Any]: ...

    def itertuples(self, index: bool = True, name: str | None = None) -> Iterable[Any]: ...


def json_rows(frame: Frame) -> list[dict[str, Any]]:
    """One object per row. Columns of equal names get a number, so that none is lost."""
    names = distinct([str(name) for name in frame.columns])
    rows = frame.itertuples(index=False, name=None)
    return [dict(zip(names, map(plain, row), strict=True)) for row in rows]


def distinct(names: list[str]) -> list[str]:
    """``a, a`` becomes ``a, a_2``."""
    taken: set[str] = set(names)
    seen: set[str] = set()
    found: list[str] = []
    for name in names:
        unique, number = name, 1
        while unique in seen or (number > 1 and unique in taken):
            number += 1
            unique = f"{name}_{number}"
        seen.add(unique)
        found.append(unique)
    return found


def plain(value: Any) -> Any:
    """``value`` as JSON has it."""
    match value:
        case None | bool() | str() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            return _number(value)
        case datetime():
            return _instant(value)
        case date() | time():
            return value.isoformat()
        case timedelta():
            return plain(value.total_seconds())
        case bytes() | bytearray():
            return base64.b64encode(value).decode()
        case Mapping():
            given = cast("Mapping[Any, Any]", value)
            return {str(key): plain(inner) for key, inner in given.items()}
        case list() | tuple() | set():
            return [plain(inner) for inner in cast("Iterable[Any]", value)]
        case _:
            return _foreign(value)


def _number(value: Decimal) -> int | float | None:
    if not value.is_finite():
        return None
    return int(value) if value == value.to_integral_value() else float(value)


def _instant(value: datetime) -> str | None:
    if value != value:  # pandas' NaT is a datetime that equals nothing
        return None
    aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return aware.isoformat().replace("+00:00", "Z")


def _foreign(value: Any) -> Any:
    """numpy's arrays and scalars know themselves as Python values; pandas' NA is missing; of
    anything else its text is given."""
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    return str(value)
