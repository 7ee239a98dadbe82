"""Settings of one stack, and where its files are.

Each setting has one name: ``temporal_address`` in ``settings.toml`` of the home is
``MIXPEEK_TEMPORAL_ADDRESS`` in the environment; the environment wins. An unknown name is an error,
since a setting that is misspelled and ignored is worse than one that is missing. ``repr`` hides
secrets. ``environment()`` gives the variables with which a child loads equal settings.

A home is one folder and one stack. Unix sockets and Ray's files lie under a short path of their
own (``/tmp/mixpeek-UID/HASH``), because socket paths end at 107 bytes.
"""

from __future__ import annotations

import difflib
import hashlib
import ipaddress
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import platformdirs

from workbench.domain.errors import Code, WorkbenchError
from workbench.stack.values import PARSERS

PREFIX = "MIXPEEK_"
#: Variables of the same prefix that are not settings of the stack: the client's and the magics',
#: and the one that marks the processes of a stack.
NOT_SETTINGS = frozenset({"URL", "API_KEY", "NAMESPACE", "PROGRESS", "RUNTIME", "LABEXTENSION"})


@dataclass(frozen=True, repr=False)
class Settings:
    """Addresses left ``None`` mean the embedded engine. Derived paths are properties."""

    home: Path
    #: Where the service listens; port 0 is a free one, kept from one start to the next.
    host: str = "127.0.0.1"
    port: int = 0
    #: More names and addresses that the service is called by: where ``host`` is none (0.0.0.0),
    #: those by which other machines reach it.
    hosts: tuple[str, ...] = ()
    #: Folders that the service may read for a caller. None where the address is an outside one.
    roots: tuple[Path, ...] = ()
    temporal_address: str | None = None
    temporal_namespace: str = "default"
    #: None: TLS where there is an API key, which never goes over the wire in the clear.
    temporal_tls: bool | None = None
    temporal_api_key: str | None = None
    #: The Temporal program, where it is not on PATH; ``temporal_ui`` starts its web page as well.
    temporal_binary: Path | None = None
    temporal_ui: bool = False
    ray_address: str | None = None
    qdrant_url: str | None = None
    qdrant_api_key: str | None = None
    #: SQLAlchemy URL of the metadata; default: SQLite in the home.
    database_url: str | None = None
    #: A folder; default: one in the home.
    blobs: str | None = None
    #: An object that is uploaded has at most so many MiB.
    max_upload_mib: int = 16 * 1024
    #: How long it is remembered how each object fared in a task that has ended; its counts and
    #: failures stay.
    keep_items_days: int = 30
    #: Chunks that this machine's worker runs at once, and chunks a task keeps scheduled.
    slots: int = 2
    window: int = 6
    #: Threads of one model in one process; by default the extractors decide.
    model_threads: int | None = None
    #: Where models that are asked for by name lie; default: in the user's cache.
    models: Path | None = None
    #: More extractor classes, ``module:Class``, beside those of installed packages.
    extractors: tuple[str, ...] = ()
    log_level: str = "info"

    def __repr__(self) -> str:
        shown = (f"{field.name}={self._shown(field.name)}" for field in fields(self))
        return f"Settings({', '.join(shown)})"

    def _shown(self, name: str) -> str:
        value = getattr(self, name)
        if value is not None and name.endswith("_api_key"):
            return "'***'"
        if isinstance(value, str) and "://" in value:
            return repr(without_password(value))
        return repr(value)

    # Where things are.

    @property
    def home_id(self) -> str:
        """Eight hex digits, the same for the same folder."""
        return hashlib.sha256(os.fsencode(self.home)).hexdigest()[:8]

    @property
    def runtime(self) -> Path:
        """The short folder for sockets and Ray; ``secure_runtime`` makes it."""
        return Path("/tmp") / f"mixpeek-{os.getuid()}" / self.home_id

    @property
    def key_file(self) -> Path:
        return self.home / "key"

    @property
    def run_folder(self) -> Path:
        return self.home / "run"

    @property
    def service_file(self) -> Path:
        """``{"url", "pid", "version", "home_id"}``, there while the service answers."""
        return self.run_folder / "service.json"

    @property
    def found_file(self) -> Path:
        """What the service found of unfinished work at its start."""
        return self.run_folder / "found.json"

    def in_hand_folder(self, process: str) -> Path:
        """Where a process keeps what it has in hand, for the one after it."""
        return self.run_folder / "in-hand" / process

    @property
    def logs_folder(self) -> Path:
        return self.home / "logs"

    @property
    def cache_folder(self) -> Path:
        return self.home / "cache"

    @property
    def telemetry_folder(self) -> Path:
        return self.home / "telemetry"

    @property
    def vectors_folder(self) -> Path:
        return self.home / "vectors"

    @property
    def vectors_socket(self) -> Path:
        return self.runtime / "vectors.sock"

    @property
    def temporal_file(self) -> Path:
        return self.home / "temporal" / "temporal.db"

    @property
    def ray_folder(self) -> Path:
        return self.runtime / "ray"

    @property
    def ray_token_file(self) -> Path:
        return self.home / "ray_token"

    @property
    def metadata_url(self) -> str:
        return self.database_url or f"sqlite:///{self.home / 'metadata.db'}"

    @property
    def blobs_location(self) -> str:
        return self.blobs or str(self.home / "blobs")

    @property
    def outside(self) -> bool:
        """Whether other machines can reach the service."""
        return not is_loopback(self.host)

    @property
    def names(self) -> frozenset[str]:
        """What the service is called by, as a Host header writes it, without ports."""
        return frozenset(in_url(name).lower() for name in (self.host, *self.hosts))

    def environment(self) -> dict[str, str]:
        """``MIXPEEK_*`` variables that ``load_settings`` turns into an equal object."""
        found: dict[str, str] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None:
                continue
            if isinstance(value, tuple):
                separator = os.pathsep if field.name == "roots" else ","
                text = separator.join(map(str, cast("tuple[object, ...]", value)))
            else:
                text = str(value).lower() if isinstance(value, bool) else str(value)
            found[PREFIX + field.name.upper()] = text
        return found


