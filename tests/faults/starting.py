"""A start after a fault in the middle of an ingest: it is quick, says what it found, and the task
ends with every object accounted for."""

from __future__ import annotations

from collections.abc import Callable

from fault_runs import Harness, Restart
from stack_journey import Stack

#: A start takes no longer, on a machine that does nothing else.
SECONDS = 10.0


def restarted(harness: Harness, fault: Callable[[Stack], None]) -> Restart:
    """The restart after ``fault``; it was right and quick."""
    restart = harness.restart(lambda: fault(harness.stack))
    print(f"{fault.__name__}: {restart.seconds:.1f} s, undisturbed {harness.start_seconds:.1f} s")
    print("\n".join(restart.found))
    assert restart.right, (restart, harness.stack.log_tails())
    # Where others compute too a start is compared with an undisturbed one.
    assert restart.seconds < max(SECONDS, 2 * harness.start_seconds), restart
    assert f"{restart.task_id} had not ended" in restart.said or (
        restart.task_id in restart.said and "found" in restart.said
    ), restart.said
    return restart


def down(stack: Stack) -> None:
    assert stack.down().status == 0


def temporal_deleted(stack: Stack) -> None:
    down(stack)
    for path in (stack.home / "temporal").iterdir():
        path.unlink()
