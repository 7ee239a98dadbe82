"""Events to write and a short way to read them back."""

from __future__ import annotations

from typing import Any

from workbench.telemetry.events import SearchEvent, StageEvent
from workbench.telemetry.reader import read
from workbench.telemetry.writer import Telemetry

NOON = 1_795_521_600_000  # 2026-11-24T12:00:00Z
DAY = 86_400_000


def stage(event_id: str, **changes: Any) -> StageEvent:
    values: dict[str, Any] = {
        "namespace_id": "ns_a",
        "task_id": "tsk_1",
        "collection": "photos.image",
        "extractor": "image@1",
        "stage": "infer",
        "started_at": NOON,
        "seconds": 0.5,
        "rows": 8,
        "bytes": 1000,
        "worker": "w1",
    }
    return StageEvent(event_id=event_id, **(values | changes))


def search(event_id: str, **changes: Any) -> SearchEvent:
    values: dict[str, Any] = {
        "namespace_id": "ns_a",
        "at": NOON,
        "mode": "hybrid",
        "kind": "text",
        "collections": 2,
        "hits": 10,
        "encode_seconds": 0.01,
        "engine_seconds": 0.002,
        "rerank_seconds": 0.0,
        "seconds": 0.013,
    }
    return SearchEvent(event_id=event_id, **(values | changes))


def rows(telemetry: Telemetry, table: str = "stages", namespace: str = "ns_a", **options: Any):
    return [
        row for batch in read(telemetry, table, namespace, **options) for row in batch.to_pylist()
    ]
