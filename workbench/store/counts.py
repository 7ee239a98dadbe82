"""What is told of a task's counters: sums, rates, the time left, stages and funnels.

``total`` stays null until listing has ended; what is neither extracted nor at an end is pending. A
rate is known while the task works and something was measured (``pace``). The time left is known
where the total and the rate are; a task's is that of the collection which takes longest, and not
known as long as one of them is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy.engine import Row

from workbench.domain.states import TaskKind, TaskState
from workbench.domain.wire import CollectionProgress, Funnel, Progress, StageProgress
from workbench.store import pace

_ENDS = ("indexed", "skipped", "failed", "canceled")
_COUNTS = (*_ENDS, "extracted", "documents", "total")


class Counts:
    """``row`` is a task, ``parts`` its rows of ``progress`` and ``failed`` those of
    ``failure_counts``; ``now`` is in UTC milliseconds."""

    def __init__(
        self, row: Row[Any], parts: Sequence[Row[Any]], failed: Sequence[Row[Any]], now: int
    ) -> None:
        self._row = row
        self._parts = parts
        self._failed = failed
        self._now = now
        self._listed = bool(row.listing_ended)
        self._works = row.state == TaskState.IN_PROGRESS and row.requested is None

    def task(self) -> Progress:
        counts = self._sums(self._parts)
        each = [self._pace(part) for part in self._parts if _open(part)]
        rates = [rate for rate, _ in each if rate is not None]
        lefts = [left for _, left in each if left is not None]
        return Progress(
            **counts,
            rate=round(sum(rates), 3) if rates else None,
            seconds_left=max(lefts) if lefts and len(lefts) == len(each) else None,
        )

    def collections(self) -> list[CollectionProgress]:
        return [self._collection(part) for part in self._parts]

    def stages(self) -> list[StageProgress]:
        if self._row.kind != TaskKind.INGEST:
            return []
        sums = self._sums(self._parts)
        pending, extracted, indexed = sums["pending"], sums["extracted"], sums["indexed"]
        worked = extracted + indexed + sums["failed"]
        rate = self.task().rate
        return [
            StageProgress(
                stage="list",
                total=self._row.listed if self._listed else None,
                done=self._row.listed,
                rate=self._listing_rate(),
            ),
            StageProgress(
                stage="extract",
                total=worked + pending if self._listed else None,
                done=worked,
                waiting=pending,
                rate=rate,
            ),
            StageProgress(
                stage="index",
                total=extracted + indexed if self._listed and not pending else None,
                done=indexed,
                waiting=extracted,
                rate=rate,
            ),
        ]

    def _collection(self, part: Row[Any]) -> CollectionProgress:
        rate, left = self._pace(part)
        funnel = Funnel(
            listed=self._row.listed,
            matched=part.total,
            read=part.read,
            read_bytes=part.read_bytes,
            unchanged=part.skipped,
            extracted=part.extracted + part.indexed,
            documents=part.documents,
            indexed=part.indexed,
            canceled=part.canceled,
            failed={
                row.category: row.items
                for row in sorted(self._failed, key=lambda row: row.category)
                if row.collection_id == part.collection_id
            },
        )
        return CollectionProgress(
            collection=part.collection,
            extractor=part.extractor,
            **self._sums([part]),
            rate=rate,
            seconds_left=left,
            funnel=funnel,
        )

    def _sums(self, parts: Iterable[Row[Any]]) -> dict[str, Any]:
        sums = dict.fromkeys(_COUNTS, 0)
        for part in parts:
            for name in sums:
                sums[name] += getattr(part, name)
        seen = sums["total"]
        done = sums["extracted"] + sum(sums[name] for name in _ENDS)
        return {**sums, "total": seen if self._listed else None, "pending": seen - done}

    def _pace(self, part: Row[Any]) -> tuple[float | None, float | None]:
        """Items a second, and the seconds that the rest takes."""
        if not self._works or not _open(part):
            return None, None
        rate = pace.rate(part.marks, self._now)
        if rate is None:
            return None, None
        left = round(_open(part) / rate, 1) if self._listed else None
        return round(rate, 3), left

    def _listing_rate(self) -> float | None:
        if not self._works or self._listed or not self._row.listed or not self._row.started_at:
            return None
        took = self._now - self._row.started_at
        return round(1000 * self._row.listed / took, 1) if took > pace.LEAST else None


def _open(part: Row[Any]) -> int:
    """Items that have not come to their end."""
    return part.total - sum(getattr(part, name) for name in _ENDS)
