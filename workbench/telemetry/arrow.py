"""Names for Arrow's types in signatures. pyarrow carries no type information of its own, so to the
type checker they are anything; to a reader they say what is meant."""

from __future__ import annotations

from typing import Any, TypeAlias

import pyarrow.compute

ArrowTable: TypeAlias = Any
ArrowBatch: TypeAlias = Any
ArrowColumn: TypeAlias = Any
ArrowSchema: TypeAlias = Any

#: ``pyarrow.compute``, whose functions are made when it is imported.
compute: Any = pyarrow.compute
