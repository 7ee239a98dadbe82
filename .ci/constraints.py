"""The pinned dependencies: ``constraints.py write`` resolves them, ``constraints.py check`` says
whether they still belong to what pyproject.toml asks for (no network is needed for that).
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "constraints.txt"
MARK = "# asked for: "


def asked_for() -> str:
    """A digest of everything in pyproject.toml that names a dependency."""
    found = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = found["project"]
    parts = [
        project["requires-python"],
        project["dependencies"],
        project["optional-dependencies"],
        found["dependency-groups"],
        found.get("tool", {}).get("uv", {}),
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def write(uv: str) -> None:
    command = (
        *(uv, "pip", "compile", "pyproject.toml", "--universal", "--python-version", "3.11"),
        *("--all-extras", "--group", "dev", "--no-header", "--no-annotate", "--quiet"),
    )
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    header = f"# Written by .ci/constraints.py for every supported Python.\n{MARK}{asked_for()}\n"
    FILE.write_text(header + done.stdout, encoding="utf-8")


def check() -> str | None:
    """None, or what is wrong."""
    if not FILE.exists():
        return "constraints.txt is missing: make constraints"
    text = FILE.read_text(encoding="utf-8")
    if f"{MARK}{asked_for()}\n" not in text:
        return "constraints.txt is older than the dependencies in pyproject.toml: make constraints"
    if "://" in text or str(ROOT) in text:
        return "constraints.txt names a host or a folder of one machine"
    return None


if __name__ == "__main__":
    if sys.argv[1:2] == ["write"]:
        write(sys.argv[2])
    else:
        sys.exit(check())
