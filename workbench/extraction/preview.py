"""Pictures of media for people: an extractor's ``preview``, in a process of its own.

Decoding what nobody vouches for can end a process, fill memory or never come back; none of that may
happen to the service. So each preview is made by a child that gets the open file as its standard
input, the question as an argument, and a few limits; it writes WebP to its standard output and
ends. It knows no key and no address of the stack. The class is named as ``module:Class``.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO, cast

from workbench.extraction.contract import Extractor, Part

SECONDS = 30
CPU_SECONDS = 25
MEMORY = 4 * 1024**3
LARGEST = 8 * 1024 * 1024
_KEPT = ("PATH", "HOME", "LANG", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
_NOTHING, _CANNOT = 3, 4


class NoPreview(ValueError):
    """There is nothing to show; the message says why."""


@dataclass(frozen=True)
class Wanted:
    """What to show of an object, and by which class."""

    target: str
    name: str
    mime: str
    part: Part
    edge: int


def has_preview(extractor: type[Extractor], mime: str, part: Part) -> bool:
    """Whether the class makes previews of this part of an object of this type."""
    if extractor.shows is not None and mime not in extractor.shows and not part.inner:
        return False
    own = cast(Any, extractor.preview).__func__
    return own is not cast(Any, Extractor.preview).__func__


def target_of(extractor: type[Extractor]) -> str:
    return f"{extractor.__module__}:{extractor.__qualname__}"


def make_preview(wanted: Wanted, file: BinaryIO, seconds: float = SECONDS) -> bytes:
    """WebP. ``file`` is a real file; its position is lost. Raises ``NoPreview``."""
    file.seek(0)
    command = [sys.executable, "-P", "-m", __name__, json.dumps(asdict(wanted))]
    try:
        done = subprocess.run(
            command,
            stdin=file,
            capture_output=True,
            timeout=seconds,
            env={name: value for name, value in os.environ.items() if name in _KEPT},
            cwd="/",
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NoPreview(f"it took more than {seconds:g} seconds") from None
    if done.returncode == 0 and done.stdout:
        return done.stdout
    if done.returncode == _NOTHING:
        raise NoPreview("there is nothing in it to show")
    if done.returncode == _CANNOT:
        raise NoPreview(done.stderr.decode(errors="replace").strip()[-300:])
    raise NoPreview("the decoder ended without an answer")


@dataclass(frozen=True)
class _Given:
    """Standard input as a source."""

    name: str
    mime: str
    object_id: str = ""

    def read(self) -> bytes:
        with self.open() as file:
            return file.read()

    def open(self) -> BinaryIO:
        file = os.fdopen(os.dup(0), "rb")
        file.seek(0)
        return file


def main(question: str) -> int:
    """In the child."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    asked = cast(Mapping[str, Any], json.loads(question))
    module, _, name = str(asked["target"]).partition(":")
    extractor = cast(type[Extractor], getattr(importlib.import_module(module), name))
    source = _Given(asked["name"], asked["mime"])
    try:
        data = extractor.preview(source, Part(**asked["part"]), asked["edge"])
    except ValueError as error:
        sys.stderr.write(str(error))
        return _CANNOT
    if data is None:
        return _NOTHING
    sys.stdout.buffer.write(data[:LARGEST])
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
