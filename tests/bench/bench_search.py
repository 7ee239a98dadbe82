"""Search over HTTP beside the engine's own call: what the service adds, and what is still found.

    python tests/bench/bench_search.py [--documents 50000] [--requests 1000] [--ingest FOLDER]
    python tests/bench/bench_search.py --url URL --key KEY --bucket NAME   # documents in place

Without an address it starts a stack in a home of its own and fills it: one collection of documents
with vectors of 384 dimensions (48 directions and noise) and texts of 40 words, written as points
and a row of metadata, since extraction is not what is measured. Given vectors go through
``POST /v1/search`` on one kept-alive connection, top 10 with payload; in turn with each block of
them the same arms go to the vectors' owner. Recall compares with ``exact``. ``--ingest`` measures
again while that folder is ingested. Encoding is told apart: texts that were not asked before.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

BENCH = Path(__file__).parent
sys.path[:0] = [str(BENCH.parent / "journeys")]

from stack_journey import Stack  # noqa: E402

from workbench.domain.filters import Filter, any_of  # noqa: E402
from workbench.domain.ids import BUCKET, COLLECTION, document_id, new_id  # noqa: E402
from workbench.extraction.registry import Registry  # noqa: E402
from workbench.stack.settings import Settings, load_settings  # noqa: E402
from workbench.store.database import Database, now_ms  # noqa: E402
from workbench.store.tables import buckets, collections, namespaces  # noqa: E402
from workbench.vectors.embedded import EmbeddedStore  # noqa: E402
from workbench.vectors.port import Arm, PointBatch  # noqa: E402

Matrix = npt.NDArray[np.float32]
EXTRACTOR, OUTPUT, DIMENSION = "text", "semantic", 384
BUCKET_NAME = "bench"
BATCH = 1000
BLOCK = 50
TOP = 10


@dataclass(frozen=True)
class Latencies:
    """Milliseconds, one a request."""

    values: Sequence[float]

    @property
    def p50(self) -> float:
        return statistics.median(self.values)

    @property
    def p99(self) -> float:
        return float(np.percentile(self.values, 99))

    def __str__(self) -> str:
        return f"p50 {self.p50:.2f} ms, p99 {self.p99:.2f} ms ({len(self.values)} requests)"


@dataclass(frozen=True)
class Filled:
    """Where the documents lie, for the engine's own call."""

    socket: Path
    space: str
    where: Filter


@dataclass(frozen=True)
class Report:
    http: Latencies
    engine: Latencies | None
    recall: float
    encode: Latencies

    def lines(self) -> list[str]:
        told = [f"HTTP   {self.http}"]
        if self.engine is not None:
            more = self.http.p50 - self.engine.p50
            told += [f"engine {self.engine}", f"added by the service: {more:.2f} ms at p50"]
        return [
            *told,
            f"recall@{TOP} against exact: {self.recall:.4f}",
            f"encoding a text: {self.encode}",
        ]


def make_vectors(count: int, seed: int = 1) -> Matrix:
    """Unit vectors of intrinsic dimension 48 with noise, as embeddings of one kind of text have."""
    dice = np.random.default_rng(seed)
    basis = np.random.default_rng(48).standard_normal((48, DIMENSION), dtype=np.float32)
    made = dice.standard_normal((count, 48), dtype=np.float32) @ basis
    made += dice.standard_normal((count, DIMENSION), dtype=np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


# ---- measuring ----------------------------------------------------------------------------------


class Service:
    """One kept-alive connection to a service."""

    def __init__(self, url: str, key: str, bucket: str) -> None:
        self._client = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=60,
            limits=httpx.Limits(max_connections=1),
        )
        self._bucket = bucket

    def search(self, **query: Any) -> dict[str, Any]:
        body = {"buckets": [self._bucket], "top": TOP, **query}
        answer = self._client.post("/v1/search", json=body)
        answer.raise_for_status()
        return answer.json()

    def near(self, vector: Matrix, exact: bool = False) -> dict[str, Any]:
        data = base64.b64encode(vector.astype("<f4").tobytes()).decode()
        feature = f"mixpeek://{EXTRACTOR}@1/{OUTPUT}"
        return self.search(vector={"feature": feature, "data": data}, exact=exact)


