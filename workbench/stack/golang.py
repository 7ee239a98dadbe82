"""A Go that is new enough to build with.

A Go from 1.21 on fetches a newer one by itself when a module asks for it. An older one, such as
Debian 12's, is made to do the same thing by hand: a newer Go is a Go module like any other, checked
against the same public checksums.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

#: The first Go that fetches newer ones; what an older one is made to fetch.
_FETCHES_ITSELF = (1, 21)
_NEWER = "go1.25.5"
_SECONDS = 600.0


@dataclass(frozen=True)
class Go:
    """``environment`` is what it has to run with."""

    program: Path
    version: str
    environment: Mapping[str, str]


def places() -> list[Path]:
    """Where Go may be: PATH, its own default, Debian's packages."""
    on_path = shutil.which("go")
    return [
        *([Path(on_path)] if on_path is not None else []),
        Path("/usr/local/go/bin/go"),
        *sorted(Path("/usr/lib").glob("go*/bin/go")),
    ]


def usable_go(candidates: list[Path], say: Callable[[str], None]) -> Go:
    """The newest of ``candidates``, or what it fetches. Raises OSError where there is none."""
    found = [(version, path) for path in candidates if (version := _version(path)) is not None]
    if not found:
        raise OSError("no Go is installed")
    version, program = max(found, key=lambda each: each[0])
    environment = {name: value for name, value in os.environ.items() if name != "GOROOT"}
    if version >= _FETCHES_ITSELF:
        environment["GOTOOLCHAIN"] = "auto"
        return Go(program, ".".join(map(str, version)), environment)
    say(f"Go {version[0]}.{version[1]} is too old to build with: it fetches {_NEWER}")
    newer = _fetch(program, environment)
    return Go(newer, _NEWER.removeprefix("go"), {**environment, "GOTOOLCHAIN": "local"})


def _version(program: Path) -> tuple[int, int] | None:
    if not (program.is_file() and os.access(program, os.X_OK)):
        return None
    done = subprocess.run(
        (str(program), "version"), capture_output=True, text=True, timeout=30, check=False
    )
    numbers = re.search(r"go(\d+)\.(\d+)", done.stdout)
    return (int(numbers[1]), int(numbers[2])) if numbers else None


def _fetch(go: Path, environment: Mapping[str, str]) -> Path:
    system, machine = _run(go, ("env", "GOOS", "GOARCH"), environment).split()
    module = f"golang.org/toolchain@v0.0.1-{_NEWER}.{system}-{machine}"
    answer = json.loads(_run(go, ("mod", "download", "-json", module), environment))
    folder = Path(str(answer["Dir"]))
    # A module's files are not executable; Go's own fetching does this, too.
    for program in (*folder.glob("bin/*"), *folder.glob("pkg/tool/*/*")):
        program.chmod(0o755)
    return folder / "bin" / "go"


def _run(go: Path, arguments: tuple[str, ...], environment: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(
            (str(go), *arguments),
            env=environment,
            cwd="/",  # no module of the present folder is meant
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        last = (error.stdout + error.stderr).strip()[-300:]
        raise OSError(f"go {' '.join(arguments)}: {last}") from error
    except subprocess.TimeoutExpired as error:
        raise OSError(f"go {' '.join(arguments)} took more than {_SECONDS:g} s") from error
    return done.stdout
