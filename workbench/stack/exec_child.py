"""Run a command that dies with its parent: ``exec_child.py PARENT_PID COMMAND …``.

Run as a file by ``python -I -S``, which takes about 10 ms: it asks the kernel for SIGKILL when the
parent dies (the request survives ``exec``), makes sure that the parent did not die before, and
becomes the command. Where the kernel has no such request (macOS), the command simply runs; the
next ``up`` or ``down`` ends what was left.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    parent, command = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        sys.exit("the parent ended before this process started")
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
