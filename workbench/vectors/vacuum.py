"""The child that vacuums a copy: ``python -m workbench.vectors.vacuum FOLDER PARENT``.

It runs at low priority and dies with its parent. Status ``CHANGED`` or ``CLEAN``.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from qdrant_edge import EdgeShard

CHANGED, CLEAN, ORPHAN = 0, 3, 4
_PR_SET_PDEATHSIG = 1


def main(folder: str, parent: int) -> int:
    os.nice(10)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return ORPHAN
    shard = EdgeShard.load(folder)
    changed = shard.optimize()
    shard.flush()
    shard.close()
    return CHANGED if changed else CLEAN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
