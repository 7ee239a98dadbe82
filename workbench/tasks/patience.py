"""Work in the background that must not end: what fails is said, and tried again.

A loop that carries letters to Temporal, looks tasks up or tidies up has nobody who would start it
again. Whatever a round raises (no room, a locked file, Temporal away, a defect) is logged, the same
words once only, and the round is made again after a pause.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio.service import RPCError

from workbench.domain.room import MESSAGE, disk_is_full

T = TypeVar("T")

#: Seconds between two tries.
PAUSE = 1.0
#: What is expected to happen and to pass; anything else is a defect and logged with its traceback.
PASSING = (RPCError, OSError, RuntimeError)

log = logging.getLogger(__name__)


async def patiently(what: str, work: Callable[[], Awaitable[T]], pause: float = PAUSE) -> T:
    """The result of ``work``, however many tries it takes; ``what`` names it in the log."""
    said = ""
    while True:
        try:
            return await work()
        except Exception as error:
            reason = MESSAGE if disk_is_full(error) else str(error) or type(error).__name__
            if reason != said:
                known = isinstance(error, PASSING) or disk_is_full(error)
                log.warning("cannot %s yet: %s", what, reason, exc_info=None if known else error)
                said = reason
        await asyncio.sleep(pause)
