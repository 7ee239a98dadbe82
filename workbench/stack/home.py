"""The home folder: made with mode 0700, with its key, Ray's token and a note of its layout.

Private files are written under another name with mode 0600 and moved into place, so that nobody
reads half of one and nobody else reads one at all. The lock (``flock``) belongs to the process that
watches the stack and goes away with it, however it ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from pathlib import Path
from typing import Any, cast

from workbench import __version__
from workbench.access.keys import ensure_key
from workbench.domain.errors import Code, WorkbenchError
from workbench.stack.settings import Settings, secure_folder, secure_runtime

#: Raised by one when an older program could not use the home any more.
LAYOUT = 1
#: Bytes; the logs and journals of a start fit.
_ROOM = 1 << 20


def prepare_home(settings: Settings) -> None:
    """Make what is missing. Refuses the home of a newer layout, and one of another user."""
    _refuse_foreign(settings)
    secure_folder(settings.home)
    _check_layout(settings)
    for folder in ("run", "logs", "cache", "telemetry", "vectors", "temporal"):
        secure_folder(settings.home / folder)
    secure_runtime(settings)
    try:
        ensure_key(settings.key_file)
    except ValueError as error:
        hint = "put the key back, or remove the file: the next start writes a new key"
        raise WorkbenchError(Code.CONFLICT, str(error), hint) from error
    if not settings.ray_token_file.exists():
        write_private(settings.ray_token_file, secrets.token_hex(32))
    settings.ray_token_file.chmod(0o600)


def write_private(path: Path, content: str) -> None:
    """Replace ``path`` whole by a file of mode 0600."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def check_room(settings: Settings) -> None:
    """Raises ``OSError`` where the disk has no room for a start: on a full one the parts would fail
    one after the other, and could not even write down why."""
    probe = settings.run_folder / "room"
    try:
        write_private(probe, " " * _ROOM)
    finally:
        probe.unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    write_private(path, json.dumps(value, indent=1) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object, or None where there is none that can be read."""
    try:
        found: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def lock_home(settings: Settings) -> int | None:
    """The lock's file descriptor, to be kept open; None where another process has it."""
    descriptor = os.open(settings.run_folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _refuse_foreign(settings: Settings) -> None:
    """A folder with somebody's files is not made a home, nor its mode changed."""
    if not settings.home.is_dir() or (settings.home / "home.json").exists():
        return
    if any(entry.name != "settings.toml" for entry in settings.home.iterdir()):
        raise WorkbenchError(
            Code.CONFLICT,
            f"{settings.home} has files in it and is no home of this program",
            "name a new or empty folder with MIXPEEK_HOME",
        )


def _check_layout(settings: Settings) -> None:
    path = settings.home / "home.json"
    found = read_json(path)
    if found is None:
        write_json(path, {"layout": LAYOUT, "version": __version__})
    elif int(found.get("layout", 0)) > LAYOUT:
        raise WorkbenchError(
            Code.VERSION_MISMATCH,
            f"{settings.home} was written by version {found.get('version')}, "
            f"and this is version {__version__}",
            "install that version or a newer one, or choose another home with MIXPEEK_HOME",
        )
