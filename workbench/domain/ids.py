"""Identifiers.

Every noun has a prefix and a UUIDv7 (RFC 9562), so ids sort by the time they were made. Documents
are different: their id is a UUIDv5 of what made them, so that extracting the same content with the
same extractor again writes the same points and never a second copy.
"""

from __future__ import annotations

import os
import time
import uuid

NAMESPACE = "ns"
BUCKET = "bkt"
OBJECT = "obj"
COLLECTION = "col"
TASK = "tsk"
CHUNK = "chk"
SEGMENT = "seg"
KNOWN = "kno"
FAILURE = "fail"
REQUEST = "req"

_DOCUMENTS = uuid.UUID("6d1f6f0e-52a4-5d3c-9a55-6d6978706565")


def uuid7() -> uuid.UUID:
    """A UUIDv7: 48 bits of Unix milliseconds, then 74 random bits."""
    millis = time.time_ns() // 1_000_000
    value = (millis & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)


def new_id(prefix: str) -> str:
    """``tsk_`` and the 32 hex digits of a UUIDv7."""
    return f"{prefix}_{uuid7().hex}"


def made_at(identifier: str) -> int | None:
    """When an id was made, in UTC milliseconds; None for a string that is no id."""
    digits = identifier.partition("_")[2]
    try:
        return int(digits[:12], 16) if len(digits) == 32 else None
    except ValueError:
        return None


def document_id(collection_id: str, object_id: str, sha256: str, digest: str, position: int) -> str:
    """The id of one document: the same inputs always give the same UUID."""
    name = f"{collection_id}/{object_id}/{sha256}/{digest}/{position}"
    return str(uuid.uuid5(_DOCUMENTS, name))
