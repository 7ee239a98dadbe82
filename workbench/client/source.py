"""The source of an ingest as the service understands it: an absolute path without links, or an
address such as ``s3://BUCKET/PREFIX`` as it is."""

from __future__ import annotations

import re
from pathlib import Path

from workbench.domain.errors import Code, WorkbenchError

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def resolve(source: str | Path) -> str:
    """Links are followed, so that one folder is one source however it was reached.

    Raises ``WorkbenchError(SOURCE_UNREADABLE)`` that names what is not there or not readable.
    """
    text = str(source)
    if _ADDRESS.match(text):
        return text
    try:
        path = Path(text).expanduser().resolve(strict=True)
        if path.is_dir():
            next(path.iterdir(), None)
        elif path.is_file():
            path.open("rb").close()
        else:
            raise _unreadable(text, "it is neither a folder nor a file")
        str(path).encode()
    except FileNotFoundError:
        raise _unreadable(text, "there is no such file or folder") from None
    except UnicodeEncodeError:
        raise _unreadable(repr(text), "its path is not UTF-8") from None
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, an unknown ~user, a NUL
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _unreadable(text, reason) from None
    return str(path)


def _unreadable(path: str, reason: str) -> WorkbenchError:
    hint = None if path.startswith("/") else f"relative paths begin in {Path.cwd()}"
    return WorkbenchError(Code.SOURCE_UNREADABLE, f"cannot ingest {path}: {reason}", hint)
