"""Finding the Temporal program, and a real server as a part of a stack."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from stack_support import gone, until

from workbench.domain.errors import WorkbenchError
from workbench.stack import golang, temporal
from workbench.stack.home import prepare_home
from workbench.stack.parts import plan_stack
from workbench.stack.settings import load_settings
from workbench.stack.supervisor import Supervisor

PROGRAM = temporal.find_temporal(load_settings({}))


def script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No program on PATH, none in the cache."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_settings_then_path_then_cache(empty: Path) -> None:
    home = empty / "home"
    settings = load_settings({}, home=home)
    assert temporal.find_temporal(settings) is None
    cached = script(empty / "cache" / "mixpeek" / "bin" / "temporal", "exit 0")
    assert temporal.find_temporal(settings) == cached
    on_path = script(empty / "bin" / "temporal", "exit 0")
    assert temporal.find_temporal(settings) == on_path
    mine = script(empty / "mine", "exit 0")
    named = load_settings({"MIXPEEK_TEMPORAL_BINARY": str(mine)}, home=home)
    assert temporal.find_temporal(named) == mine
    mine.chmod(0o644)
    with pytest.raises(WorkbenchError, match="is no program"):
        temporal.find_temporal(named)


def test_a_build_is_kept_whole_or_not_at_all(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = script(
        empty / "bin" / "go",
        'if [ "$1" = version ]; then echo go version go1.26.1 linux/amd64; exit; fi\n'
        "echo compiling >&2\n"
        'printf "#!/bin/sh\\necho temporal version 9.9" > "$GOBIN/temporal"\n'
        'while read -r _; do :; done < /dev/null; [ -n "$BREAK" ] && exit 1\n'
        'PATH=/usr/bin:/bin chmod 755 "$GOBIN/temporal"',
    )
    monkeypatch.setattr(golang, "places", lambda: [go])
    target, told = temporal.cached_program(), []
    monkeypatch.setenv("BREAK", "1")
    with pytest.raises(OSError, match="go install failed: compiling"):
        temporal.build(target, told.append)
    assert list(target.parent.iterdir()) == []
    monkeypatch.delenv("BREAK")
    assert temporal.build(target, told.append) == target
    assert temporal.program_version(target) == "9.9"
    assert [entry.name for entry in target.parent.iterdir()] == ["temporal"]
    assert any("Go 1.26" in line for line in told)


def test_a_go_that_is_too_old_fetches_a_newer_one(tmp_path: Path) -> None:
    newer = tmp_path / "toolchain"
    old = script(
        tmp_path / "go",
        'case "$*" in\n'
        "version) echo go version go1.19.8 linux/amd64;;\n"
        "env*) echo linux; echo amd64;;\n"
        "*golang.org/toolchain@v0.0.1-go1.25.5.linux-amd64)\n"
        f'  echo \'{{"Dir": "{newer}"}}\';;\n'
        "*) exit 1;; esac",
    )
    for name in ("bin/go", "pkg/tool/linux_amd64/compile"):
        script(newer / name, "exit 0").chmod(0o444)
    told: list[str] = []
    go = golang.usable_go([tmp_path / "absent", old], told.append)
    assert go.program == newer / "bin" / "go"
    assert os.access(go.program, os.X_OK)
    assert os.access(newer / "pkg" / "tool" / "linux_amd64" / "compile", os.X_OK)
    assert go.environment["GOTOOLCHAIN"] == "local"
    assert "1.19 is too old" in told[0]
    broken = script(
        tmp_path / "broken", "case $1 in version) echo go1.18;; *) echo no >&2; exit 1; esac"
    )
    with pytest.raises(OSError, match="go env GOOS GOARCH: no"):
        golang.usable_go([broken], told.append)


def test_without_any_way_the_error_says_what_to_do(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(golang, "places", list)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # no network
    with pytest.raises(WorkbenchError) as caught:
        temporal.ensure_temporal(load_settings({}, home=empty / "home"), lambda _: None)
    assert "no download" in caught.value.message
    assert "no Go" in caught.value.message
    assert "MIXPEEK_TEMPORAL_ADDRESS" in str(caught.value.hint)


def test_a_download_that_stands_still_is_given_up(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(temporal, "_QUIET_SECONDS", 0.3)
    monkeypatch.setattr(sys, "executable", str(script(empty / "python", "exec /bin/sleep 60")))
    with pytest.raises(OSError, match=r"nothing arrived for 0\.3 s"):
        temporal.download(temporal.cached_program(), lambda _: None)


@pytest.mark.skipif(PROGRAM is None, reason="the Temporal program is not on this machine")
async def test_a_real_server_is_ready_when_it_says_so(tmp_path: Path) -> None:
    from temporalio.client import Client

    settings = load_settings({"MIXPEEK_TEMPORAL_NAMESPACE": "media"}, home=tmp_path / "home")
    prepare_home(settings)
    plan = plan_stack(settings, PROGRAM)
    server = next(part for part in plan.parts if part.name == "temporal")
    supervisor = Supervisor([server], folder=settings.home, logs=settings.logs_folder)
    stop = asyncio.Event()
    pids: list[int | None] = []

    async def started() -> None:
        client = await Client.connect(str(plan.settings.temporal_address), namespace="media")
        assert await client.count_workflows() is not None
        pids.append(supervisor.statuses["temporal"].pid)
        stop.set()

    await supervisor.run(stop, started)
    assert pids[0] is not None
    until(lambda: gone(int(pids[0] or 0)), 1)
    assert settings.temporal_file.stat().st_size > 0
    shutil.rmtree(settings.runtime)


def test_a_command_dies_with_its_parent(tmp_path: Path) -> None:
    from workbench.stack import exec_child

    code = (
        "import os, subprocess, sys, time\n"
        f"c = subprocess.Popen([sys.executable, '-I', '-S', {exec_child.__file__!r},"
        " str(os.getpid()), 'sleep', '600'])\n"
        "print(c.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    until(lambda: "sleep" in Path(f"/proc/{child}/cmdline").read_text(), 5)
    parent.kill()
    parent.communicate()
    until(lambda: gone(child), 2)
    late = subprocess.run(
        [sys.executable, "-I", "-S", exec_child.__file__, str(os.getppid()), "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert late.returncode == 1
    assert "the parent ended" in late.stderr
