"""Which requests of a page reach the service: a table, and nothing that is not in it.

A path is split into its segments, each is decoded, looked at, and encoded again, so that nothing
a browser or a proxy between might read otherwise (``..``, an encoded slash) arrives at the service.
Parameters and headers pass by name. What reads a path of the machine is not here: a page names
files by the file browser's paths, which are turned into folders in ``folders``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

from workbench.domain.errors import Code, WorkbenchError, not_found

_LIST: Final = frozenset({"limit", "cursor", "sort", "filter"})
_PICTURE: Final = frozenset({"size"})
_NONE: Final = frozenset[str]()
_ANY: Final = "*"
_NAMESPACE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
#: The largest body: an example to search with is an image in base64.
MAX_BODY: Final = 24 * 1024 * 1024


@dataclass(frozen=True)
class Route:
    """``path`` has ``*`` where a name stands, and ``tsk_*`` where an id of that kind does: below
    ``tasks`` the service has more than tasks."""

    method: str
    path: str
    parameters: frozenset[str] = _NONE

    def takes(self, method: str, segments: tuple[str, ...]) -> bool:
        own = self.path.split("/")
        return (
            method == self.method
            and len(own) == len(segments)
            and all(_fits(mine, theirs) for mine, theirs in zip(own, segments, strict=True))
        )


ROUTES: Final = (
    Route("GET", "health"),
    Route("GET", "buckets", _LIST),
    Route("GET", "buckets/*"),
    Route("GET", "objects", _LIST | {"bucket"}),
    Route("GET", "objects/obj_*"),
    Route("GET", "objects/obj_*/explain"),
    Route("GET", "objects/obj_*/thumbnail", _PICTURE),
    Route("GET", "objects/obj_*/content"),
    Route("GET", "collections", _LIST),
    Route("GET", "collections/*"),
    Route("GET", "documents", _LIST | {"collection"}),
    Route("GET", "documents/*"),
    Route("GET", "documents/*/preview", _PICTURE),
    Route("GET", "extractors", _LIST),
    Route("GET", "extractors/*"),
    Route("GET", "tasks", _LIST),
    Route("GET", "tasks/tsk_*"),
    Route("GET", "tasks/tsk_*/failures", _LIST),
    Route("POST", "search"),
    Route("POST", "tasks/tsk_*/pause"),
    Route("POST", "tasks/tsk_*/resume"),
    Route("POST", "tasks/tsk_*/cancel"),
    Route("POST", "tasks/tsk_*/retry"),
)
#: What a page's request may say to the service: a range, what it has already, what it sends.
_SENT: Final = ("Accept", "Content-Type", "If-None-Match", "If-Range", "Range")
#: What an answer says that a browser should know. Nothing that could name the key's bearer.
_GIVEN: Final = (
    "Accept-Ranges",
    "Cache-Control",
    "Content-Disposition",
    "Content-Length",
    "Content-Range",
    "Content-Type",
    "ETag",
    "X-Request-Id",
    "X-Sequence",
)


def target(method: str, path: str, query: str) -> str:
    """Path and query as the service is asked. Raises ``not_found`` for what no route takes."""
    segments = tuple(unquote(part) for part in path.split("/"))
    if all(_is_name(segment) for segment in segments):
        for route in ROUTES:
            if route.takes(method, segments):
                asked = "/v1/" + "/".join(quote(segment, safe="") for segment in segments)
                known = [(k, v) for k, v in parse_qsl(query) if k in route.parameters]
                return f"{asked}?{urlencode(known)}" if known else asked
    raise not_found("route", f"{method} {path[:80]}", "pages reach a part of the service only")


def namespace(query: str) -> str | None:
    """The namespace that a page names: pictures and media cannot send headers."""
    found = next((value for name, value in parse_qsl(query) if name == "namespace"), None)
    if found is not None and not _NAMESPACE.fullmatch(found):
        raise WorkbenchError(Code.INVALID, "namespace: that is no name of a namespace", None)
    return found


def check_body(method: str, body: bytes) -> bytes | None:
    if len(body) > MAX_BODY:
        message = f"a request's body is at most {MAX_BODY // (1024 * 1024)} MiB"
        raise WorkbenchError(Code.TOO_LARGE, message, "take a smaller example")
    return body if method == "POST" and body else None


def sent_headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: headers[name] for name in _SENT if name in headers}


def given_headers(headers: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """``headers`` have names in small letters."""
    return ((name, headers[name.lower()]) for name in _GIVEN if name.lower() in headers)


def _fits(pattern: str, segment: str) -> bool:
    if pattern.endswith(_ANY):
        return segment.startswith(pattern.removesuffix(_ANY))
    return pattern == segment


def _is_name(segment: str) -> bool:
    """A segment that is one name to everybody who reads it."""
    return (
        segment not in ("", ".", "..", _ANY)
        and segment.isprintable()
        and not {"/", "\\"} & set(segment)
    )
