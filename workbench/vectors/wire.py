"""Frames between the vectors' owner and its clients, over a Unix socket.

A frame is a length (4 bytes, big-endian) and a msgpack array. A request is ``[verb, ...]``, an
answer ``[status, value]``. Vectors travel as the raw bytes of whole float32 columns. The rows of an
upload (ids, texts, payloads) travel in packed slices of ``SLICE``, which the owner unpacks one at a
time, so that no request holds up the others for longer than one slice.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgpack
import numpy as np

from workbench.vectors.checks import Columns
from workbench.vectors.port import BadVectors, Point, Vectors

#: Points that the engine takes in one call: about 10 ms, during which nothing else is answered.
SLICE = 200
#: Bytes of the largest frame. A batch of 50,000 points of 384 dimensions is well below.
MAX_FRAME = 256 * 1024 * 1024
#: How much a connection reads ahead.
READ_AHEAD = 1024 * 1024

#: ``AWAY``: the owner is stopping; the same request may be sent to the next one.
OK, BAD, NOT_FOUND, FAILED, AWAY = range(5)

_LENGTH = struct.Struct(">I")


def pack(value: object) -> bytes:
    """One frame. Raises ``BadVectors`` when it is too large."""
    body = cast("bytes", msgpack.packb(value, use_bin_type=True))
    if len(body) > MAX_FRAME:
        raise BadVectors(f"{len(body):,} bytes in one request; {MAX_FRAME:,} are allowed")
    return _LENGTH.pack(len(body)) + body


async def read(reader: asyncio.StreamReader) -> Any:
    """The next frame's value. Raises ``ConnectionError`` or ``IncompleteReadError``."""
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    if length > MAX_FRAME:
        raise ConnectionError(f"a frame of {length} bytes")
    return unpack(await reader.readexactly(length))


def unpack(body: bytes) -> Any:
    return msgpack.unpackb(body, raw=False, strict_map_key=False)


def pack_rows(columns: Columns) -> list[bytes]:
    """The rows of an upload by slices."""
    return [
        cast(
            "bytes",
            msgpack.packb(
                (
                    columns.ids[at : at + SLICE],
                    columns.texts[at : at + SLICE],
                    columns.payloads[at : at + SLICE],
                ),
                use_bin_type=True,
            ),
        )
        for at in range(0, len(columns.ids), SLICE)
    ]


def pack_blocks(vectors: Mapping[str, Vectors]) -> list[tuple[str, int, bytes]]:
    """Name, dimension and bytes of each column."""
    return [(name, block.shape[1], block.tobytes()) for name, block in vectors.items()]


def unpack_blocks(blocks: Sequence[tuple[str, int, bytes]], count: int) -> dict[str, Vectors]:
    """Views of shape (count, dimension). Raises ``BadVectors`` for bytes that do not fill it."""
    found: dict[str, Vectors] = {}
    for name, dimension, data in blocks:
        if dimension < 1 or len(data) != count * dimension * 4:
            raise BadVectors(f"{name}: {len(data)} bytes are not {count} x {dimension} float32")
        found[name] = np.frombuffer(data, np.float32).reshape(count, dimension)
    return found


def unpack_points(value: Sequence[Any]) -> list[Point]:
    """Points from ``[ids, payloads, {name: [row numbers, dimension, bytes]}]``."""
    ids, payloads, blocks = value
    vectors: list[dict[str, Vectors]] = [{} for _ in ids]
    for name, (rows, dimension, data) in blocks.items():
        block = np.frombuffer(data, np.float32).reshape(len(rows), dimension)
        for row, vector in zip(rows, block, strict=True):
            vectors[row][name] = vector
    return [Point(i, p, v) for i, p, v in zip(ids, payloads, vectors, strict=True)]
