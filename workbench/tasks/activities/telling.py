"""What was done for a task, as rows of the telemetry table ``stages``.

What the service did is called after the task, the stage and the moment in which it began: each
slice of a long stage is a row of its own. What was done for a chunk is called after the chunk and
the stage: told twice it is one row.
"""

from __future__ import annotations

from workbench.extraction.chunks import Manifest, Outcome, StageRow
from workbench.tasks.context import ControlContext
from workbench.tasks.messages import TaskRef
from workbench.telemetry.events import StageEvent


def tell(
    context: ControlContext,
    task: TaskRef,
    stage: str,
    started_at: int,
    seconds: float,
    rows: int,
    size: int = 0,
) -> None:
    """``started_at`` is in UTC milliseconds, ``size`` in bytes."""
    context.emit(
        StageEvent(
            event_id=f"{task.task_id}/{stage}/{started_at}",
            namespace_id=task.namespace_id,
            task_id=task.task_id,
            collection=None,
            extractor=None,
            stage=stage,
            started_at=started_at,
            seconds=seconds,
            rows=rows,
            bytes=size,
            worker="service",
        )
    )


def tell_extracted(
    context: ControlContext, manifest: Manifest, outcome: Outcome, *more: StageRow
) -> None:
    """The stages of a chunk's extraction, also where nothing of it is indexed: time was spent."""
    for row in (*more, *outcome.stages):
        tell_chunk(context, manifest, row, outcome.worker)


def tell_chunk(context: ControlContext, manifest: Manifest, row: StageRow, worker: str) -> None:
    context.emit(
        StageEvent(
            event_id=f"{manifest.chunk_id}/{row.stage}",
            namespace_id=manifest.namespace_id,
            task_id=manifest.task_id,
            collection=manifest.collection,
            extractor=manifest.extractor,
            stage=row.stage,
            started_at=row.started_at,
            seconds=row.seconds,
            rows=row.rows,
            bytes=row.bytes,
            worker=worker,
        )
    )
