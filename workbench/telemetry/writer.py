"""Telemetry: the one object through which the service says what happened, and reads it again.

Promises: ``emit`` never waits for the disk and never raises; an event told twice is one row; what
does not fit into the queue is dropped, oldest first, and counted; nothing that happens to the disk
or the file stops the service. Until they are flushed events are in memory only: a killed process
loses what came in the last quarter of a second.

One thread takes the queue to the store when ``rows`` events have come or ``interval`` seconds have
passed. When the store says "not now" the batch is kept and tried again, ever more slowly. When it
says "damaged" the file is opened anew, and at the second time replaced; if the new file refuses the
same batch, the batch is at fault and is given up. Each hour days that are over are sealed, and
those older than ``retention_days`` removed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal

from workbench.telemetry.events import Event
from workbench.telemetry.hot import EngineLimits
from workbench.telemetry.rows import to_arrow
from workbench.telemetry.store import Damaged, EventStore, NotNow

_log = logging.getLogger(__name__)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class TelemetrySettings:
    """``capacity`` bounds the queue, ``largest`` one transaction (both in events). Days before
    yesterday are sealed with ``hot_days`` 2."""

    capacity: int = 100_000
    rows: int = 1_000
    largest: int = 10_000
    interval: float = 0.25
    slowest_retry: float = 30.0
    hot_days: int = 2
    retention_days: int = 90
    upkeep: float = 3600.0
    engine: EngineLimits = field(default_factory=EngineLimits)


@dataclass(frozen=True)
class TelemetryHealth:
    """``accepted = written + duplicates + dropped + rejected + queued``. ``detail`` says why the
    state is not ``ok``. ``moved_aside`` counts damaged files, ``unreadable`` sealed ones."""

    state: Literal["ok", "starting", "down"]
    detail: str
    accepted: int
    written: int
    duplicates: int
    dropped: int
    rejected: int
    queued: int
    moved_aside: int
    unreadable: int


class Telemetry:
    def __init__(
        self,
        folder: Path,
        settings: TelemetrySettings | None = None,
        now_ms: Callable[[], int] = _now_ms,
    ) -> None:
        """Starts the writer. ``folder`` is made where it is missing; only this process uses it."""
        self._settings = settings or TelemetrySettings()
        self._now_ms = now_ms
        self.store = EventStore(folder, self._settings.engine)
        self._wake = threading.Condition()  # guards everything below
        self._queue: deque[Event] = deque()
        self._taken = 0
        self._accepted = self._written = self._duplicates = self._dropped = self._rejected = 0
        self._flush_to = 0
        self._closing = False
        self._ready = False  # the file was opened once
        self._trouble: str | None = None
        self._next_upkeep = 0.0
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)
        self._thread.start()

    # What the service calls, from any thread.

    def emit(self, *events: Event) -> None:
        with self._wake:
            self._accepted += len(events)
            if self._closing:
                self._dropped += len(events)
                return
            self._queue.extend(events)
            while len(self._queue) > self._settings.capacity:
                self._queue.popleft()
                self._dropped += 1
            # The writer sleeps until the first event, then until there are enough.
            if len(self._queue) == len(events) or len(self._queue) >= self._settings.rows:
                self._wake.notify_all()

    def flush(self, timeout: float = 5.0) -> bool:
        """Waits until nothing that was emitted before is queued: it is on disk, or counted as
        dropped or rejected. False when that cannot be now."""
        with self._wake:
            goal = self._accepted
            self._flush_to = max(self._flush_to, goal)
            self._wake.notify_all()

            def done() -> bool:
                return self._ready and self._settled() >= goal

            self._wake.wait_for(lambda: done() or self._trouble or self._closing, timeout)
            return done()

    def health(self) -> TelemetryHealth:
        with self._wake:
            state = "down" if self._trouble else "ok" if self._ready else "starting"
            return TelemetryHealth(
                state=state,
                detail=self._trouble or "",
                accepted=self._accepted,
                written=self._written,
                duplicates=self._duplicates,
                dropped=self._dropped,
                rejected=self._rejected,
                queued=len(self._queue) + self._taken,
                moved_aside=self.store.moved_aside,
                unreadable=self.store.sealed.unreadable,
            )

    def close(self, timeout: float = 10.0) -> None:
        """Writes what is queued, tries that once, and closes the file."""
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        self._thread.join(timeout)

    # What the thread does.

    def _run(self) -> None:
        self._open()
        while (batch := self._next()) is not None:
            try:
                if batch:
                    self._deliver(batch)
                self._upkeep()
            except Exception:  # noqa: BLE001 - a fault of ours must not end telemetry
                _log.exception("%d telemetry events were given up", len(batch))
                self._settle(rejected=len(batch))
        self.store.close()

    def _open(self) -> None:
        try:
            self.store.open()
        except NotNow as error:
            self._complain(error)
        else:
            self._settle()

    def _next(self) -> list[Event] | None:
        """The next batch, empty when it is time for upkeep; None at the end."""
        with self._wake:
            idle = max(0.0, self._next_upkeep - time.monotonic())
            self._wake.wait_for(lambda: self._queue or self._closing, idle)
            if self._queue:
                self._wake.wait_for(self._due, self._settings.interval)
            elif self._closing:
                return None
            batch = [
                self._queue.popleft() for _ in range(min(len(self._queue), self._settings.largest))
            ]
            self._taken = len(batch)
            return batch

    def _due(self) -> bool:
        return (
            len(self._queue) >= self._settings.rows
            or self._closing
            or self._settled() < self._flush_to
        )

    def _deliver(self, batch: Sequence[Event]) -> None:
        """Returns when the batch is written or given up."""
        tables, rejected = to_arrow(batch)
        damages, delay = 0, self._settings.interval
        while True:
            last = self._closing
            try:
                written = self.store.write(tables, self._today() - self._hot())
            except NotNow as error:
                self._complain(error)
                if last:
                    self._settle(dropped=len(batch))
                    return
                self._pause(delay)
                delay = min(delay * 2, self._settings.slowest_retry)
            except Damaged as error:
                self._complain(error)
                damages += 1
                if damages > 2:
                    _log.error("telemetry gave up %d events: %s", len(batch), error)
                    self._settle(rejected=len(batch))
                    return
                if damages == 2:
                    self._replace(error)
            else:
                twice = len(batch) - rejected - written
                self._settle(written=written, duplicates=twice, rejected=rejected)
                return

    def _replace(self, error: Damaged) -> None:
        try:
            self.store.replace(error)
        except NotNow as cause:
            self._complain(cause)

    def _pause(self, seconds: float) -> None:
        with self._wake:
            self._wake.wait_for(lambda: self._closing, seconds)

    def _settle(
        self, *, written: int = 0, duplicates: int = 0, dropped: int = 0, rejected: int = 0
    ) -> None:
        with self._wake:
            self._written += written
            self._duplicates += duplicates
            self._dropped += dropped
            self._rejected += rejected
            self._taken = 0
            if not dropped:
                self._trouble = None
                self._ready = True
            self._wake.notify_all()

    def _complain(self, error: Exception) -> None:
        with self._wake:
            if self._trouble is None:
                _log.warning("telemetry cannot be written: %s", error)
            self._trouble = str(error)
            self._wake.notify_all()

    def _settled(self) -> int:
        return self._written + self._duplicates + self._dropped + self._rejected

    def _today(self) -> date:
        return datetime.fromtimestamp(self._now_ms() / 1000, UTC).date()

    def _hot(self) -> timedelta:
        return timedelta(days=self._settings.hot_days - 1)

    def _upkeep(self) -> None:
        if time.monotonic() < self._next_upkeep:
            return
        self._next_upkeep = time.monotonic() + self._settings.upkeep
        try:
            self.store.seal(self._today() - self._hot())
            self.store.sealed.expire(self._today() - timedelta(days=self._settings.retention_days))
        except (NotNow, Damaged) as error:
            _log.warning("days of telemetry could not be sealed: %s", error)
