"""Figures, times and foreign text as one line of a terminal shows them. Pure functions."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime

#: Control characters, line and paragraph separators, marks that turn the direction of writing, and
#: halves of characters: a file's name must not move the cursor, nor stop the output.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SPACE = re.compile("[\t\n\r\v\f\u2028\u2029]+")


def clean(text: str) -> str:
    """``text`` on one line, without what a terminal would obey."""
    return _UNSAFE.sub("\ufffd", _SPACE.sub(" ", text))


def width(text: str) -> int:
    """Columns that ``text`` takes in a terminal."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def shorten(text: str, columns: int) -> str:
    """``text`` in at most ``columns`` columns."""
    if width(text) <= columns:
        return text
    kept: list[str] = []
    left = columns - 1
    for character in text:
        left -= _columns(character)
        if left < 0:
            break
        kept.append(character)
    return "".join(kept).rstrip() + "…" if columns > 0 else ""


def pad(text: str, columns: int, *, right: bool = False) -> str:
    space = " " * max(0, columns - width(text))
    return space + text if right else text + space


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun if count == 1 else noun + 's'}"


def duration(seconds: float) -> str:
    """0.8 s, 12 s, 1 min 52 s, 3 h 5 min."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes_left} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def about(seconds: float) -> str:
    """A time that is an estimate: 4 s, 50 s, 12 min, 3 h."""
    if seconds < 60:
        return f"{max(1, round(seconds)):d} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{round(seconds / 3600)} h"


def rate(per_second: float) -> str:
    """312/s, 1.1/s, 0.04/s."""
    digits = 0 if per_second >= 10 else 1 if per_second >= 0.1 else 2
    return f"{per_second:,.{digits}f}/s"


def size(count: int) -> str:
    """Bytes in powers of 1000: 812 B, 1.2 MB."""
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.5 or unit == "TB":
            break
    return f"{value:.1f} {unit}" if value < 99.95 else f"{value:.0f} {unit}"


def clock(ms: int) -> str:
    """A place in a recording: 0:42, 12:03, 1:02:03."""
    minutes, seconds = divmod(ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def place(page: int | None, start_ms: int | None, end_ms: int | None) -> str:
    """Where in its object a document is; empty when it is the whole."""
    parts = [f"p. {page}"] if page is not None else []
    if start_ms is not None:
        until = f"-{clock(end_ms)}" if end_ms is not None and end_ms > start_ms else ""
        parts.append(clock(start_ms) + until)
    return " ".join(parts)


def instant(value: datetime) -> str:
    """To the second, in UTC."""
    aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return f"{aware:%Y-%m-%d %H:%M:%S}Z"


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
