"""Feature segments: the durable result of extraction, a Parquet file a chunk.

One row a document, in the order of extraction. Vectors are fixed-size lists of float32, a column
for each output, null where a document has none; everything else that a hit shows is a column of its
own or, for the fields of the extractor, JSON in ``payload``. The vector index can always be built
again from segments.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.domain.ids import document_id
from workbench.extraction.contract import Document, Output

Array = npt.NDArray[np.float32]
VECTOR = "vector:"

_FIELDS = (
    ("document_id", pa.string()),
    ("object_id", pa.string()),
    ("position", pa.int32()),
    ("text", pa.string()),
    ("page", pa.int32()),
    ("start_ms", pa.int64()),
    ("end_ms", pa.int64()),
    ("box", pa.list_(pa.float64())),
    ("labels", pa.list_(pa.string())),
    ("payload", pa.string()),
)


class SegmentBuilder:
    """Collects documents; ``table`` gives them by column."""

    def __init__(self, outputs: Sequence[Output], collection_id: str, digest: str) -> None:
        self._outputs = outputs
        self._collection_id = collection_id
        self._digest = digest
        self._columns: dict[str, list[Any]] = {name: [] for name, _ in _FIELDS}
        self._vectors: dict[str, list[Array | None]] = {o.name: [] for o in outputs}

    @property
    def documents(self) -> int:
        return len(self._columns["document_id"])

    def add(self, object_id: str, sha256: str, documents: Sequence[Document]) -> None:
        """Append the documents of one object. Raises ValueError for a vector of a shape that the
        extractor did not declare; nothing of the object is added then."""
        for document in documents:
            self._check(document)
        for position, document in enumerate(documents):
            self._append(object_id, sha256, position, document)

    def _check(self, document: Document) -> None:
        unknown = set(document.vectors) - set(self._vectors)
        if unknown:
            raise ValueError(f"vectors that the extractor does not declare: {sorted(unknown)}")
        for output in self._outputs:
            vector = document.vectors.get(output.name)
            if vector is None:
                continue
            if vector.shape != (output.dimension,):
                raise ValueError(
                    f"{output.name} has shape {vector.shape}, declared ({output.dimension},)"
                )
            if not np.isfinite(vector).all():
                raise ValueError(f"{output.name} has values that are not finite")

    def _append(self, object_id: str, sha256: str, position: int, document: Document) -> None:
        columns = self._columns
        columns["document_id"].append(
            document_id(self._collection_id, object_id, sha256, self._digest, position)
        )
        columns["object_id"].append(object_id)
        columns["position"].append(position)
        columns["text"].append(document.text)
        columns["page"].append(document.page)
        columns["start_ms"].append(document.start_ms)
        columns["end_ms"].append(document.end_ms)
        columns["box"].append(list(document.box) if document.box else None)
        columns["labels"].append(list(document.labels))
        columns["payload"].append(
            json.dumps(dict(document.payload), separators=(",", ":"), allow_nan=False)
        )
        for name, vectors in self._vectors.items():
            vectors.append(document.vectors.get(name))

    def table(self) -> Any:
        """An Arrow table; pyarrow ships no types."""
        arrays: dict[str, Any] = {
            name: pa.array(self._columns[name], type=kind) for name, kind in _FIELDS
        }
        for output in self._outputs:
            arrays[VECTOR + output.name] = _vector_column(
                self._vectors[output.name], output.dimension
            )
        return pa.table(arrays)


def _vector_column(vectors: Sequence[Array | None], dimension: int) -> Any:
    values = np.zeros((len(vectors), dimension), np.float32)
    absent = np.zeros(len(vectors), bool)
    for row, vector in enumerate(vectors):
        if vector is None:
            absent[row] = True
        else:
            values[row] = vector
    return pa.FixedSizeListArray.from_arrays(
        pa.array(values.reshape(-1)), dimension, mask=pa.array(absent)
    )


def encode_segment(table: Any) -> memoryview:
    """The Parquet file. Vectors are noise to a dictionary: they are stored plain."""
    buffer = io.BytesIO()
    strings = [name for name in table.column_names if not name.startswith(VECTOR)]
    options: dict[str, Any] = {
        "compression": "zstd",
        "compression_level": 1,
        "use_dictionary": strings,
    }
    pq.write_table(table, buffer, **options)
    return buffer.getbuffer()


@dataclass(frozen=True)
class Segment:
    """A segment by column; ``vectors[name]`` is float32 (n, dimension), rows of NaN where absent.
    ``rows`` holds the other columns as Python values."""

    vectors: Mapping[str, Array]
    rows: Mapping[str, Sequence[Any]]

    def __len__(self) -> int:
        return len(self.rows["document_id"])


def decode_segment(data: bytes) -> Segment:
    table = _read(data)
    vectors: dict[str, Array] = {}
    rows: dict[str, Sequence[Any]] = {}
    for name in table.column_names:
        column = table[name].combine_chunks()
        if name.startswith(VECTOR):
            vectors[name.removeprefix(VECTOR)] = _matrix(column)
        else:
            rows[name] = column.to_pylist()
    return Segment(vectors, rows)


def _matrix(column: Any) -> Array:
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks)
    dimension = column.type.list_size
    values = column.values.to_numpy(zero_copy_only=False).reshape(-1, dimension)
    values = values[column.offset : column.offset + len(column)].astype(np.float32, copy=True)
    if column.null_count:
        values[column.is_null().to_numpy(zero_copy_only=False)] = np.nan
    return values


def merge_segments(parts: Sequence[bytes]) -> memoryview:
    """One segment of several, in their order."""
    return encode_segment(pa.concat_tables([_read(part) for part in parts]))


def _read(data: bytes) -> Any:
    """The table. Not by ``read_table``, which brings the dataset module and pandas along."""
    return pq.ParquetFile(pa.BufferReader(data)).read()
