"""Times: integers in the tables, UTC milliseconds; datetimes on the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(millis: int) -> datetime:
    """Also for times before 1970, which some files claim."""
    return _EPOCH + timedelta(milliseconds=millis)


def moment_or_none(millis: int | None) -> datetime | None:
    return None if millis is None else moment(millis)
