"""A stack in a home of its own, driven as a person drives it: by the shell command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]


@dataclass
class Ran:
    status: int
    out: str
    err: str
    seconds: float

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.out)
        except ValueError:
            raise AssertionError(f"no JSON: {self}") from None


@dataclass
class Stack:
    """``extra`` are environment variables of every command and of the stack."""

    home: Path
    extra: Mapping[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("MIXPEEK_")}
        return {**kept, "MIXPEEK_HOME": str(self.home), "PYTHONPATH": str(TESTS), **self.extra}

    def run(self, *arguments: str, limit: float = 240, cwd: Path | None = None) -> Ran:
        begun = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-P", "-m", "workbench", *arguments],
            env=self.environment(),
            cwd=cwd or self.home.parent,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr, time.monotonic() - begun)

    def json(self, *arguments: str, status: int | None = 0, limit: float = 240) -> Any:
        ran = self.run(*arguments, "--json", limit=limit)
        assert status is None or ran.status == status, ran
        return ran.json

    def up(self) -> Ran:
        self.home.parent.mkdir(parents=True, exist_ok=True)
        ran = self.run("up", "--detach")
        assert ran.status == 0, (ran, self.log_tails())
        return ran

    def down(self) -> Ran:
        return self.run("down")

    def parts(self) -> dict[str, int]:
        """Process ids by part."""
        status = self.json("status", status=None)
        return {part["part"]: part["pid"] for part in status["parts"] if part.get("pid")}

    def log_tails(self, size: int = 3000) -> str:
        tails = [
            f"--- {path.name}\n{path.read_text(errors='replace')[-size:]}"
            for path in sorted((self.home / "logs").glob("*.log"))
        ]
        return "\n".join(tails)

    def wait_for(self, task_id: str, until: Any, limit: float = 60) -> Any:
        """The task's JSON as soon as ``until(json)`` holds."""
        deadline = time.monotonic() + limit
        while True:
            ran = self.run("tasks", task_id, "--json")
            if ran.status in (0, 1):
                task = ran.json
                if until(task):
                    return task
            assert time.monotonic() < deadline, (ran, self.log_tails())
            time.sleep(0.1)
