"""An object's bytes as an answer: whole or one range, with a tag, and harmless in a browser.

Bytes are streamed in pieces of 256 KiB that are read in a thread; memory does not grow with the
file. What a browser would run (HTML, SVG, XML, scripts, and whatever is not known to be safe) is
sent as an attachment under a sandbox, because it would run as this service's own page.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from pathlib import PurePosixPath
from typing import BinaryIO
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from workbench.api.sources import Opened
from workbench.store.objects import ObjectRow

_PIECE = 256 * 1024
_SINGLE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_SHOWN = ("image/", "audio/", "video/", "text/plain", "text/csv", "text/markdown")
_RUN = ("image/svg+xml",)
_PDF = "application/pdf"


def content(row: ObjectRow, opened: Opened, headers: Mapping[str, str]) -> Response:
    """The answer to a request with these ``headers``: 200, 206, 304 or 416. ``opened`` is closed
    when the answer has been sent."""
    tag = f'"{opened.tag}"'
    sent = {
        "ETag": tag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        **_manners(row),
    }
    if matches(headers.get("if-none-match"), tag):
        opened.file.close()
        return Response(status_code=304, headers=sent)
    part, status = range(opened.size), 200
    if "range" in headers and headers.get("if-range", tag) == tag:
        wanted = _range(headers["range"], opened.size)
        if wanted is not None and not wanted:
            opened.file.close()
            sent["Content-Range"] = f"bytes */{opened.size}"
            return Response(status_code=416, headers=sent)
        if wanted is not None:
            part, status = wanted, 206
            sent["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{opened.size}"
    sent["Content-Length"] = str(len(part))
    return StreamingResponse(_pieces(opened.file, part), status, sent, row.mime)


def matches(header: str | None, tag: str) -> bool:
    """Whether ``If-None-Match`` names ``tag``."""
    if header is None:
        return False
    named = {part.strip().removeprefix("W/") for part in header.split(",")}
    return tag in named or "*" in named


def _range(header: str, size: int) -> range | None:
    """The one range asked for, empty when it lies outside; None: send the whole."""
    match = _SINGLE_RANGE.fullmatch(header.strip())
    if match is None or match.group(1) == match.group(2) == "":
        return None
    first, last = match.groups()
    if first == "":
        return range(max(size - int(last), 0), size)
    start = int(first)
    stop = min(int(last) + 1, size) if last else size
    if last and int(last) < start:
        return None
    return range(start, max(stop, start))


async def _pieces(file: BinaryIO, part: range) -> AsyncIterator[bytes]:
    with file:
        file.seek(part.start)
        left = len(part)
        while left > 0:
            piece = await run_in_threadpool(file.read, min(_PIECE, left))
            if not piece:
                raise OSError("the file became shorter while it was being sent")
            left -= len(piece)
            yield piece


def _manners(row: ObjectRow) -> dict[str, str]:
    mime = row.mime.lower()
    shown = mime == _PDF or (mime.startswith(_SHOWN) and mime not in _RUN)
    place = "inline" if shown else "attachment"
    name = PurePosixPath(row.name).name
    plain = re.sub(r'[^\x20-\x7e]|["\\%]', "_", name)
    manners = {
        "Content-Disposition": f"{place}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, '')}"
    }
    if not shown or mime.startswith("text/"):
        manners["Content-Security-Policy"] = "sandbox"
    return manners
