"""Having the Temporal program: found, else fetched, else built, and kept for the next time.

In this order: the settings, PATH, the cache of an earlier time, the download of Temporal's own SDK
(a child process, given up when nothing arrives for a while), ``go install``. What was fetched or
built appears in the cache whole or not at all; two that start at once both end with a program.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from workbench.domain.errors import Code, WorkbenchError
from workbench.stack import golang
from workbench.stack.settings import Settings, load_settings

#: The newest release of the command line that ``go install`` accepts (later ones replace modules).
MODULE = "github.com/temporalio/cli/cmd/temporal@v1.5.1"
_DOWNLOAD_SECONDS, _QUIET_SECONDS, _BUILD_SECONDS = 300.0, 15.0, 1800.0

Say = Callable[[str], None]


def cached_program() -> Path:
    return platformdirs.user_cache_path("mixpeek") / "bin" / "temporal"


def find_temporal(settings: Settings) -> Path | None:
    """The program, if this machine has it already."""
    if settings.temporal_binary is not None:
        if not _is_program(settings.temporal_binary):
            raise WorkbenchError(
                Code.INVALID_PARAMETER,
                f"temporal_binary is {settings.temporal_binary}, which is no program",
                "correct the setting, or leave it out",
            )
        return settings.temporal_binary
    on_path = shutil.which("temporal")
    if on_path is not None:
        return Path(on_path)
    cached = cached_program()
    return cached if _is_program(cached) else None


def ensure_temporal(settings: Settings, say: Say) -> Path:
    """The program, had by whatever way works; ``say`` is told of progress, a line at a time.

    Raises ``WorkbenchError`` that names every way that was tried and what to do.
    """
    found = find_temporal(settings)
    if found is not None:
        return found
    say("the Temporal program is not here yet: trying the download of Temporal's SDK")
    reasons: list[str] = []
    for way in (download, build):
        try:
            return way(cached_program(), say)
        except OSError as error:
            reasons.append(str(error))
            say(reasons[-1])
    raise WorkbenchError(
        Code.UNAVAILABLE,
        "the Temporal program cannot be had: " + "; ".join(reasons),
        "install Temporal's command line (`temporal`) and put it on PATH, or install Go, or name a "
        "server with MIXPEEK_TEMPORAL_ADDRESS",
    )


def download(target: Path, say: Say) -> Path:
    """Let the SDK fetch the program. Raises OSError where it cannot."""
    with _beside(target) as folder:
        command = (sys.executable, "-P", "-m", "workbench.stack.fetch_temporal", str(folder))
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            reason = _watch_download(child, folder, say)
        finally:
            child.kill()
            output, _ = child.communicate()
        programs = [path for path in folder.iterdir() if _is_program(path)]
        if reason is None and child.returncode == 0 and programs:
            return _install(programs[0], target)
        last = output.decode(errors="replace").strip().splitlines()[-1:] or ["no answer"]
        raise OSError("no download: " + (reason or last[0])[:300])


def build(target: Path, say: Say) -> Path:
    """Build the program with Go. Raises OSError where that is impossible or fails."""
    go = golang.usable_go(golang.places(), say)
    say(f"building the Temporal program with Go {go.version}, about 3 minutes")
    with _beside(target) as folder:
        environment = {**go.environment, "GOBIN": str(folder)}
        _run_build((str(go.program), "install", "-v", MODULE), environment, say)
        built = folder / "temporal"
        if not _is_program(built):
            raise OSError("go install ended without a program")
        return _install(built, target)


def program_version(program: Path) -> str:
    """What the program says of itself. Raises OSError."""
    try:
        done = subprocess.run(
            (str(program), "--version"), capture_output=True, text=True, timeout=20, check=True
        )
    except subprocess.SubprocessError as error:
        raise OSError(f"{program} --version: {error}") from error
    return done.stdout.strip().removeprefix("temporal version ")


def _watch_download(child: subprocess.Popen[bytes], folder: Path, say: Say) -> str | None:
    """None when the child has ended, else why it was given up."""
    begun = seen = time.monotonic()
    size = told = 0
    while child.poll() is None:
        time.sleep(0.05)
        now = time.monotonic()
        present = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        if present != size:
            size, seen = present, now
        if now - seen > _QUIET_SECONDS:
            return f"nothing arrived for {_QUIET_SECONDS:g} s"
        if now - begun > _DOWNLOAD_SECONDS:
            return f"not complete after {_DOWNLOAD_SECONDS:g} s"
        if size - told > 20_000_000:
            told = size
            say(f"fetched {size / 1e6:.0f} MB")
    return None


def _run_build(command: tuple[str, ...], environment: Mapping[str, str], say: Say) -> None:
    begun, told, lines = time.monotonic(), time.monotonic(), 0
    tail: list[str] = []
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as child:
        try:
            for line in child.stdout or ():
                lines += 1
                tail = [*tail[-4:], line.strip()]
                now = time.monotonic()
                if now - begun > _BUILD_SECONDS:
                    raise OSError(f"go install took more than {_BUILD_SECONDS:g} s")
                if now - told > 5:
                    told = now
                    say(f"building Temporal: {lines} steps, {now - begun:.0f} s")
        except BaseException:
            child.kill()
            raise
    if child.returncode != 0:
        raise OSError("go install failed: " + " | ".join(tail)[-500:])


@contextmanager
def _beside(target: Path) -> Generator[Path]:
    """A folder on the target's file system, so that moving out of it is atomic."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".temporal-", dir=target.parent) as folder:
        yield Path(folder)


def _install(program: Path, target: Path) -> Path:
    program_version(program)  # it runs here
    os.replace(program, target)
    return target


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def main() -> None:
    """Have the program, for ``make setup``, unless the settings name a server. The status is 2 for
    settings that cannot be understood, 1 when the program is not to be had."""
    status = 2
    try:
        settings = load_settings()
        status = 1
        if settings.temporal_address is None:
            print(ensure_temporal(settings, lambda line: print(line, file=sys.stderr)))
    except WorkbenchError as error:
        print(f"{error.message}\n{error.hint}", file=sys.stderr)
        sys.exit(status)


if __name__ == "__main__":
    main()
