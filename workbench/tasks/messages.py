"""What workflows and activities tell each other: ids and small counters, never data."""

from __future__ import annotations

from dataclasses import dataclass, field

#: Workflows and the activities that need the service run here.
CONTROL_QUEUE = "control"


@dataclass(frozen=True)
class TaskRef:
    task_id: str
    namespace_id: str


@dataclass(frozen=True)
class IngestInput:
    """The state of an ingest between two runs of its workflow: all that a new run must know.

    ``window`` is how many chunks may be under way at once; ``last_number`` the number of the last
    chunk that the workflow has taken over.
    """

    task: TaskRef
    window: int
    listed: bool = False
    last_number: int = 0
    canceled: bool = False
    paused: bool = False
    chunks_per_run: int = 400


@dataclass(frozen=True)
class Begun:
    """``ended`` when the task has come to its end already; ``canceled`` when that was asked;
    ``paused`` when it is."""

    ended: bool
    listed: bool
    canceled: bool
    paused: bool = False


@dataclass(frozen=True)
class ListProgress:
    ended: bool
    listed: int


@dataclass(frozen=True)
class ChunkRef:
    chunk_id: str
    number: int
    queue: str
    items: int
    timeout_s: int


@dataclass(frozen=True)
class PlanRequest:
    """``idle``: no chunk of the task is under way, and what comes next should be seen soon."""

    task: TaskRef
    after: int
    most: int
    idle: bool = False


@dataclass(frozen=True)
class Planned:
    """``exhausted``: listing has ended and no item waits for a chunk. ``wait_s``: those that wait
    are to be tried again, the first of them after so many seconds."""

    chunks: list[ChunkRef] = field(default_factory=list[ChunkRef])
    exhausted: bool = False
    wait_s: float = 0.0


@dataclass(frozen=True)
class ExtractRequest:
    task: TaskRef
    chunk_id: str


@dataclass(frozen=True)
class Extracted:
    """``left`` items were not reached; with ``nothing`` there is no outcome at all. The chunk
    waited for a worker for ``queued_s`` seconds from ``queued_at`` (UTC milliseconds)."""

    documents: int
    left: int
    nothing: bool = False
    queued_at: int = 0
    queued_s: float = 0.0


@dataclass(frozen=True)
class IndexRequest:
    task: TaskRef
    chunk_id: str
    queued_at: int = 0
    queued_s: float = 0.0


@dataclass(frozen=True)
class Indexed:
    """``waiting``: items of the chunk's collection wait for a chunk, such as those of this one that
    are to be tried again."""

    waiting: bool


@dataclass(frozen=True)
class GiveUp:
    """``stage`` is what failed, ``worker`` the process in which it did so last."""

    task: TaskRef
    chunk_id: str
    category: str
    message: str
    hint: str | None
    stage: str = "extract"
    worker: str | None = None
    traceback: str | None = None


@dataclass(frozen=True)
class Finish:
    task: TaskRef
    canceled: bool


@dataclass(frozen=True)
class FailTask:
    task: TaskRef
    code: str
    message: str
    hint: str | None


@dataclass(frozen=True)
class FinishRebuild:
    """``note`` says what tidying up has freed."""

    task: TaskRef
    canceled: bool
    note: str | None
