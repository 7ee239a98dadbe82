"""A stack of small real programs, and a process that watches it as ``mixpeek up`` does.

``python stack_support.py`` runs it in the home of ``MIXPEEK_HOME``: a service that answers
``/v1/health``, a worker that leaves a process behind in a session of its own and one that hides its
environment under a title as Ray's agents do, and a store that listens on the Unix socket.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from workbench.stack.home import read_json
from workbench.stack.parts import Plan, _choose_ports, accepts, child_environment, health
from workbench.stack.settings import Settings, load_settings
from workbench.stack.state import StackState, read_state
from workbench.stack.supervisor import Limits, Part, StartFailed
from workbench.stack.watch import Listener, watch_stack

SERVICE = """
import http.server, json, os
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"state": "ok"}).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body)))
        self.end_headers(); self.wfile.write(body)
    def log_message(self, *_): pass
address = ("127.0.0.1", int(os.environ["MIXPEEK_PORT"]))
http.server.ThreadingHTTPServer(address, Health).serve_forever()
"""
WORKER = """
import subprocess, time
for title, environment in (("stray", None), ("ray::Agent", {})):
    subprocess.Popen(
        [title, "600"], executable="/bin/sleep", env=environment, start_new_session=True
    )
time.sleep(600)
"""
STORE = """
import socket, sys
server = socket.socket(socket.AF_UNIX); server.bind(sys.argv[1]); server.listen()
while True: server.accept()[0].close()
"""


def small_plan(settings: Settings, _say: Callable[[str], None]) -> Plan:
    from dataclasses import replace

    child = replace(settings, port=_choose_ports(settings, False)["service"])
    environment = child_environment(child)
    url, socket_path = f"http://127.0.0.1:{child.port}", child.vectors_socket
    parts = (
        Part(
            "vectors",
            (sys.executable, "-c", STORE, str(socket_path)),
            environment,
            ready=lambda: accepts(socket_path),
            sweep=lambda: socket_path.unlink(missing_ok=True),
            wave=1,
        ),
        Part(
            "service",
            (sys.executable, "-c", SERVICE),
            environment,
            ready=lambda: health(url) == {"state": "ok"},
        ),
        Part("worker", (sys.executable, "-c", WORKER), environment),
    )
    return Plan(child, parts, url)


class Watched:
    """A watcher process over a small stack in ``home``."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.settings = load_settings({}, home=home)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MIXPEEK_")}
        self.process = subprocess.Popen(
            (sys.executable, __file__),
            env={**environment, "MIXPEEK_HOME": str(home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def state(self) -> StackState:
        found = read_state(self.settings)
        assert found is not None
        return found

    def until_ready(self) -> StackState:
        until(lambda: self.ready() or self.process.poll() is not None, 20)
        assert self.process.poll() is None, self.process.communicate()[0]
        return self.state()

    def ready(self) -> bool:
        found = read_state(self.settings)
        return found is not None and found.ready and found.watcher.pid == self.process.pid

    def pid(self, part: str) -> int:
        found = next(each.pid for each in self.state().parts if each.name == part)
        assert found is not None
        return found

    def service(self) -> dict[str, object]:
        return read_json(self.settings.service_file) or {}

    def strays(self) -> list[psutil.Process]:
        """The two processes that the worker started."""
        until(lambda: len(psutil.Process(self.pid("worker")).children()) == 2, 5)
        return psutil.Process(self.pid("worker")).children()


def until(condition: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def main() -> int:
    listener = Listener(lambda line: print(line, flush=True), lambda _: print("READY", flush=True))
    try:
        ran = watch_stack(
            load_settings(), listener, make_plan=small_plan, limits=Limits(start_seconds=20)
        )
    except StartFailed as failure:
        print(failure)
        return 1
    return 0 if ran else 7


if __name__ == "__main__":
    sys.exit(main())
