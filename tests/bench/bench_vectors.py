"""What the vector port costs over the engine: ``python tests/bench/bench_vectors.py [POINTS]``.

The store's search (client, socket, owner) and the engine's own call with the same parameters, on a
copy of the same shard in this process, alternate query by query, so both see the same machine.
Recall is against an exact search in numpy. Then the same searches while points are being written.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from qdrant_edge import EdgeShard, QueryBatchRequest

sys.path.insert(0, str(Path(__file__).parents[1] / "vectors"))

from vectors_owner import OwnerProcess

from workbench.domain.filters import eq, parse
from workbench.vectors import edge, generations
from workbench.vectors.bm25 import TextEncoder, TextSettings
from workbench.vectors.conditions import to_engine
from workbench.vectors.embedded import EmbeddedStore
from workbench.vectors.port import (
    TEXT_VECTOR,
    Arm,
    DenseVector,
    PointBatch,
    SpaceSpec,
    Vectors,
)

DIMENSION, REQUESTS, TOP, BATCH = 384, 1_000, 10, 1_000
SPACE = "text_v1_bench000"
SPEC = SpaceSpec(SPACE, (DenseVector("semantic", DIMENSION),))
SETTINGS = edge.Settings.of(SPEC)
WORDS = [f"word{i}" for i in range(5_000)]


@dataclass(frozen=True)
class Data:
    """Points of an inner dimension of 48 with some noise, as embeddings have it."""

    vectors: Vectors
    queries: Vectors

    @classmethod
    def make(cls, points: int) -> Data:
        random = np.random.default_rng(1)
        base = random.standard_normal((48, DIMENSION)).astype(np.float32)

        def draw(count: int) -> Vectors:
            inner = random.standard_normal((count, 48)).astype(np.float32)
            noise = random.standard_normal((count, DIMENSION)).astype(np.float32)
            made = inner @ base + 0.3 * noise
            return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)

        return cls(draw(points), draw(REQUESTS))

    def batch(self, at: int, count: int, namespace: str = "ns_1") -> PointBatch:
        rows = range(at, at + count)
        random = np.random.default_rng(at)
        texts = [" ".join(random.choice(WORDS, 40)) for _ in rows]
        return PointBatch(
            [name(i) for i in rows],
            {"semantic": self.vectors[[i % len(self.vectors) for i in rows]]},
            texts,
            [
                {
                    "namespace": namespace,
                    "bucket": "bench",
                    "collection": "bench.text",
                    "object_id": f"obj_{i // 5}",
                    "object_name": f"folder/file {i // 5}.txt",
                    "segment": f"chk_{i // 1000}",
                    "kind": "text",
                    "mime": "text/plain",
                    "page": i % 100,
                    "labels": ["alpha", "beta"],
                    "position": i % 5,
                    "text": text,
                }
                for i, text in zip(rows, texts, strict=True)
            ],
        )


def name(i: int) -> str:
    return str(uuid.UUID(int=i + 1))


def milliseconds(seconds: Sequence[float]) -> tuple[float, float]:
    """p50 and p99."""
    return float(np.percentile(seconds, 50)) * 1e3, float(np.percentile(seconds, 99)) * 1e3


def engine_call(shard: EdgeShard, encoder: TextEncoder, arms: Sequence[Arm]) -> Callable[[], Any]:
    """The engine's call for these arms, its request made beforehand."""
    requests = []
    for arm in arms:
        query = arm.vector if arm.vector is not None else encoder.query(arm.text or "")
        assert query is not None
        where = edge.filter_of(to_engine(arm.filter), SETTINGS)
        requests.append(edge.request(arm.using, query, arm.limit, where))
    if len(requests) == 1:
        return lambda: shard.query(requests[0])
    batch = QueryBatchRequest(requests)
    return lambda: shard.query_batch(batch)


def kinds(queries: Vectors) -> dict[str, list[list[Arm]]]:
    own = eq("namespace", "ns_1")
    dense = [Arm(SPACE, "semantic", TOP, vector=q) for q in queries]
    pick = np.random.default_rng(2)
    text = [
        Arm(SPACE, TEXT_VECTOR, TOP, text=" ".join(pick.choice(WORDS, 3)), filter=own)
        for _ in queries
    ]
    page = parse("namespace = ns_1 and page = 7")
    return {
        "dense, all": [[a] for a in dense],
        "dense, namespace": [[replace(a, filter=own)] for a in dense],
        "dense, 1 %": [[replace(a, filter=page)] for a in dense],
        "text, namespace": [[a] for a in text],
        "dense + text": [[replace(a, filter=own), b] for a, b in zip(dense, text, strict=True)],
    }


