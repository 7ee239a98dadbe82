"""The parts of a stack as data: which children it needs, with which command and environment, and
when each one is ready.

Parts that the settings name an address for are not started. Ports are free ones on loopback, the
same as last time where they are still free, so that an address in a notebook stays right.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from workbench.domain.errors import Code, WorkbenchError
from workbench.stack import processes
from workbench.stack.home import read_json, write_json
from workbench.stack.settings import PREFIX, Settings, in_url
from workbench.stack.supervisor import Part

#: Seconds for running requests, activities and Ray to end by themselves.
_GRACEFUL = 12.0
#: Modules in it stand before packages of their names.
KEPT_OUT = Path(__file__).parent / "kept_out"


@dataclass(frozen=True)
class Plan:
    """The parts of a stack, and the settings that its children run with."""

    settings: Settings
    parts: tuple[Part, ...]
    url: str


def plan_stack(settings: Settings, temporal: Path | None) -> Plan:
    """``temporal`` is the program; None where the settings name a server."""
    ports = _choose_ports(settings, temporal is not None)
    child = replace(settings, port=ports["service"])
    parts: list[Part] = []
    if temporal is not None:
        child = replace(child, temporal_address=f"127.0.0.1:{ports['temporal']}")
        parts.append(_temporal(child, temporal, ports))
    environment = child_environment(child)
    if settings.qdrant_url is None:
        parts.append(_vectors(child, environment))
    parts.append(_service(child, environment))
    parts.append(_worker(child, environment))
    return Plan(child, tuple(parts), service_url(child))


def service_url(settings: Settings) -> str:
    """The address by which programs on this machine reach the service: a literal one, since the
    client sends a home's key to nothing else."""
    here = {"0.0.0.0": "127.0.0.1", "localhost": "127.0.0.1", "::": "::1"}
    return f"http://{in_url(here.get(settings.host, settings.host))}:{settings.port}"


def child_environment(settings: Settings) -> dict[str, str]:
    """The caller's environment with these settings, with the mark by which leftovers are found, and
    without the caller's own key, which no child needs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return {
        **kept,
        **settings.environment(),
        processes.MARKER: str(settings.runtime),
        "PYTHONUNBUFFERED": "1",
        "ORT_DISABLE_TELEMETRY": "1",  # of onnxruntime, to its maker
    }


#: What glibc's allocator comes to by itself once a block of 32 MiB was freed (mallopt(3), dynamic
#: mmap threshold): pages that a picture has left are kept for the next. Before that a thread on the
#: main arena gives them back after each picture and takes them anew, 700 page faults and a fifth of
#: a cheap extractor's time. Other C libraries ignore it.
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024 * 1024),
    "MALLOC_TRIM_THRESHOLD_": str(64 * 1024 * 1024),
}


def ray_environment(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """What a worker's own Ray needs: its short folder, token authentication with this home's token
    (Ray listens on every interface), no reporting, no copying of environments by uv, no import that
    only takes time, and less looking around: nobody reads what its log monitor forwards, which is
    in the files anyway, and a Ray of one machine has nothing to scale (1 % of a core, idle or not).
    What the caller has set of the allocator stands."""
    kept = {name: value for name, value in environment.items() if name != "RAY_ADDRESS"}
    paths = [str(KEPT_OUT), *filter(None, [environment.get("PYTHONPATH")])]
    return {
        **MALLOC,
        **kept,
        "PYTHONPATH": os.pathsep.join(paths),
        "RAY_TMPDIR": str(settings.runtime),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(settings.ray_token_file),
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "LOG_NAME_UPDATE_INTERVAL_S": "10",
        "RAY_LOG_MONITOR_MANY_FILES_THRESHOLD": "0",  # else it looks ten times a second
        "AUTOSCALER_UPDATE_INTERVAL_S": "60",
    }


def health(url: str) -> dict[str, Any] | None:
    """What ``/v1/health`` says to a caller without a key; None if nothing answers."""
    _, answer = ask(f"{url}/v1/health")
    return answer


def ask(url: str) -> tuple[int, dict[str, Any] | None]:
    """Status and JSON object of a GET, within two seconds; (0, None) if nothing answers. Unlike
    most clients this one asks no proxy that the environment names."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=2)
    try:
        connection.request("GET", place.path)
        response = connection.getresponse()
        found: object = json.loads(response.read(65536))
    except (OSError, http.client.HTTPException, ValueError):
        return 0, None
    finally:
        connection.close()
    return response.status, cast("dict[str, Any]", found) if isinstance(found, dict) else None


