"""Keys: how one is made, told from a typo, kept in a home and compared.

A key is ``mxp_``, 30 random base62 characters (178 bits) and a checksum of six: the CRC-32 of the
random part in base62. The underscore keeps the whole key together under a double click, the prefix
lets secret scanners find it, and the checksum refuses a mistyped key before anything is compared.
"""

from __future__ import annotations

import hmac
import os
import secrets
import string
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path

PREFIX = "mxp_"
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM, _CHECK = 30, 6


def new_key() -> str:
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM))
    return PREFIX + body + _checksum(body)


def well_formed(key: str) -> bool:
    """Whether ``key`` can be a key at all: prefix, length and checksum fit."""
    if not key.startswith(PREFIX) or len(key) != len(PREFIX) + _RANDOM + _CHECK:
        return False
    body = key[len(PREFIX) : -_CHECK]
    return key.isascii() and hmac.compare_digest(key[-_CHECK:], _checksum(body))


def same_key(given: str, kept: str) -> bool:
    """Equality in a time that tells nothing about where two keys differ."""
    return hmac.compare_digest(given.encode(), kept.encode())


def ensure_key(path: Path) -> str:
    """The key in the file ``path``, which is made with mode 0600 when it is absent.

    Two processes that start at once get the same key. A file that others may read is closed to
    them. Raises OSError, and ValueError for a file that holds no key.
    """
    if not path.exists():
        _write_once(path, new_key())
    return read_key(path)


def read_key(path: Path) -> str:
    """The key in the file ``path``. Raises OSError, and ValueError for a file without a key."""
    mode = path.stat().st_mode
    if mode & 0o077:
        path.chmod(0o600)
    key = path.read_text(encoding="ascii", errors="replace").strip()
    if not well_formed(key):
        raise ValueError(f"{path} holds no key")
    return key


def _write_once(path: Path, key: str) -> None:
    """Written whole or not at all; the first of several writers wins."""
    handle, name = tempfile.mkstemp(prefix=".key-", dir=path.parent)  # mkstemp gives mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(key + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(name, path)
    finally:
        os.unlink(name)


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits: list[str] = []
    for _ in range(_CHECK):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