async def upload(store: EmbeddedStore, data: Data, points: int) -> None:
    await store.ensure_space(SPEC)
    batches = [data.batch(at, min(BATCH, points - at)) for at in range(0, points, BATCH)]
    begun = time.perf_counter()
    for batch in batches:
        await store.upsert(SPACE, batch)
    took = time.perf_counter() - begun
    print(f"upserts of {BATCH:,}: {points / took:,.0f} points/s, each on disk when acknowledged")


async def compare(store: EmbeddedStore, shard: EdgeShard, data: Data) -> None:
    encoder = TextEncoder(TextSettings())
    print(f"\n{'':18} {'store p50':>10} {'p99':>7} {'engine p50':>11} {'p99':>7} {'more':>7} ratio")
    for kind, requests in kinds(data.queries).items():
        through: list[float] = []
        raw: list[float] = []
        for arms in requests:
            call = engine_call(shard, encoder, arms)
            begun = time.perf_counter()
            call()
            raw.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            await store.search(arms)
            through.append(time.perf_counter() - begun)
        (s50, s99), (e50, e99) = milliseconds(through), milliseconds(raw)
        print(
            f"{kind:18} {s50:>10.2f} {s99:>7.2f} {e50:>11.2f} {e99:>7.2f}"
            f" {s50 - e50:>+7.2f} {s50 / e50:>5.2f}"
        )


async def recall(store: EmbeddedStore, data: Data) -> float:
    right = 0
    for query in data.queries:
        (hits,) = await store.search([Arm(SPACE, "semantic", TOP, vector=query, payload=False)])
        best = np.argpartition(-(data.vectors @ query), TOP)[:TOP]
        right += len({h.id for h in hits} & {name(int(i)) for i in best})
    return right / (len(data.queries) * TOP)


async def while_writing(store: EmbeddedStore, data: Data, points: int) -> None:
    """Searches in a closed loop with pauses of 10 ms, beside upserts without a pause."""
    stop = False
    written = 0
    # Made beforehand: this process also takes the times.
    batches = [data.batch(points + at, 200, "ns_2") for at in range(0, 20_000, 200)]

    async def write() -> None:
        nonlocal written
        while not stop:
            await store.upsert(SPACE, batches[written // 200 % len(batches)])
            written += 200

    writer = asyncio.create_task(write())
    taken: list[float] = []
    own = eq("namespace", "ns_1")
    begun = time.perf_counter()
    for query in data.queries[:500]:
        at = time.perf_counter()
        await store.search([Arm(SPACE, "semantic", TOP, vector=query, filter=own)])
        taken.append(time.perf_counter() - at)
        await asyncio.sleep(0.01)
    stop = True
    await writer
    rate = written / (time.perf_counter() - begun)
    p50, p99 = milliseconds(taken)
    print(
        f"\nwhile {rate:,.0f} points/s are written: p50 {p50:.1f} ms, p99 {p99:.1f} ms,"
        f" longest {max(taken) * 1e3:.0f} ms (client and writer share one process)"
    )


async def main(points: int) -> None:
    data = Data.make(points)
    owner = OwnerProcess().start()
    store = EmbeddedStore(owner.socket)
    try:
        await upload(store, data, points)
        await asyncio.sleep(4)  # the owner flushes when writes have paused
        folder = owner.folder / SPACE
        copy = owner.root / "copy"
        shutil.copytree(folder / str(generations.current(folder)), copy)
        shard = edge.load(copy)
        print(f"{points:,} points of {DIMENSION} dimensions, top {TOP} with payload", end=", ")
        print(f"{REQUESTS:,} requests, times in ms")
        await compare(store, shard, data)
        shard.close()
        print(f"\nrecall@{TOP} against exact: {await recall(store, data):.4f}")
        await while_writing(store, data, points)
    finally:
        await store.close()
        owner.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000))