def timed(call: Callable[[], object]) -> float:
    """Milliseconds of a call."""
    begun = time.perf_counter()
    call()
    return (time.perf_counter() - begun) * 1000


def measure(service: Service, queries: Matrix, filled: Filled | None) -> tuple[Latencies, ...]:
    """Latencies over HTTP and, where it can be reached, of the owner; by turns, in blocks."""
    http: list[float] = []
    engine: list[float] = []
    with asyncio.Runner() as runner:
        store = EmbeddedStore(filled.socket) if filled else None
        for start in range(0, len(queries), BLOCK):
            block = queries[start : start + BLOCK]
            http += [timed(lambda q=q: service.near(q)) for q in block]
            if filled and store:
                engine += runner.run(_ask_engine(store, filled, block))
        if store:
            runner.run(store.close())
    return (Latencies(http), Latencies(engine)) if engine else (Latencies(http),)


async def _ask_engine(store: EmbeddedStore, filled: Filled, block: Matrix) -> list[float]:
    times: list[float] = []
    for query in block:
        begun = time.perf_counter()
        await store.search([Arm(filled.space, OUTPUT, TOP, vector=query, filter=filled.where)])
        times.append((time.perf_counter() - begun) * 1000)
    return times


def recall(service: Service, queries: Matrix) -> float:
    """Mean share of the exact top ten that a plain search finds."""

    def ids(found: dict[str, Any]) -> set[str]:
        return {hit["document_id"] for hit in found["hits"]}

    shares = [
        len(ids(service.near(query)) & ids(service.near(query, exact=True))) / TOP
        for query in queries
    ]
    return statistics.fmean(shares)


def encoding(service: Service, count: int = 100) -> Latencies:
    """What encoding texts took that were not asked before, as the service tells it."""
    service.search(text="warm", mode="dense")
    told = [
        service.search(text=f"question {n} about {time.time_ns()} and the weather", mode="dense")
        for n in range(count)
    ]
    return Latencies([answer["timing"]["encode"] * 1000 for answer in told])


def report(service: Service, requests: int, filled: Filled | None = None) -> Report:
    queries = make_vectors(requests, seed=2)
    measure(service, queries[:BLOCK], filled)  # warm
    http, *engine = measure(service, queries, filled)
    return Report(
        http, engine[0] if engine else None, recall(service, queries[:200]), encoding(service)
    )


def while_ingesting(stack: Stack, service: Service, folder: Path, requests: int) -> Latencies:
    """Latencies over HTTP during an ingest; as many requests as it lasts for, ``requests`` at most.
    Counting starts when the first item is indexed."""
    task = stack.json("ingest", str(folder), "--bucket", "busy", "--detach")
    stack.wait_for(task["task_id"], lambda t: t["progress"]["indexed"] > 0, limit=300)
    queries = make_vectors(requests, seed=3)
    times: list[float] = []
    for start in range(0, requests, BLOCK):
        times += [timed(lambda q=q: service.near(q)) for q in queries[start : start + BLOCK]]
        now = stack.json("tasks", task["task_id"], status=None)
        if now["state"] not in ("PENDING", "IN_PROGRESS"):
            break
    stack.json("wait", task["task_id"], status=None, limit=3600)
    return Latencies(times)


# ---- filling ------------------------------------------------------------------------------------


def fill(settings: Settings, documents: int) -> Filled:
    """A bucket and a collection with documents, written past the ingest."""
    registry = Registry.discover()
    database = Database(settings.metadata_url)
    collection_id = new_id(COLLECTION)
    try:
        namespace_id = _rows(database, registry, collection_id)
    finally:
        database.close()
    asyncio.run(_points(settings, registry, namespace_id, collection_id, documents))
    where = any_of("collection_id", (collection_id,))  # as a search of that bucket asks
    return Filled(settings.vectors_socket, registry.space(EXTRACTOR, {}).name, where)


