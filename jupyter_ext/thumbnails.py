"""Small pictures for a saved notebook: fetched together, within a time, each checked.

A picture that does not come in time, is too large or is no picture is left out; its card then says
in words what the hit is. Nothing here raises: a search has succeeded before this runs.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final

EDGE: Final = 160  # pixels of the longer edge
MOST: Final = 12  # pictures in one output
LARGEST: Final = 48_000  # bytes of one picture; a WebP of 160 pixels has about 5,000
SECONDS: Final = 4.0  # for all of one output: the first search over new pictures makes them all
_AT_ONCE: Final = 4
_KINDS: Final = ("image/", "video/", "audio/", "application/pdf")

Fetch = Callable[[str], bytes]


def has_picture(mime: str) -> bool:
    """Whether the service can draw a thumbnail of this type."""
    return mime.startswith(_KINDS)


def fetch_all(ids: Iterable[str], fetch: Fetch, seconds: float = SECONDS) -> dict[str, bytes]:
    """Pictures by id, of the first ``MOST`` distinct ids."""
    wanted = list(dict.fromkeys(ids))[:MOST]
    if not wanted:
        return {}
    pool = ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="mixpeek-thumbnail")
    try:
        jobs = {pool.submit(fetch, each): each for each in wanted}
        done, _ = wait(jobs, timeout=seconds)
        pictures = {jobs[job]: job.result() for job in done if _succeeded(job)}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return {key: data for key in wanted if (data := pictures.get(key)) and mime_of(data)}


def _succeeded(job: Future[bytes]) -> bool:
    return not job.cancelled() and job.exception() is None and len(job.result()) <= LARGEST


def mime_of(data: bytes) -> str | None:
    """The type by content. Only raster formats: an SVG could carry links and scripts."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[:3] == b"\xff\xd8\xff":
        return "image/jpeg"
    return "image/png" if data[:8] == b"\x89PNG\r\n\x1a\n" else None


def data_uri(data: bytes) -> str:
    return f"data:{mime_of(data)};base64,{base64.b64encode(data).decode('ascii')}"
