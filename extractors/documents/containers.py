"""ZIP containers (Office, EPUB) whose unpacked size is checked before anything is unpacked.

Python's zipfile unpacks no entry beyond the size that the directory states for it, so the sum of
the stated sizes is a bound, whatever the compressed bytes would give.
"""

from __future__ import annotations

import io
import zipfile
from typing import Any
from zlib import error as ZlibError

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]

from extractors.documents.leaves import bad, locked, too_much
from extractors.refused import Refused

MOST_ENTRIES = 20_000
#: How Office wraps a document that needs a password.
ENCRYPTED_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#: What reading broken containers and the XML in them raises.
BROKEN = (
    zipfile.BadZipFile,
    ZlibError,
    etree.LxmlError,
    EOFError,
    KeyError,
    IndexError,
    ValueError,
    AttributeError,
    TypeError,
    NotImplementedError,
    OSError,
    AssertionError,
    RecursionError,
)
HINT = "it is cut or damaged; open it in its program and save it again"


def open_zip(data: bytes, unpacked: int, kind: str) -> zipfile.ZipFile:
    """Raises Refused: no container, one that unpacks to too much, or one with a password."""
    if data.startswith(ENCRYPTED_OFFICE):
        raise locked(
            f"the {kind} is encrypted, and encrypted Office files cannot be read",
            "save a copy without a password",
        )
    try:
        container = zipfile.ZipFile(io.BytesIO(data))
        entries = container.infolist()
    except BROKEN:
        raise bad(f"the {kind} cannot be opened ({len(data):,} bytes)", HINT) from None
    if len(entries) > MOST_ENTRIES:
        raise too_much(f"the {kind} holds {len(entries):,} entries", "max_unpacked")
    size = sum(entry.file_size for entry in entries)
    if size > unpacked:
        raise too_much(
            f"the {kind} unpacks to {size:,} bytes, more than {unpacked:,}", "max_unpacked"
        )
    return container


def parse_xml(data: bytes) -> Any:
    """XML without entities, network or more depth than libxml2 takes."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    return etree.fromstring(data, parser)


def unreadable(kind: str, error: Exception) -> Refused:
    return bad(f"the {kind} cannot be read: {type(error).__name__}: {error}", HINT)