def _rows(database: Database, registry: Registry, collection_id: str) -> str:
    bucket_id, now = new_id(BUCKET), now_ms()
    with database.write() as connection:
        found = connection.execute(
            sa.select(namespaces.c.namespace_id).where(namespaces.c.name == "default")
        )
        namespace_id = str(found.scalar_one())
        mine = {"namespace_id": namespace_id, "bucket_id": bucket_id, "created_at": now}
        source = {"source_kind": "uploads", "source_uri": "bench"}
        connection.execute(sa.insert(buckets).values(name=BUCKET_NAME, **mine, **source))
        connection.execute(
            sa.insert(collections).values(
                collection_id=collection_id,
                name=f"{BUCKET_NAME}.{EXTRACTOR}",
                extractor=registry.get(EXTRACTOR).spec.key,
                parameters=registry.parameters(EXTRACTOR, {}).model_dump(mode="json"),
                digest=registry.digest(EXTRACTOR, {}),
                revision=1,
                space=registry.space(EXTRACTOR, {}).name,
                **mine,
            )
        )
    return namespace_id


async def _points(
    settings: Settings, registry: Registry, namespace_id: str, collection_id: str, documents: int
) -> None:
    store = EmbeddedStore(settings.vectors_socket)
    space = registry.space(EXTRACTOR, {})
    await store.ensure_space(space)
    vectors = make_vectors(documents)
    dice = np.random.default_rng(5)
    words = np.array([f"word{n}" for n in range(20_000)])
    for start in range(0, documents, BATCH):
        numbers = range(start, min(start + BATCH, documents))
        texts = [" ".join(words[dice.zipf(1.3, 40) % len(words)]) for _ in numbers]
        payloads = [
            {
                "namespace": namespace_id,
                "bucket": BUCKET_NAME,
                "collection": f"{BUCKET_NAME}.{EXTRACTOR}",
                "collection_id": collection_id,
                "object_id": f"obj_{number}",
                "object_name": f"notes/{number}.txt",
                "extractor": registry.get(EXTRACTOR).spec.key,
                "segment": f"chk_{start}",
                "position": 0,
                "mime": "text/plain",
                "kind": "text",
                "text": text,
            }
            for number, text in zip(numbers, texts, strict=True)
        ]
        ids = [document_id(collection_id, f"obj_{number}", "0", "bench", 0) for number in numbers]
        batch = PointBatch(ids, {OUTPUT: vectors[start : start + BATCH]}, texts, payloads)
        await store.upsert(space.name, batch)
    await store.close()


# ---- running ------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--url")
    parser.add_argument("--key")
    parser.add_argument("--bucket", default=BUCKET_NAME)
    parser.add_argument("--documents", type=int, default=50_000)
    parser.add_argument("--requests", type=int, default=1_000)
    parser.add_argument("--ingest", type=Path, help="measure again while this folder is ingested")
    given = parser.parse_args()
    if given.url:
        told = report(Service(given.url, given.key or "", given.bucket), given.requests)
        print("\n".join(told.lines()))
        return
    with tempfile.TemporaryDirectory(prefix="mixpeek-bench-") as folder:
        _own_stack(Stack(Path(folder, "home")), given)


def _own_stack(stack: Stack, given: argparse.Namespace) -> None:
    stack.up()
    try:
        settings = load_settings(home=stack.home)
        begun = time.perf_counter()
        filled = fill(settings, given.documents)
        print(f"{given.documents} documents in {time.perf_counter() - begun:.1f} s", flush=True)
        url = stack.json("status", status=None)["url"]
        key = settings.key_file.read_text().strip()
        service = Service(url, key, BUCKET_NAME)
        print("\n".join(report(service, given.requests, filled).lines()), flush=True)
        if given.ingest:
            busy = while_ingesting(stack, service, given.ingest, given.requests)
            print(f"with an ingest running: {busy}", flush=True)
    finally:
        stack.down()


if __name__ == "__main__":
    main()
