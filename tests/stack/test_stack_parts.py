from __future__ import annotations

import http.server
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from workbench.domain.errors import WorkbenchError
from workbench.stack.home import prepare_home
from workbench.stack.parts import Plan, accepts, ask, plan_stack, service_url
from workbench.stack.settings import Settings, load_settings

PROGRAM = Path("/usr/bin/temporal")


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    made = load_settings({}, home=tmp_path / "home")
    prepare_home(made)
    yield made
    shutil.rmtree(made.runtime, ignore_errors=True)


def names(plan: Plan) -> list[str]:
    return [part.name for part in plan.parts]


def test_all_parts_on_loopback(settings: Settings) -> None:
    plan = plan_stack(settings, PROGRAM)
    assert names(plan) == ["temporal", "vectors", "service", "worker"]
    temporal, _, service, worker = plan.parts
    assert temporal.command[:4] == (str(PROGRAM), "server", "start-dev", "--ip")
    assert temporal.address == plan.settings.temporal_address
    assert str(temporal.address).startswith("127.0.0.1:")
    assert service.address == plan.url == f"http://127.0.0.1:{plan.settings.port}"
    assert service.command[1:4] == ("-P", "-m", "workbench")
    assert worker.wave < temporal.wave


def test_ports_stay_where_they_are_free(settings: Settings) -> None:
    first = plan_stack(settings, PROGRAM)
    assert plan_stack(settings, PROGRAM).url == first.url
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first.settings.port))
        taken.listen()
        other = plan_stack(settings, PROGRAM)
        assert other.url != first.url
        assert other.settings.temporal_address == first.settings.temporal_address
        with pytest.raises(WorkbenchError, match=r"cannot listen at 127\.0\.0\.1"):
            plan_stack(replace(settings, port=first.settings.port), PROGRAM)


def test_an_address_replaces_a_part(settings: Settings) -> None:
    away = replace(
        settings,
        temporal_address="temporal.example:7233",
        qdrant_url="http://qdrant.example:6333",
        ray_address="ray://ray.example:10001",
    )
    plan = plan_stack(away, None)
    assert names(plan) == ["service", "worker"]
    assert plan.settings.temporal_address == "temporal.example:7233"
    assert "RAY_AUTH_TOKEN_PATH" not in plan.parts[1].environment


def test_what_children_are_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIXPEEK_API_KEY", "hush")
    monkeypatch.setenv("RAY_ADDRESS", "somewhere:6379")
    monkeypatch.setenv("TEMPORAL_ADDRESS", "elsewhere:7233")
    plan = plan_stack(settings, PROGRAM)
    for part in plan.parts:
        assert "hush" not in part.environment.values()
        assert part.environment["MIXPEEK_RUNTIME"] == str(settings.runtime)
        assert load_settings(part.environment) == plan.settings
    temporal, worker = plan.parts[0].environment, plan.parts[3].environment
    assert "TEMPORAL_ADDRESS" not in temporal
    assert worker["RAY_AUTH_MODE"] == "token"
    assert Path(worker["RAY_AUTH_TOKEN_PATH"]).stat().st_mode & 0o777 == 0o600
    assert worker["RAY_TMPDIR"] == str(settings.runtime)
    assert "RAY_ADDRESS" not in worker


def test_workers_do_without_an_import_that_only_takes_time(settings: Settings) -> None:
    code = (
        "import jsonschema, sys;"
        "print('date' in jsonschema.FormatChecker.checkers, 'lark' in sys.modules)"
    )
    environment = plan_stack(settings, PROGRAM).parts[3].environment
    said = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    assert said.split() == ["True", "False"]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("localhost", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("10.1.2.3", "http://10.1.2.3:80"),
    ],
)
def test_the_address_for_this_machine(settings: Settings, host: str, url: str) -> None:
    assert service_url(replace(settings, host=host, port=80)) == url


def test_asking(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"state": "ok"}' if self.path == "/a" else b"[1]"
            self.send_response(200 if self.path == "/a" else 503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{server.server_port}"
        assert ask(f"http://{address}/a") == (200, {"state": "ok"})
        assert ask(f"http://{address}/b") == (503, None)
        assert accepts(address)
        server.shutdown()
    assert ask(f"http://{address}/a") == (0, None)
    assert not accepts(address)
    assert not accepts(tmp_path / "no.sock")
