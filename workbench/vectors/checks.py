"""What may reach an engine.

Engines store NaN without a word and may keep half of a batch that they refuse, so everything is
checked before they see it, and a batch with one bad point is refused whole.
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from workbench.vectors.port import TEXT_VECTOR, Arm, BadVectors, PointBatch, SpaceSpec, Vectors

MAX_LIMIT = 10_000
MAX_NESTING = 32
_SPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_CANONICAL = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True)
class Columns:
    """A checked batch: canonical ids, contiguous float32 blocks, plain payloads."""

    ids: list[str]
    vectors: dict[str, Vectors]
    texts: list[str | None]
    payloads: list[dict[str, Any]]


def space_name(name: str) -> str:
    """``name`` if it can be a folder and a collection. Raises ``BadVectors``."""
    if not _SPACE.fullmatch(name):
        raise BadVectors(f"{name!r} is no name for a space")
    return name


def spec(value: SpaceSpec) -> SpaceSpec:
    """``value`` if its name, vector names and dimensions can be stored."""
    space_name(value.name)
    names = [v.name for v in value.dense]
    if len(set(names)) != len(names) or TEXT_VECTOR in names:
        raise BadVectors(f"the vectors of {value.name} do not have names of their own")
    if not names and not value.text:
        raise BadVectors(f"{value.name} has no vector at all")
    for vector in value.dense:
        if not 1 <= vector.dimension <= 65_536:
            raise BadVectors(f"{vector.dimension} is no dimension")
    return value


def canonical(point: str) -> str:
    """A point's id as engines write it."""
    if isinstance(cast("object", point), str) and _CANONICAL.fullmatch(point):
        return point
    try:
        return str(uuid.UUID(point))
    except (ValueError, AttributeError, TypeError) as error:
        raise BadVectors(f"{point!r} is no UUID") from error


def columns(batch: PointBatch) -> Columns:
    """The batch, checked in everything that needs no knowledge of its space."""
    count = len(batch.ids)
    if not (len(batch.texts) == len(batch.payloads) == count):
        raise BadVectors("ids, texts and payloads differ in number")
    ids = [canonical(i) for i in batch.ids]
    if len(set(ids)) != count:
        raise BadVectors("an id stands twice in one batch")
    for text in batch.texts:
        if text is not None:
            _text(text)
    return Columns(
        ids,
        {name: _block(name, values, count) for name, values in batch.vectors.items()},
        list(batch.texts),
        [payload(p) for p in batch.payloads],
    )


def _block(name: str, values: Vectors, count: int) -> Vectors:
    block = np.ascontiguousarray(values, dtype=np.float32)
    if block.ndim != 2 or block.shape[0] != count:
        raise BadVectors(f"{name}: shape {block.shape} does not give {count} vectors")
    present(name, block)
    return block


def present(name: str, block: Vectors) -> npt.NDArray[np.bool_]:
    """Which rows hold a vector. Raises ``BadVectors`` for a row that is neither a vector (finite,
    of finite length) nor wholly NaN."""
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.einsum("ij,ij->i", block, block)
    whole = np.isfinite(squares)
    bad = ~whole & ~np.isnan(block).all(axis=1)
    if bad.any():
        raise BadVectors(f"{name}: row {int(np.argmax(bad))} is not finite")
    return whole


def fits(vectors: Mapping[str, Vectors], dimensions: Mapping[str, int]) -> None:
    """Raises ``BadVectors`` unless every block belongs to a vector of the space."""
    for name, block in vectors.items():
        dimension = dimensions.get(name)
        if dimension is None:
            raise BadVectors(f"the space has no vector {name!r}")
        if block.shape[1] != dimension:
            raise BadVectors(f"{name}: {block.shape[1]} components, not {dimension}")


def payload(value: Mapping[str, Any]) -> dict[str, Any]:
    """``value`` as plain JSON. Raises ``BadVectors``."""
    if not isinstance(cast("object", value), Mapping):
        raise BadVectors("a payload is no object")
    return cast("dict[str, Any]", _json(value, 0))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise BadVectors("a text is no string")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise BadVectors("a text holds half a character (a lone surrogate)") from error
    return value


def _json(value: object, depth: int) -> object:
    if type(value) is str:  # nearly all are
        return _text(value)
    match value:
        case None | bool():
            return value
        case str():
            return _text(value)
        case int() if value in _INT64:
            return value
        case float() if math.isfinite(value):
            return value
        case Mapping() if depth < MAX_NESTING:
            items = cast("Mapping[object, object]", value)
            for key in items:
                if not isinstance(key, str):
                    raise BadVectors(f"a payload's key {key!r} is no string")
            return {key: _json(v, depth + 1) for key, v in items.items()}
        case list() | tuple() if depth < MAX_NESTING:
            return [_json(v, depth + 1) for v in cast("Sequence[object]", value)]
        case _:
            raise BadVectors(f"a payload holds {value!r:.60}, which is no JSON value")


def arm(value: Arm) -> Vectors | None:
    """The query vector of an arm, checked; None for a text arm. Raises ``BadVectors``."""
    if not 1 <= value.limit <= MAX_LIMIT:
        raise BadVectors(f"a limit is between 1 and {MAX_LIMIT}, not {value.limit}")
    if value.using == TEXT_VECTOR:
        if value.text is None or value.vector is not None:
            raise BadVectors("the text index is asked with a text")
        return None
    if value.vector is None or value.text is not None:
        raise BadVectors(f"{value.using} is asked with a vector")
    vector = np.ascontiguousarray(value.vector, dtype=np.float32)
    if vector.ndim != 1 or not np.isfinite(vector @ vector):
        raise BadVectors(f"{value.using}: the query is no finite vector")
    return vector


def page(limit: int, cursor: str | None) -> None:
    """Raises ``BadVectors`` for a page that cannot be asked for."""
    if not 1 <= limit <= MAX_LIMIT:
        raise BadVectors(f"a limit is between 1 and {MAX_LIMIT}, not {limit}")
    if cursor is not None:
        canonical(cursor)
