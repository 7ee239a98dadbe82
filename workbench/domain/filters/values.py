"""How the values of payloads and conditions are read: dates, words, numbers."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)?)?)?", re.ASCII
)
_WORD = re.compile(r"[^\W_]+")


def moment(text: str) -> datetime | None:
    """The instant that an ISO 8601 date or time names, in UTC; None for any other text."""
    if not _MOMENT.fullmatch(text):
        return None
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def words(text: str) -> list[str]:
    """The words that ``text`` conditions compare: runs of letters and digits, in lower case."""
    return [word.lower() for word in _WORD.findall(text)]


def is_number(value: object) -> bool:
    """Booleans are integers to Python but not to people."""
    return isinstance(value, int | float) and not isinstance(value, bool)
