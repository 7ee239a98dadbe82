"""The shell as a process of its own: what it loads, signals, pipes."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from client_service import Reply, Seen, Service, page, task

from workbench.domain.states import TaskState

MIXPEEK = (sys.executable, "-m", "workbench")
HEAVY = (
    *("pandas", "pyarrow", "duckdb", "numpy", "IPython", "httpx", "fastapi", "temporalio", "ray"),
    *("sqlalchemy", "onnxruntime", "PIL", "workbench.stack", "workbench.store", "workbench.api"),
)


def mixpeek(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **more}
    command = (*MIXPEEK, *arguments)
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)


def test_an_ordinary_verb_loads_nothing_heavy(service: Service) -> None:
    service.on("GET", "/tasks", page([task()]))
    code = (
        "import sys; from workbench.__main__ import main; status = main(['tasks', '--json']);"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr);"
        "sys.exit(status)"
    )
    ran = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, "[]\n")
    assert json.loads(ran.stdout)[0]["task_id"] == "tsk_1"


def test_a_short_command_is_short(service: Service) -> None:
    """Processor time, since others use the machine; about 0.3 s, most of it imports. On a machine
    of which half is gone all imports take longer."""
    service.on("GET", "/tasks", page([task()]))
    mixpeek("tasks", "--json")  # writes what is compiled
    plain = (sys.executable, "-c", "import pydantic, http.client, argparse")
    used = min(processor_time(lambda: mixpeek("tasks", "--json")) for _ in range(3))
    least = min(processor_time(lambda: subprocess.run(plain)) for _ in range(3))
    assert used < max(0.6, 6 * least)


def processor_time(run: Callable[[], subprocess.CompletedProcess[Any]]) -> float:
    """Of the process that it runs (s)."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert run().returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("--version",), 0),
        (("tasks",), 0),
        (("wait", "tsk_2"), 1),
        (("nonsense",), 2),
        (("objects", "nope"), 4),
    ],
)
def test_exit_statuses(arguments: tuple[str, ...], status: int, service: Service) -> None:
    service.on("GET", "/tasks", page([]))
    service.on("GET", "/tasks/tsk_2", Reply(task(TaskState.CANCELED, task_id="tsk_2")))
    assert mixpeek(*arguments).returncode == status


def test_without_a_service_the_status_is_3(tmp_path: Path) -> None:
    ran = mixpeek("tasks", MIXPEEK_HOME=str(tmp_path))
    assert (ran.returncode, ran.stdout) == (3, "")


def test_an_interrupt_stops_the_waiting_and_not_the_task(service: Service) -> None:
    asked = threading.Event()

    def held(seen: Seen) -> Reply:
        if "after" in seen.query:
            asked.set()
            time.sleep(float(seen.query["wait"]))
        return Reply(task(TaskState.IN_PROGRESS, indexed=1), headers={"X-Sequence": "1"})

    service.on("GET", "/tasks/tsk_1", held)
    command = (*MIXPEEK, "wait", "tsk_1", "--json")
    with subprocess.Popen(
        command,
        # whoever started the tests in the background ignores it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert asked.wait(30)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
    assert child.returncode == 130
    assert json.loads(out)["state"] == "IN_PROGRESS"
    assert b"the task goes on" in err
    assert b"Traceback" not in err
    assert {one.method for one in service.seen} == {"GET"}


def test_a_reader_that_has_enough_is_no_failure(service: Service) -> None:
    def many(seen: Seen) -> Reply:
        return page([task(task_id=f"tsk_{number}") for number in range(1000)])

    service.on("GET", "/tasks", many)
    command = f"{' '.join(MIXPEEK)} tasks --json; echo $? >&2"
    ran = subprocess.run(
        ("bash", "-c", f"({command}) | head -c 5"), capture_output=True, text=True, timeout=60
    )
    assert ran.stdout == '[{"ta'
    assert ran.stderr == "0\n"


def test_a_terminal_that_lacks_letters_gets_stand_ins(service: Service) -> None:
    named = task().model_copy(update={"bucket": "日本 é"})
    service.on("GET", "/tasks/tsk_1", Reply(named))
    ran = mixpeek("tasks", "tsk_1", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert ran.returncode == 0
    assert "?? ?" in ran.stdout
    assert json.loads(mixpeek("tasks", "tsk_1", "--json").stdout)["bucket"] == "日本 é"
