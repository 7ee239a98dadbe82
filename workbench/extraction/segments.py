"""Feature segments: the durable result of extraction, a Parquet file a chunk.

One row a document, in the order of extraction. Vectors are fixed-size lists of float32, a column
for each output, null where a document has none; everything else that a hit shows is a column of its
own or, for the fields of the extractor, JSON in ``payload``. The vector index can always be built
again from segments. Rows of one object lie together; ``sha256`` says of which content they are, and
``known`` under which key equal content finds them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.domain.ids import document_id
from workbench.extraction.contract import Document, Output
from workbench.vectors.port import DenseVector, SpaceSpec

Array = npt.NDArray[np.float32]
#: From a document's text and labels to its text under another name.
Retitle = Callable[[str | None, Sequence[str]], str | None]
VECTOR = "vector:"
KNOWN = "known"
_ABOUT = b"mixpeek"

_FIELDS = (
    ("document_id", pa.string()),
    ("object_id", pa.string()),
    ("sha256", pa.string()),
    (KNOWN, pa.string()),
    ("position", pa.int32()),
    ("text", pa.string()),
    ("page", pa.int32()),
    ("start_ms", pa.int64()),
    ("end_ms", pa.int64()),
    ("box", pa.list_(pa.float64())),
    ("labels", pa.list_(pa.string())),
    ("payload", pa.string()),
)


@dataclass(frozen=True)
class About:
    """What a segment says of itself, so that it can be indexed where its extractor is not, or no
    longer, installed."""

    extractor: str  # name@version
    digest: str
    space: SpaceSpec


class SegmentBuilder:
    """Collects documents; ``table`` gives them by column."""

    def __init__(self, outputs: Sequence[Output], collection_id: str, digest: str) -> None:
        self._outputs = outputs
        self._collection_id = collection_id
        self._digest = digest
        self._columns: dict[str, list[Any]] = {name: [] for name, _ in _FIELDS}
        self._vectors: dict[str, list[Array | None]] = {o.name: [] for o in outputs}
        self._copied: list[Any] = []

    @property
    def documents(self) -> int:
        return len(self._columns["document_id"]) + sum(rows.num_rows for rows in self._copied)

    def add(
        self, object_id: str, sha256: str, documents: Sequence[Document], known: bytes = b""
    ) -> None:
        """Append the documents of one object. Raises ValueError for a vector of a shape that the
        extractor did not declare; nothing of the object is added then."""
        for document in documents:
            self._check(document)
        for position, document in enumerate(documents):
            self._append(object_id, sha256, position, document)
            self._columns[KNOWN].append(known.hex())

    def copy(self, object_id: str, sha256: str, rows: Any, retitle: Retitle) -> None:
        """Append another object's rows as documents of this one; they come after all that ``add``
        appends. ``retitle`` gives the text under this object's name. Raises ValueError for rows of
        another shape."""
        if rows.schema.names != self._names():
            raise ValueError("the rows have other columns")
        ids = [
            document_id(self._collection_id, object_id, sha256, self._digest, position)
            for position in rows["position"].to_pylist()
        ]
        texts = [
            retitle(text, labels or ())
            for text, labels in zip(
                rows["text"].to_pylist(), rows["labels"].to_pylist(), strict=True
            )
        ]
        replaced = {
            "document_id": ids,
            "object_id": [object_id] * len(ids),
            "text": texts,
        }
        for name, values in replaced.items():
            at = rows.schema.get_field_index(name)
            rows = rows.set_column(at, name, pa.array(values, type=pa.string()))
        self._copied.append(rows)

    def _names(self) -> list[str]:
        return [*(name for name, _ in _FIELDS), *(VECTOR + o.name for o in self._outputs)]

    def own(self) -> Any:
        """An Arrow table of what was added, without the copies."""
        arrays: dict[str, Any] = {
            name: pa.array(self._columns[name], type=kind) for name, kind in _FIELDS
        }
        for output in self._outputs:
            arrays[VECTOR + output.name] = _vector_column(
                self._vectors[output.name], output.dimension
            )
        return pa.table(arrays)

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
        columns["sha256"].append(sha256)
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
        own = self.own()
        if not self._copied:
            return own
        return pa.concat_tables([own, *(rows.cast(own.schema) for rows in self._copied)])


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


def encode_segment(table: Any, about: About | None = None) -> memoryview:
    """The Parquet file; without ``about`` the table keeps what it says of itself. Vectors are noise
    to a dictionary: they are stored plain."""
    if about is not None:
        text = json.dumps(asdict(about), separators=(",", ":"))
        table = table.replace_schema_metadata({_ABOUT: text.encode()})
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


def read_table(data: bytes, columns: Sequence[str] | None = None) -> Any:
    """The segment as an Arrow table, or some of its columns. Raises ValueError or OSError for bytes
    that are no segment."""
    wanted = list(columns) if columns is not None else None
    # Not pyarrow's own read_table, which brings the dataset module and pandas along.
    return pq.ParquetFile(pa.BufferReader(data)).read(columns=wanted)


def decode_segment(data: bytes) -> Segment:
    return segment_of(read_table(data))


def about_segment(table: Any) -> About:
    """Raises ValueError for a table that says nothing of itself."""
    text = (table.schema.metadata or {}).get(_ABOUT)
    if text is None:
        raise ValueError("the segment does not say what made it")
    values = json.loads(text)
    space = values["space"]
    dense = tuple(DenseVector(**vector) for vector in space.pop("dense"))
    return About(values["extractor"], values["digest"], SpaceSpec(dense=dense, **space))


def keep_rows(table: Any, object_ids: Collection[str]) -> Any:
    """The rows of these objects."""
    kept = [object_id in object_ids for object_id in table["object_id"].to_pylist()]
    return table if all(kept) else table.filter(pa.array(kept, type=pa.bool_()))


def segment_of(table: Any) -> Segment:
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
    return encode_segment(join_tables([read_table(part) for part in parts]))


def join_tables(tables: Sequence[Any]) -> Any:
    """One table of several of one digest; it says of itself what the first says."""
    return pa.concat_tables(tables)
