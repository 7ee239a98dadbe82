"""The stack's verbs in a notebook: the shell command as a child, its lines as they come.

A kernel has the light install; what starts the parts lives in the shell command. ``up`` always
detaches: a cell that held the stack would never end, and would take it along.
"""

from __future__ import annotations

import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from typing import Final

from jupyter_ext.errors import MixpeekError, in_a_cell
from workbench.commands.words import clean

VERBS: Final = ("up", "down", "status", "doctor")
HELP: Final = """
The stack:
  up           start it and leave it running
  down         stop it
  status       what runs
  doctor       what is there, what is missing, what to do
"""
_KEPT: Final = 20  # lines kept for an error


def run(verb: str, arguments: Sequence[str], python: Sequence[str] = ()) -> None:
    """Run the shell's ``mixpeek VERB`` and print what it prints. Raises ``MixpeekError`` with its
    last words when it does not end well."""
    more = ["--detach"] if verb == "up" and not {"--detach", "--help", "-h"} & {*arguments} else []
    # -P: a folder of the user's that is named like one of ours must shadow nothing
    program = python or (sys.executable, "-P", "-m", "workbench")
    said: deque[str] = deque(maxlen=_KEPT)
    child = subprocess.Popen(
        [*program, verb, *arguments, *more],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    with child:
        assert child.stdout is not None
        try:
            for line in child.stdout:
                print(line, end="", flush=True)
                said.append(line)
        except KeyboardInterrupt:
            child.terminate()
            raise
    if child.returncode:
        last = next((line for line in map(_bare, reversed(said)) if line), "it said nothing")
        more = "" if verb == "doctor" else "; `%mixpeek doctor` tells what is missing"
        raise MixpeekError(
            f"%mixpeek {verb}: {in_a_cell(last)}", f"it ended with status {child.returncode}{more}"
        )


def _bare(line: str) -> str:
    return clean(line).strip()
