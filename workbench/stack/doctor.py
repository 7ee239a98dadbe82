"""``mixpeek doctor``: each part found, its version, reachable, writable, and what to do.

Every check is a function that gives a ``Finding`` and never raises; those that import an engine do
it in a process of their own, all at the same time, so that one that crashes or hangs is a finding
too. Exit status 1 when a part that is needed is broken.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from workbench import __version__
from workbench.access.keys import read_key
from workbench.domain.errors import WorkbenchError
from workbench.stack.parts import accepts, health
from workbench.stack.settings import Settings, load_settings, without_password
from workbench.stack.state import read_state
from workbench.stack.temporal import find_temporal, program_version

_IMPORT_SECONDS = 90
_LEAST_FREE, _LITTLE_FREE = 1 << 30, 10 << 30
_SQLITE = (3, 35)  # RETURNING
#: Distribution and the statement that proves that it works here.
_ENGINES = {
    "ray": "import ray",
    "temporalio": "import temporalio.client, temporalio.worker",
    "qdrant-edge-py": "import qdrant_edge",
    "qdrant-client": "import qdrant_client",
    "duckdb": "import duckdb; duckdb.sql('select 1').fetchall()",
    "pyarrow": "import pyarrow.parquet",
    "onnxruntime": "import onnxruntime; onnxruntime.get_available_providers()",
    "pillow": "import PIL.Image",
    "fastapi": "import fastapi, uvicorn",
    "sqlalchemy": "import sqlalchemy, alembic",
}


@dataclass(frozen=True)
class Finding:
    """``ok`` None: nothing is wrong, and there is something to know (``note`` says it)."""

    part: str
    ok: bool | None
    detail: str
    needed: bool = True
    hint: str | None = None

    @property
    def broken(self) -> bool:
        return self.needed and self.ok is False


def run(*, as_json: bool) -> int:
    try:
        settings = load_settings()
    except WorkbenchError as error:
        findings = [Finding("settings", False, error.message, hint=error.hint)]
    else:
        findings = examine(settings)
    broken = any(finding.broken for finding in findings)
    if as_json:
        print(json.dumps({"ok": not broken, "parts": [asdict(each) for each in findings]}))
    else:
        _print(findings)
    return 1 if broken else 0


def examine(settings: Settings) -> list[Finding]:
    checks: list[Callable[[], Finding]] = [
        _python,
        partial(_home, settings),
        partial(_key, settings),
        partial(_runtime_folder, settings),
        partial(_disk, settings),
        partial(_stack, settings),
        partial(_temporal, settings),
        *(partial(_engine, name) for name in _ENGINES),
        partial(_extractors, settings),
        partial(_metadata, settings),
        partial(_blobs, settings),
        partial(_qdrant, settings),
        _ports,
        partial(_ray, settings),
        _docker,
        _chromium,
    ]
    with ThreadPoolExecutor(max(2, os.cpu_count() or 2)) as pool:
        return [future.result() for future in [pool.submit(check) for check in checks]]


def _python() -> Finding:
    detail = f"{platform.python_version()} at {sys.executable}; workbench {__version__}"
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return Finding("python", good, detail, hint=None if good else "use Python 3.11, 3.12 or 3.13")


def _home(settings: Settings) -> Finding:
    home = settings.home
    if not home.exists():
        parent = next(folder for folder in home.parents if folder.exists())
        good = os.access(parent, os.W_OK)
        hint = None if good else "choose another home with MIXPEEK_HOME"
        return Finding("home", good, f"{home} will be made by `mixpeek up`", hint=hint)
    mode = home.stat().st_mode & 0o777
    if not os.access(home, os.W_OK | os.X_OK):
        return Finding(
            "home", False, f"{home} is not writable", hint=f"chown it or chmod 700 {home}"
        )
    if mode & 0o077:
        hint = f"chmod 700 {home} (`mixpeek up` does it, too)"
        return Finding("home", False, f"{home} is open to others (mode {mode:o})", hint=hint)
    return Finding("home", True, f"{home}, mode {mode:o}")


def _key(settings: Settings) -> Finding:
    if not settings.key_file.exists():
        return Finding("key", True, "will be made by `mixpeek up`")
    try:
        read_key(settings.key_file)
    except (OSError, ValueError) as error:
        return Finding("key", False, str(error), hint="remove the file: a new key is written")
    return Finding("key", True, f"{settings.key_file}, mode 600")


def _runtime_folder(settings: Settings) -> Finding:
    for folder in (settings.runtime.parent, settings.runtime):
        if folder.exists() and folder.lstat().st_uid != os.getuid():
            hint = "remove it, or ask the administrator to"
            return Finding("sockets", False, f"{folder} belongs to another user", hint=hint)
    return Finding("sockets", True, str(settings.runtime))


def _disk(settings: Settings) -> Finding:
    folder = next(each for each in (settings.home, *settings.home.parents) if each.exists())
    free = shutil.disk_usage(folder).free
    detail = f"{free / 1e9:.1f} GB free below {folder}"
    if free < _LEAST_FREE:
        return Finding("disk", False, detail, hint="free some, or move the home (MIXPEEK_HOME)")
    return Finding("disk", True if free >= _LITTLE_FREE else None, detail, needed=False)


def _stack(settings: Settings) -> Finding:
    state = read_state(settings)
    if state is None or not state.running():
        return Finding("stack", None, "not running", needed=False, hint="`mixpeek up` starts it")
    answer = health(state.url) if state.url is not None else None
    if answer is None:
        hint = f"look into {settings.logs_folder}; `mixpeek down` and `mixpeek up`"
        return Finding("stack", False, f"runs, but {state.url} does not answer", hint=hint)
    return Finding("stack", True, f"{state.url} is {answer.get('state')}")


def _temporal(settings: Settings) -> Finding:
    if settings.temporal_address is not None:
        return _reachable("temporal", settings.temporal_address)
    try:
        program = find_temporal(settings)
        if program is None:
            detail = "the program is not here yet; the first `mixpeek up` fetches or builds it"
            return Finding("temporal", None, detail, needed=False)
        return Finding("temporal", True, f"{program_version(program)} at {program}")
    except WorkbenchError as error:
        return Finding("temporal", False, error.message, hint=error.hint)
    except OSError as error:
        return Finding("temporal", False, str(error), hint="remove it: it is had anew")


def _engine(name: str) -> Finding:
    try:
        found = version(name)
    except PackageNotFoundError:
        hint = "pip install 'mixpeek-workbench[all]'"
        return Finding(name, False, "not installed", hint=hint)
    reason = _try_python(_ENGINES[name])
    hint = f"install it anew: pip install --force-reinstall {name}=={found}"
    return Finding(
        name,
        reason is None,
        found if reason is None else f"{found}: {reason}",
        hint=hint if reason else None,
    )


def _extractors(settings: Settings) -> Finding:
    from workbench.extraction.registry import Registry

    registry = Registry.discover(settings.extractors)
    names = ", ".join(spec.key for spec in registry.specs())
    if not registry.broken():
        return Finding("extractors", bool(names), names or "none is installed")
    reasons = "; ".join(f"{each.name}: {each.error}" for each in registry.broken())
    hint = "the others work; correct or uninstall it"
    return Finding("extractors", False, reasons, needed=not names, hint=hint)


def _metadata(settings: Settings) -> Finding:
    if settings.database_url is not None:
        return _server_of_metadata(settings.database_url)
    good = sqlite3.sqlite_version_info >= _SQLITE
    hint = None if good else "use a Python that was built with a newer SQLite"
    return Finding("metadata", good, f"SQLite {sqlite3.sqlite_version}", hint=hint)


def _server_of_metadata(url: str) -> Finding:
    from workbench.store.database import Database, out_of_reach

    place = without_password(url)
    try:
        database = Database(url)
        try:
            version, writable = database.examine()
        finally:
            database.close()
    except WorkbenchError as error:
        return Finding("metadata", False, error.message, hint=error.hint)
    except Exception as problem:
        if not out_of_reach(problem):
            raise
        hint = "start the server, or correct MIXPEEK_DATABASE_URL"
        return Finding("metadata", False, f"{place} does not answer", hint=hint)
    hint = None if writable else "its user needs the right to create tables in its schema"
    return Finding("metadata", writable, f"PostgreSQL {version} at {place}", hint=hint)


def _blobs(settings: Settings) -> Finding:
    place = settings.blobs_location
    folder = next(each for each in (Path(place), *Path(place).parents) if each.exists())
    good = os.access(folder, os.W_OK)
    return Finding("blobs", good, place, hint=None if good else f"{folder} is not writable")


def _qdrant(settings: Settings) -> Finding:
    if settings.qdrant_url is None:
        detail = f"embedded, in {settings.vectors_folder}"
        return Finding("vectors", True, detail)
    place = settings.qdrant_url.split("://", 1)[1].split("/", 1)[0].rpartition("@")[2]
    secure = settings.qdrant_url.startswith("https")
    return _reachable("vectors", place if ":" in place else f"{place}:{443 if secure else 6333}")


def _reachable(part: str, address: str) -> Finding:
    good = accepts(address)
    hint = None if good else "is it running, and is the address in the settings right?"
    return Finding(part, good, f"{address} {'answers' if good else 'does not answer'}", hint=hint)


def _ports() -> Finding:
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            probe.listen()
            socket.create_connection(probe.getsockname(), timeout=2).close()
    except OSError as error:
        hint = "a firewall or sandbox stands between this machine and itself"
        return Finding("loopback", False, str(error), hint=hint)
    return Finding("loopback", True, "ports of 127.0.0.1 can be opened and reached")


def _ray(settings: Settings) -> Finding:
    if settings.ray_address is not None:
        return Finding("ray cluster", None, settings.ray_address, needed=False)
    detail = (
        "Ray listens on every interface of this machine, whatever it is told; only who has this "
        "home's token gets an answer"
    )
    hint = "on a network you do not trust, keep others out with a firewall"
    return Finding("ray network", None, detail, needed=False, hint=hint)


def _docker() -> Finding:
    command = ("docker", "version", "--format", "{{.Server.Version}}")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
        found = done.stdout.strip() if done.returncode == 0 else ""
    except (OSError, subprocess.SubprocessError):
        found = ""
    detail = f"engine {found}" if found else "no engine answers"
    hint = None if found else "needed only to run extractors isolated"
    return Finding("docker", True if found else None, detail, needed=False, hint=hint)


def _chromium() -> Finding:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    hint = None if found else "needed only for the browser tests"
    return Finding(
        "chromium", True if found else None, found or "not here", needed=False, hint=hint
    )


def _try_python(statement: str) -> str | None:
    """None if the statement runs in a fresh interpreter, else the last line it printed."""
    try:
        done = subprocess.run(
            (sys.executable, "-P", "-c", statement),
            capture_output=True,
            text=True,
            timeout=_IMPORT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"did not import within {_IMPORT_SECONDS} s"
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or [f"ended with status {done.returncode}"])[-1][:300]


def _print(findings: Iterable[Finding]) -> None:
    for finding in findings:
        mark = "BROKEN" if finding.broken else "ok" if finding.ok else "note"
        print(f"{mark:7}{finding.part:16}{finding.detail}")
        if finding.hint:
            print(f"{'':23}{finding.hint}")
