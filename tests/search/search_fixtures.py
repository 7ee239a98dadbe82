"""Small extractors with real arithmetic and no model files, and how their documents are indexed.

``Words`` puts a text at the sum of fixed random directions of its words; ``Shapes`` puts a picture
by its colour (``visual``) and by the words of its labels in the space of ``Words`` (``semantic``).
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from workbench.domain.ids import document_id
from workbench.extraction.contract import (
    Extracted,
    Extractor,
    ExtractorSpec,
    Output,
    Parameters,
    Query,
    Reranker,
    Source,
    Vector,
)
from workbench.extraction.registry import Candidate, Registry
from workbench.vectors.port import PointBatch, VectorStore

DIMENSION = 64
#: What the extractors did, in order, with the thread it was done in.
calls: list[tuple[str, str]] = []


def told(what: str) -> None:
    calls.append((what, threading.current_thread().name))


def words(text: str) -> Vector:
    total = np.zeros(DIMENSION, dtype=np.float32)
    for word in text.lower().split():
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
        total += np.random.default_rng(seed).standard_normal(DIMENSION, dtype=np.float32)
    return total / max(float(np.linalg.norm(total)), 1e-9)


def colour(data: bytes) -> Vector:
    with Image.open(io.BytesIO(data)) as picture:
        mean = np.asarray(picture.convert("RGB"), dtype=np.float32).mean(axis=(0, 1)) / 255
    return np.append(mean, 0.1).astype(np.float32)


class Size(Parameters):
    size: int = 8


class Tiny(Extractor):
    def load(self) -> None:
        told(f"load {self.spec.name}")

    def extract(self, sources: Sequence[Source]) -> Iterator[Extracted]:
        yield from ()

    def encode(self, query: Query, output: str) -> Vector:
        told(f"encode {self.spec.name}/{output}")
        if query.kind == "text":
            if "unspeakable" in (query.text or ""):
                raise ValueError("it cannot be said")
            return words(query.text or "")
        try:
            return colour(query.data or b"")
        except OSError as error:
            raise ValueError("it is no whole picture") from error


SEMANTIC = Output("semantic", DIMENSION, "tiny-words", queries=frozenset({"text"}))


class Words(Tiny):
    spec = ExtractorSpec("words", 1, "texts", ("text/*",), Size, (SEMANTIC,))


class Shapes(Tiny):
    spec = ExtractorSpec(
        "shapes",
        1,
        "pictures",
        ("image/*",),
        Size,
        (Output("visual", 4, "tiny-colour", queries=frozenset({"image"})), SEMANTIC),
        fields={"width": "integer"},
    )


class Broken(Tiny):
    spec = ExtractorSpec(
        "broken",
        1,
        "whose model is missing",
        ("video/*",),
        Size,
        (Output("semantic", 64, "lost", queries=frozenset({"text"})),),
    )

    def load(self) -> None:
        raise FileNotFoundError("lost.onnx")


class Wrong(Tiny):
    spec = ExtractorSpec(
        "wrong",
        1,
        "whose vectors have another size",
        ("audio/*",),
        Size,
        (Output("semantic", 9, "wrong", queries=frozenset({"text"})),),
    )


class Apart(Tiny):
    spec = ExtractorSpec(
        "apart",
        1,
        "that runs isolated",
        ("font/*",),
        Size,
        (Output("semantic", 9, "apart", queries=frozenset({"text"})),),
        isolated=True,
    )


class Shortest(Reranker):
    """The shorter the text, the better: an order that no search gives. ``lost`` does not open,
    ``wrong`` gives too few scores."""

    models = ("tiny/shortest", "tiny/lost", "tiny/wrong")

    def load(self) -> None:
        told(f"load {self.model}")
        if self.model == "tiny/lost":
            raise FileNotFoundError("lost.onnx is not here")

    def score(self, query: str, texts: Sequence[str]) -> Vector:
        told(f"score {query}: {len(texts)}")
        scores = np.array([-len(text) for text in texts], np.float32)
        return scores[1:] if self.model == "tiny/wrong" else scores


def registry(*names: str) -> Registry:
    chosen = names or ("Words", "Shapes")
    return Registry(Candidate(name, f"search_fixtures:{name}", "tests") for name in chosen)


@dataclass(frozen=True)
class Row:
    collection_id: str
    name: str
    bucket_id: str
    bucket: str
    extractor: str
    space: str
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass
class Metadata:
    """The metadata that search asks for: collections by namespace, and buckets without any."""

    rows: dict[str, list[Row]] = field(default_factory=dict[str, list[Row]])
    empty_buckets: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def add(self, namespace_id: str, bucket: str, name: str, registry: Registry) -> Row:
        collection = f"{bucket}.{name}"
        row = Row(
            collection_id=f"col_{namespace_id}_{collection}",
            name=collection,
            bucket_id=f"bkt_{namespace_id}_{bucket}",
            bucket=bucket,
            extractor=registry.get(name).spec.key,
            space=registry.space(name, {}).name,
        )
        self.rows.setdefault(namespace_id, []).append(row)
        return row

    def reach(self, namespace_id: str) -> Sequence[Row]:
        return self.rows.get(namespace_id, [])

    def get(self, namespace_id: str, name_or_id: str) -> object | None:
        known = {row.bucket for row in self.reach(namespace_id)}
        known |= {bucket for space, bucket in self.empty_buckets if space == namespace_id}
        return name_or_id if name_or_id in known else None


@dataclass(frozen=True)
class Piece:
    """A document to index: what it says, its vectors, and what else is in its payload."""

    name: str
    text: str | None
    vectors: Mapping[str, Vector]
    more: Mapping[str, Any] = field(default_factory=dict[str, Any])


def passage(name: str, text: str, **more: Any) -> Piece:
    more = {"mime": "text/plain", "kind": "text", **more}
    return Piece(name, text, {"semantic": words(text)}, more)


def photo(name: str, labels: str, rgb: tuple[int, int, int], **more: Any) -> Piece:
    vectors = {"semantic": words(labels), "visual": colour(png(rgb))}
    more = {"mime": "image/png", "kind": "image", "labels": labels.split(), **more}
    return Piece(name, labels, vectors, more)


def png(rgb: tuple[int, int, int]) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), rgb).save(stream, "PNG")
    return stream.getvalue()


def key_of(row: Row, name: str) -> str:
    return document_id(row.collection_id, f"obj_{name}", "0" * 64, "digest", 0)


async def index(
    store: VectorStore, found: Registry, namespace_id: str, row: Row, pieces: Sequence[Piece]
) -> list[str]:
    """Index documents of a collection as the service does; their ids."""
    spec = found.space(row.extractor, row.parameters)
    await store.ensure_space(spec)
    ids = [key_of(row, piece.name) for piece in pieces]
    payloads = [
        {
            "namespace": namespace_id,
            "bucket": row.bucket,
            "collection": row.name,
            "collection_id": row.collection_id,
            "object_id": f"obj_{piece.name}",
            "object_name": piece.name,
            "extractor": row.extractor,
            "segment": "chk_1",
            "position": 0,
            "text": piece.text,
            **piece.more,
        }
        for piece in pieces
    ]
    vectors = {
        dense.name: np.stack([piece.vectors[dense.name] for piece in pieces]).astype(np.float32)
        for dense in spec.dense
    }
    texts = [piece.text for piece in pieces]
    await store.upsert(spec.name, PointBatch(ids, vectors, texts, payloads))
    return ids
