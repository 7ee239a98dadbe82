"""A corpus of files that are broken or made to harm goes through the extraction pool: each ends as
documents or as a failure that says why, within its time; nothing but the pool's workers is touched,
and nothing but the objects is opened or reached."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from hostile_files import ALL, Bait, corpus
from hostile_run import LIMIT
from hostile_trace import CALLS, Traced, read_trace

from workbench.domain.states import Category
from workbench.extraction.guard import GRACE
from workbench.stack.parts import KEPT_OUT

TESTS = Path(__file__).parents[1]
NAMES = [each.name for each in corpus(Bait("/nowhere/secret.mp4", "http://127.0.0.1:9/secret.mp4"))]
#: How a hostile file may fail: the fault lies in the file, or in what it asks for.
CALM = frozenset({Category.FORMAT, Category.LIMITS, Category.PERMISSION, Category.RESOURCE})
#: Files that end their worker, because a library takes what it cannot have.
KILLERS = frozenset({"bomb-of-forms.pdf"})
#: What a process of Python, or of Ray, asks of the system where it runs.
SYSTEM = (
    *("/etc/ld.so", "/etc/localtime", "/etc/mime.types", "/etc/os-release", "/etc/ssl/openssl"),
    *("/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/resolv.conf", "/.dockerenv"),
    *("/usr/share/zoneinfo/", "/usr/share/locale/", str(Path.home() / ".ray")),
)
#: Beyond its time limit and the grace: the worker that died is replaced, models are opened again.
AGAIN = 45.0

pytestmark = pytest.mark.timeout(400)


@dataclass(frozen=True)
class Ran:
    report: dict[str, Any]
    folder: Path
    trace: Path | None

    def ends(self, name: str) -> list[dict[str, Any]]:
        return [end for end in self.report["ends"] if end["name"] == name]


@pytest.fixture(scope="module")
def ran() -> Iterator[Ran]:
    folder = Path(tempfile.mkdtemp(prefix="mxh"))
    work, trace = folder / "w", folder / "trace"
    strace = _strace(folder)
    traced = [strace, "-f", "--seccomp-bpf", "-e", f"trace={CALLS}", "-o", str(trace)]
    paths = os.pathsep.join(map(str, (KEPT_OUT, TESTS, TESTS / "extractors")))
    subprocess.run(
        [
            *(traced if strace else []),
            *(sys.executable, str(Path(__file__).parent / "hostile_run.py"), str(work)),
        ],
        env={
            **os.environ,
            "PYTHONPATH": paths,
            "RAY_AUTH_MODE": "token",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        },
        timeout=350,
        check=True,
    )
    report = json.loads((work / "report.json").read_text())
    print(told(report))
    yield Ran(report, work, trace if strace else None)
    shutil.rmtree(folder, ignore_errors=True)


def told(report: dict[str, Any]) -> str:
    """One line about the whole corpus."""
    ends = report["ends"]
    how = Counter(e["failures"][0]["category"] if e["failures"] else "documents" for e in ends)
    slowest = max(ends, key=lambda end: end["seconds"])
    return (
        f"{len(report['files'])} files, {len(ends)} extractions: "
        f"{', '.join(f'{count} {name}' for name, count in how.most_common())}; "
        f"slowest {slowest['name']}, {slowest['seconds']:.1f} s"
    )


def _strace(folder: Path) -> str | None:
    """The program, where it is there and may trace."""
    found = shutil.which("strace")
    if found is None:
        return None
    tried = [found, "-f", "--seccomp-bpf", "-e", "trace=openat", "-o", str(folder / "try"), "true"]
    return (
        found if subprocess.run(tried, capture_output=True, check=False).returncode == 0 else None
    )


@pytest.mark.parametrize("name", NAMES)
def test_it_ends_as_documents_or_as_a_clear_failure_in_time(ran: Ran, name: str) -> None:
    for end in ran.ends(name):
        assert end["objects"] + len(end["failures"]) == 1, end
        for failure in end["failures"]:
            assert failure["message"]
            if name not in KILLERS:
                assert failure["category"] in CALM, end
        assert end["seconds"] < LIMIT + GRACE + AGAIN, end


def test_the_corpus_is_large_and_reaches_every_extractor(ran: Ran) -> None:
    assert len(NAMES) >= (200 if ALL else 70)
    reached = Counter(end["extractor"] for end in ran.report["ends"])
    assert min(reached[e["extractor"]] for e in ran.report["before"]) >= (10 if ALL else 2), reached
    assert sum(bool(end["failures"]) for end in ran.report["ends"]) > (100 if ALL else 35)


def test_every_extractor_goes_on_afterwards(ran: Ran) -> None:
    for moment in ("before", "after"):
        for end in ran.report[moment]:
            assert (end["documents"] > 0, end["failures"]) == (True, []), end


def test_no_process_but_workers_is_affected(ran: Ran) -> None:
    before, after = ran.report["engines"]
    assert before == after
    assert set(before) >= {"raylet", "gcs_server", "this"}


def test_nobody_came_where_the_files_point(ran: Ran) -> None:
    assert ran.report["visits"] == 0


@pytest.fixture(scope="module")
def traced(ran: Ran) -> Traced:
    if ran.trace is None:
        pytest.skip("strace is not installed, or may not trace here")
    return read_trace(ran.trace, ran.folder / "mark-begin", ran.folder / "mark-end")


def test_no_file_but_the_objects_and_the_programs_own_is_opened(ran: Ran, traced: Traced) -> None:
    objects = {str(path) for path in (ran.folder / "objects").iterdir() if path.suffix == ""}
    assert len(objects & traced.opened) == len(objects), "each was read"
    secrets = [p for p in traced.opened | traced.tried if "secret.mp4" in p]
    assert secrets == []
    own = _own_places(ran.folder)
    strange = [p for p in traced.opened - objects if not p.startswith(own)]
    assert strange == []


def _own_places(folder: Path) -> tuple[str, ...]:
    """Where a worker's libraries, models and engines lie, and what it asks the kernel."""
    python = {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), str(TESTS.parent)}
    engine = [f"{folder}/{name}" for name in ("blobs", "ray")]
    return (*python, *engine, "/proc", "/sys/", "/dev/", "/lib", "/usr/lib", *SYSTEM)


def test_connections_are_those_of_the_engine_on_this_machine(ran: Ran, traced: Traced) -> None:
    """Its parts speak to each other over the machine's own addresses, and no name is looked up."""
    own = {each.address for found in psutil.net_if_addrs().values() for each in found}
    bait = int(ran.report["bait"].rpartition(":")[2].partition("/")[0])
    assert {address for address, _ in traced.reached} <= own
    assert all(port > 1023 and port != bait for _, port in traced.reached)


def test_no_program_is_run_but_workers(ran: Ran, traced: Traced) -> None:
    assert {Path(program).name.rstrip("0123456789.") for program in traced.ran} <= {"python"}
