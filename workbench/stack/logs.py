"""What the processes of a stack log, and how: lines on standard error, which ``up`` keeps."""

from __future__ import annotations

import logging


def log_to_stderr(level: str) -> None:
    logging.basicConfig(
        level=level.upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    for name in ("httpx", "httpcore", "temporalio.worker"):
        logging.getLogger(name).setLevel(logging.WARNING)
