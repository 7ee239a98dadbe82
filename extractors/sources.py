"""Taking the bytes of a source, for extractors that hold an object whole."""

from __future__ import annotations

import os

from extractors.refused import Refused
from workbench.domain.states import Category
from workbench.extraction.contract import Failed, Source


def read_whole(source: Source, most: int, hint: str) -> bytes:
    """The source's bytes. Raises Refused where they are more than ``most``, before any is read."""
    with source.open() as file:
        size = file.seek(0, os.SEEK_END)
    if size > most:
        message = f"the file has {size:,} bytes, more than {most:,}"
        raise Refused(Failed(Category.LIMITS, message, hint, stage="decode"))
    return source.read()
