"""How the text or TOML value of each setting is read. A parser raises ``ValueError`` with what is
expected; it never repeats a value that may hold a secret.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

LOG_LEVELS = ("debug", "info", "warning", "error")


def text(raw: object) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise ValueError("a text is expected")
    return raw.strip()


def number(low: int, high: int) -> Callable[[object], int]:
    def parse(raw: object) -> int:
        given = str(raw).strip()
        if isinstance(raw, bool) or not re.fullmatch(r"[0-9]{1,9}", given):
            raise ValueError(f"a whole number from {low} to {high} is expected")
        if not low <= int(given) <= high:
            raise ValueError(f"{given} is not from {low} to {high}")
        return int(given)

    return parse


def flag(raw: object) -> bool:
    given = str(raw).strip().lower()
    if given not in ("true", "false", "1", "0", "yes", "no"):
        raise ValueError("true or false is expected")
    return given in ("true", "1", "yes")


def address(raw: object) -> str:
    given = text(raw)
    if not re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}", given):
        raise ValueError("HOST:PORT is expected")
    return given


def url(*schemes: str) -> Callable[[object], str]:
    def parse(raw: object) -> str:
        given = text(raw)
        scheme = given.split("://", 1)[0] if "://" in given else ""
        # The value itself is not shown: it may hold a password.
        if not any(scheme == known or scheme.startswith(known + "+") for known in schemes):
            raise ValueError("a URL is expected that starts with " + " or ".join(schemes) + "://")
        return given

    return parse


def blobs(raw: object) -> str:
    given = text(raw)
    if "://" in given:
        raise ValueError("a folder that all machines of the stack see is expected")
    return os.path.realpath(os.path.expanduser(given))


def path(raw: object) -> Path:
    return Path(os.path.realpath(os.path.expanduser(text(raw))))


def items(raw: object, separator: str) -> list[str]:
    if isinstance(raw, str):
        return [item.strip() for item in raw.split(separator) if item.strip()]
    if isinstance(raw, list):
        return [text(item) for item in cast("list[object]", raw)]
    raise ValueError("a list is expected")


def paths(raw: object) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(path(item) for item in items(raw, os.pathsep)))


def hosts(raw: object) -> tuple[str, ...]:
    found = items(raw, ",")
    for item in found:
        if not re.fullmatch(r"\[?[0-9A-Fa-f:.]+\]?|[A-Za-z0-9._-]+", item):
            raise ValueError(f"{item!r} is no name or address of a host, written without a port")
    return tuple(found)


def classes(raw: object) -> tuple[str, ...]:
    found = items(raw, ",")
    for item in found:
        if not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", item):
            raise ValueError(f"{item!r} is not of the form module:Class")
    return tuple(found)


def log_level(raw: object) -> str:
    given = text(raw).lower()
    if given not in LOG_LEVELS:
        raise ValueError("one of " + ", ".join(LOG_LEVELS) + " is expected")
    return given


PARSERS: Mapping[str, Callable[[object], object]] = {
    "home": path,
    "host": text,
    "port": number(0, 65535),
    "hosts": hosts,
    "roots": paths,
    "temporal_address": address,
    "temporal_namespace": text,
    "temporal_tls": flag,
    "temporal_api_key": text,
    "temporal_binary": path,
    "temporal_ui": flag,
    "ray_address": text,
    "qdrant_url": url("http", "https"),
    "qdrant_api_key": text,
    "database_url": url("sqlite", "postgresql"),
    "blobs": blobs,
    "max_upload_mib": number(1, 16 * 1024 * 1024),
    "keep_items_days": number(1, 36_500),
    "slots": number(1, 1024),
    "window": number(1, 4096),
    "model_threads": number(1, 256),
    "models": path,
    "extractors": classes,
    "log_level": log_level,
}