def accepts(address: str | Path) -> bool:
    """Whether somebody listens at ``HOST:PORT`` or on a Unix socket."""
    try:
        if isinstance(address, Path):
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(1)
                probe.connect(str(address))
        else:
            host, port = address.rsplit(":", 1)
            socket.create_connection((host.strip("[]"), int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def _temporal(settings: Settings, program: Path, ports: Mapping[str, int]) -> Part:
    address = f"127.0.0.1:{ports['temporal']}"
    page = ("--ui-port", str(ports["temporal_ui"])) if settings.temporal_ui else ("--headless",)
    command = (
        *(str(program), "server", "start-dev", "--ip", "127.0.0.1"),
        *("--port", str(ports["temporal"]), "--http-port", str(ports["temporal_http"]), *page),
        *("--namespace", settings.temporal_namespace),
        *("--db-filename", str(settings.temporal_file), "--log-level", "error"),
    )
    environment = {
        name: value
        for name, value in child_environment(settings).items()
        if not name.startswith("TEMPORAL_")  # the caller's own client settings
    }
    # The port opens seconds before calls are answered; a namespace that is found is an answer.
    probe = f"http://127.0.0.1:{ports['temporal_http']}/api/v1/namespaces/"
    probe += settings.temporal_namespace
    return Part(
        "temporal",
        command,
        environment,
        address=address,
        ready=lambda: ask(probe)[0] == 200,
        wave=1,
    )


def _vectors(settings: Settings, environment: Mapping[str, str]) -> Part:
    path = settings.vectors_socket
    return Part(
        "vectors",
        _verb("vectors"),
        environment,
        address=str(path),
        ready=lambda: accepts(path),
        sweep=lambda: path.unlink(missing_ok=True),
        wave=1,
    )


def _service(settings: Settings, environment: Mapping[str, str]) -> Part:
    url = service_url(settings)

    def ready() -> bool:
        answer = health(url)
        return answer is not None and answer.get("state") == "ok"

    return Part(
        "service", _verb("serve"), environment, address=url, ready=ready, patience=_GRACEFUL
    )


def _worker(settings: Settings, environment: Mapping[str, str]) -> Part:
    # It comes after the service, so that the first answer does not share the cores with it.
    part = Part(
        "worker",
        _verb("work"),
        environment,
        address=settings.ray_address,
        after=("service",),
        patience=_GRACEFUL,
    )
    if settings.ray_address is not None:
        return part

    def sweep() -> None:
        processes.end(processes.ray_of_stack(settings), patience=0.2)

    return replace(part, environment=ray_environment(settings, environment), sweep=sweep)


def _verb(name: str) -> tuple[str, ...]:
    return (sys.executable, "-P", "-m", "workbench", name)


def _choose_ports(settings: Settings, temporal: bool) -> dict[str, int]:
    path = settings.run_folder / "ports.json"
    last = read_json(path) or {}
    wanted = ["service", *(["temporal", "temporal_http"] if temporal else [])]
    if temporal and settings.temporal_ui:
        wanted.append("temporal_ui")
    ports: dict[str, int] = {}
    for name in wanted:
        service = name == "service"
        host = settings.host if service else "127.0.0.1"
        if service and settings.port:
            _check_port(host, settings.port)
            ports[name] = settings.port
            continue
        port = last.get(name)
        while not isinstance(port, int) or port in ports.values() or not _is_free(host, port):
            port = _check_port(host, 0)
        ports[name] = port
    write_json(path, ports)
    return ports


def _is_free(host: str, port: int) -> bool:
    try:
        _bind(host, port).close()
    except (OSError, OverflowError):
        return False
    return True


def _check_port(host: str, port: int) -> int:
    """The port, a free one for 0. Raises where this machine cannot listen there."""
    try:
        with _bind(host, port) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        raise WorkbenchError(
            Code.CONFLICT,
            f"the service cannot listen at {host}, port {port}: {error.strerror or error}",
            "MIXPEEK_HOST and MIXPEEK_PORT say where; port 0 is a free one",
        ) from error


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    probe = socket.socket(family)
    try:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
    except OSError:
        probe.close()
        raise
    return probe
