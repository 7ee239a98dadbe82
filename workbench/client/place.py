"""Where a call goes: to ``MIXPEEK_URL`` with ``MIXPEEK_API_KEY``, else to the service of a home.

A home's service is named by ``run/service.json`` in it, and its key is the file ``key``. Promises:
a home's key goes to the loopback address in that file and nowhere else. The file is looked at
before every request, so a service that came back on another port is found, and a port that some
other program took over never sees the key. A key shows in no ``repr``.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from workbench.domain.errors import Code, WorkbenchError

_KEY = re.compile(r"[\x21-\x7e]{1,512}")
START = "`mixpeek up` starts it"


@dataclass(frozen=True, repr=False)
class Key:
    """A secret. ``value`` is read only where the header is written."""

    value: str

    def __repr__(self) -> str:
        return "Key(***)"


@dataclass(frozen=True)
class Place:
    """One service: its address, the key for it, and the home it was found in (None: by address)."""

    url: str
    key: Key
    home: Path | None = None


class Finder(Protocol):
    """Says where the service is now. Raises ``SERVICE_UNREACHABLE`` while none is there."""

    def __call__(self) -> Place: ...

    @property
    def local(self) -> bool:
        """Whether the service is one of a home of this user on this machine."""
        ...


class Given:
    """A service by address."""

    local = False

    def __init__(self, url: str, key: Key) -> None:
        self._place = Place(url, key)

    def __call__(self) -> Place:
        return self._place


class InHome:
    """The service of a home, as its files say at the time of the call."""

    local = True

    def __init__(self, home: Path) -> None:
        self.home = home
        self._known: tuple[tuple[int, int, int], Place] | None = None

    def __call__(self) -> Place:
        file = self.home / "run" / "service.json"
        try:
            found = file.stat()
            stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
            known = self._known
            if known is None or known[0] != stamp:
                known = (stamp, Place(_loopback(file), _home_key(self.home), self.home))
                self._known = known
        except (FileNotFoundError, NotADirectoryError):
            raise WorkbenchError(
                Code.SERVICE_UNREACHABLE, f"no service runs in {self.home}", START
            ) from None
        return known[1]


def find(home: Path | str | None = None, environ: Mapping[str, str] | None = None) -> Finder:
    """The finder that the environment asks for; ``home`` wins over it.

    Raises ``WorkbenchError`` where the environment contradicts itself.
    """
    environ = os.environ if environ is None else environ
    if home is not None:
        return InHome(Path(home).expanduser())
    url = environ.get("MIXPEEK_URL")
    if url:
        return Given(address(url), _given_key(environ.get("MIXPEEK_API_KEY")))
    given = environ.get("MIXPEEK_HOME")
    return InHome(Path(given).expanduser() if given else default_home())


def default_home() -> Path:
    """The user's data folder."""
    import platformdirs  # only here: most calls name their home or their address

    return platformdirs.user_data_path("mixpeek")


def address(url: str) -> str:
    """``url`` without a trailing slash. Refuses what is no HTTP address, and a password in it."""
    try:
        parts = urlsplit(url.strip())
        port_ok = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_ok = urlsplit(""), False
    if parts.username is not None or parts.password is not None:
        raise WorkbenchError(
            Code.INVALID,
            "MIXPEEK_URL holds a user or a password",
            "put the key into MIXPEEK_API_KEY",
        )
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_ok:
        raise WorkbenchError(
            Code.INVALID, f"{url!r} is not the address of a service", "e.g. https://HOST:PORT"
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _given_key(value: str | None) -> Key:
    if not value:
        raise WorkbenchError(
            Code.UNAUTHORIZED,
            "MIXPEEK_URL is set and MIXPEEK_API_KEY is not",
            "set MIXPEEK_API_KEY: the key of a home is never sent to another address",
        )
    return _checked(value, "MIXPEEK_API_KEY")


def _home_key(home: Path) -> Key:
    file = home / "key"
    try:
        value = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise WorkbenchError(
            Code.UNAUTHORIZED,
            f"the key in {file} cannot be read: {reason}",
            "`mixpeek doctor` says more; only the user who started the stack can use its home",
        ) from None
    return _checked(value, str(file))


def _checked(value: str, where: str) -> Key:
    """A key fits into one header line. The error never shows it."""
    stripped = value.strip()
    if not _KEY.fullmatch(stripped):
        raise WorkbenchError(Code.UNAUTHORIZED, f"{where} holds no key", "`mixpeek doctor`")
    return Key(stripped)


def _loopback(file: Path) -> str:
    """The address in ``service.json``; a literal loopback one, since names can be redirected."""
    try:
        data: Any = json.loads(file.read_bytes())
        url = address(str(cast("dict[str, Any]", data)["url"]))
        host = urlsplit(url).hostname or ""
        if ipaddress.ip_address(host).is_loopback:
            return url
        reason = f"its address {host} is not of this machine"
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, WorkbenchError):
        reason = "it holds no address"
    raise WorkbenchError(
        Code.SERVICE_UNREACHABLE,
        f"{file} cannot be used: {reason}",
        "`mixpeek down` and `mixpeek up` write it anew",
    )