def load_settings(
    environ: Mapping[str, str] | None = None, *, home: Path | None = None
) -> Settings:
    """Settings from ``environ`` (the process's own by default) and the home's ``settings.toml``.

    ``home`` wins over ``MIXPEEK_HOME``. Raises ``WorkbenchError`` for an unknown name or a value
    that cannot be understood; the message names where it stands, and never shows a secret.
    """
    environ = os.environ if environ is None else environ
    folder = (home or Path(environ.get(PREFIX + "HOME") or default_home())).expanduser()
    folder = Path(os.path.realpath(folder))
    values: dict[str, object] = {}
    for source, name, raw in (*_from_file(folder / "settings.toml"), *_from_environment(environ)):
        values[name] = _parse(source, name, raw)
    values["home"] = folder
    values.setdefault("slots", max(2, os.cpu_count() or 2))
    values.setdefault("window", 3 * cast("int", values["slots"]))
    loaded = Settings(**cast("dict[str, Any]", values))
    if loaded.temporal_api_key and loaded.temporal_tls is False:
        raise WorkbenchError(
            Code.INVALID_PARAMETER,
            "temporal_tls is false, and temporal_api_key would go over the wire in the clear",
            "leave temporal_tls out: a key turns it on",
        )
    return _with_roots(loaded, values.get("roots"))


def default_home() -> Path:
    """The user's data folder: where the client looks for a service, too."""
    return platformdirs.user_data_path("mixpeek")


def secure_runtime(settings: Settings) -> Path:
    """The runtime folder, made with mode 0700; refused where it belongs to somebody else, since
    everyone may make folders in ``/tmp``."""
    for folder in (settings.runtime.parent, settings.runtime, settings.ray_folder):
        secure_folder(folder)
    return settings.runtime


def secure_folder(folder: Path) -> None:
    """Make ``folder`` readable to its owner only, or check that it is."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != os.getuid():
        raise WorkbenchError(
            Code.CONFLICT,
            f"{folder} is not a folder of the user who starts the stack",
            "remove it, or ask the administrator of this machine to",
        )
    if found.st_mode & 0o077:
        folder.chmod(0o700)


def without_password(url: str) -> str:
    """The URL as it may be shown: a password, and a lone user part, become ``***``."""
    place = urlsplit(url).netloc
    login, at, host = place.rpartition("@")
    if at:
        shown = login.split(":", 1)[0] + ":***" if ":" in login else "***"
        url = url.replace(f"//{place}", f"//{shown}@{host}", 1)
    return re.sub(r"(?i)([?&]\w*(?:password|api[-_]?key|token|secret)=)[^&#]*", r"\1***", url)


def in_url(host: str) -> str:
    """The host as URLs write it: IPv6 addresses stand in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _with_roots(settings: Settings, given: object) -> Settings:
    if settings.outside and given:
        raise WorkbenchError(
            Code.INVALID_PARAMETER,
            f"roots are set, but the service's address {settings.host} can be reached from outside",
            "leave roots out (files are uploaded then) or let host be 127.0.0.1",
        )
    if settings.outside or given is not None:
        return settings
    roots = dict.fromkeys(
        Path(os.path.realpath(path)) for path in (Path.home(), Path.cwd(), tempfile.gettempdir())
    )
    return replace(settings, roots=tuple(roots))


def _from_file(path: Path) -> list[tuple[str, str, object]]:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise WorkbenchError(
            Code.INVALID_PARAMETER, f"{path} cannot be read as TOML: {error}", "correct the file"
        ) from error
    known = {name for name in PARSERS if name != "home"}
    for name in found:
        if name not in known:
            raise _unknown(f"{path}", name, sorted(known))
    return [(str(path), name, value) for name, value in found.items()]


def _from_environment(environ: Mapping[str, str]) -> list[tuple[str, str, object]]:
    found: list[tuple[str, str, object]] = []
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or variable.removeprefix(PREFIX) in NOT_SETTINGS:
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name not in PARSERS:
            names = [PREFIX + known.upper() for known in PARSERS]
            raise _unknown("the environment", variable, names)
        # An empty variable means that it is not set; for roots it means that there are none.
        if value or name == "roots":
            found.append((variable, name, value))
    return found


def _unknown(source: str, name: str, known: Sequence[str]) -> WorkbenchError:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "known are " + ", ".join(known)
    return WorkbenchError(Code.INVALID_PARAMETER, f"unknown setting {name} in {source}", hint)


def _parse(source: str, name: str, raw: object) -> object:
    try:
        return PARSERS[name](raw)
    except ValueError as error:
        raise WorkbenchError(
            Code.INVALID_PARAMETER, f"setting {name} ({source}): {error}", "correct the value"
        ) from error
