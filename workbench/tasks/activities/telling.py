"""What the service did for a task, as a row of the telemetry table ``stages``.

The event is called after the task, the stage and the moment in which it began: each slice of a long
stage is a row of its own.
"""

from __future__ import annotations

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
