"""Answers of the service for tests: hits of every kind, tasks in every state, a picture."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

from PIL import Image, ImageDraw

from workbench.domain.states import Category, TaskKind, TaskState
from workbench.domain.wire import (
    CollectionProgress,
    FailureOut,
    Hit,
    ObjectCounts,
    Progress,
    Reason,
    SearchResponse,
    SearchTiming,
    TaskError,
    TaskOut,
)

T0 = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
CANARY = "<script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\u202e"


def picture(seed: int = 0, edge: int = 160, kind: str = "WEBP") -> bytes:
    image = Image.new("RGB", (edge, edge * 3 // 4), (207 - 20 * (seed % 5), 227, 238))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, edge // 2, edge, edge), fill=(136, 170 - 10 * (seed % 7), 170))
    draw.ellipse((40 + 3 * seed, 40, 90 + 3 * seed, 70), fill=(244, 239, 230))
    out = io.BytesIO()
    image.save(out, kind, quality=70)
    return out.getvalue()


def noise(edge: int = 160) -> bytes:
    """A thumbnail as large as they come."""
    out = io.BytesIO()
    Image.effect_noise((edge, edge), 90).convert("RGB").save(out, "WEBP", quality=100)
    return out.getvalue()


def hit(rank: int, name: str, **changes: Any) -> Hit:
    kind = "image" if name.endswith((".jpg", ".png")) else "text"
    given: dict[str, Any] = {
        "document_id": f"doc_{rank}",
        "object_id": f"obj_{rank}",
        "object_name": name,
        "bucket": "trip",
        "collection": f"trip.{kind}",
        "extractor": f"{kind}@1",
        "mime": "image/jpeg" if kind == "image" else "text/plain",
        "rank": rank,
        "score": 1 / (60 + rank),
        "reasons": [
            Reason(kind="dense", feature=f"mixpeek://{kind}@1/semantic", score=0.71, rank=rank)
        ],
    }
    return Hit(**{**given, **changes})


def words_reason(score: float) -> Reason:
    return Reason(kind="text", score=score, rank=1)


PASSAGE = (
    "The ferry was late again. We walked along the harbour wall, where goats were landed until "
    "1911, and a man told us that one goat still comes down to the boats in the evening, "
    "looks at the water for a while and goes home by itself."
)


def some_hits() -> list[Hit]:
    dense = Reason(kind="dense", feature="mixpeek://video@1/visual", score=0.64, rank=2)
    return [
        hit(1, "harbour/IMG_1187.jpg", labels=["goat", "breakwater", "12 Aug 18:04"]),
        hit(
            2,
            "evening walk.mp4",
            mime="video/mp4",
            extractor="video@1",
            text="look, the goat is on the wall",
            start_ms=42_000,
            end_ms=47_000,
            reasons=[dense, words_reason(4.1)],
        ),
        hit(3, "Port history.txt", text=PASSAGE, page=12, reasons=[words_reason(6.3)]),
        hit(
            4,
            "a/very/deep/folder/with a long name/memo about the goats of the northern harbour.md",
            text=PASSAGE[60:],
            labels=["notes"],
            reasons=[words_reason(5.2)],
        ),
        *(hit(n, f"dunes/IMG_{n:04}.jpg", labels=["dune", "sand"]) for n in range(5, 13)),
        *(hit(n, f"notes/{n:03}.txt", text=PASSAGE) for n in range(13, 25)),
    ]


def answer(hits: list[Hit], **changes: Any) -> SearchResponse:
    given: dict[str, Any] = {
        "hits": hits,
        "mode": "hybrid",
        "collections": ["trip.image", "trip.text"],
        "timing": SearchTiming(encode=0.008, engine=0.011, total=0.031),
    }
    return SearchResponse(**{**given, **changes})


def task(state: TaskState, **changes: Any) -> TaskOut:
    ended = T0 + timedelta(seconds=112) if state.ended else None
    given: dict[str, Any] = {
        "task_id": "tsk_0193000000007000800000000000007k",
        "kind": TaskKind.INGEST,
        "state": state,
        "bucket": "trip",
        "progress": Progress(total=1924, indexed=1265, extracted=110, failed=3, documents=5310),
        "objects": ObjectCounts(listed=1936, matched=1924, unmatched=12),
        "collections": [
            CollectionProgress(
                collection="trip.image",
                extractor="image@1",
                total=1690,
                indexed=1204,
                extracted=96,
                failed=3,
            ),
            CollectionProgress(
                collection="trip.text", extractor="text@1", total=234, indexed=61, extracted=14
            ),
            CollectionProgress(collection="trip.audio", extractor="audio@1", total=None),
        ],
        "created_at": T0,
        "started_at": T0,
        "ended_at": ended,
    }
    return TaskOut(**{**given, **changes})


def ended(state: TaskState, failed: int = 0, **changes: Any) -> TaskOut:
    progress = Progress(total=40, indexed=30, skipped=10 - failed, failed=failed, documents=118)
    error = (
        TaskError(code="invalid_request", message="nothing matched", hint="name an extractor")
        if state is TaskState.FAILED
        else None
    )
    return task(state, **{"progress": progress, "collections": [], "error": error, **changes})


def failure(number: int, **changes: Any) -> FailureOut:
    given: dict[str, Any] = {
        "failure_id": f"fail_{number}",
        "task_id": "tsk_0193000000007000800000000000007k",
        "object_id": f"obj_{number}",
        "object_name": f"dunes/IMG_{number:04}.jpg",
        "collection": "trip.image",
        "category": Category.FORMAT,
        "message": "ends after 41 % of the picture",
        "hint": "copy it again from the camera",
        "stage": "decode",
        "retryable": False,
        "at": T0,
    }
    return FailureOut(**{**given, **changes})
