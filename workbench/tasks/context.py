"""What the control activities work with: the ports of the service, made once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workbench.blobs.port import BlobStore
from workbench.extraction.registry import Registry
from workbench.store.endings import Endings
from workbench.store.ledger import Ledger
from workbench.store.planning import Planning
from workbench.store.rebuilding import Rebuilding
from workbench.store.segments import Segments
from workbench.store.uploads import UploadedObjects
from workbench.tasks.known import Known
from workbench.tasks.sizing import Rates
from workbench.telemetry.events import Event
from workbench.vectors.port import VectorStore


@dataclass(frozen=True)
class ControlContext:
    """``emit`` takes telemetry and never waits; ``changed`` tells who waits for a task."""

    ledger: Ledger
    planning: Planning
    endings: Endings
    segments: Segments
    rebuilding: Rebuilding
    known: Known
    registry: Registry
    blobs: BlobStore
    vectors: VectorStore
    rates: Rates
    emit: Callable[[Event], None]
    changed: Callable[[str], None]
    uploads: UploadedObjects
    slots: int
    home: Path
