"""Reads a PyTorch checkpoint of the old serial format into numpy arrays, without torch.

The file is a row of pickles (magic number, protocol, platform, the dictionary of tensors, the keys
of the storages) followed by the storages' raw numbers. A pickle can name any class to be built;
this reader knows four names, which it maps to its own plain ones, and refuses every other.
"""

from __future__ import annotations

import pickle
import struct
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

MAGIC = 0x1950A86A20F9469CFC6C
DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


@dataclass
class _Storage:
    """The numbers behind one or more tensors; they come after the pickles."""

    dtype: str
    numbers: npt.NDArray[Any] = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage, by element offset and element strides."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self) -> npt.NDArray[Any]:
        numbers = self.storage.numbers
        steps = [stride * numbers.itemsize for stride in self.strides]
        view = np.lib.stride_tricks.as_strided(numbers[self.offset :], self.shape, steps)
        return view.copy()


def _tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


class _Reader(pickle.Unpickler):
    def __init__(self, file: BinaryIO, storages: dict[str, _Storage]) -> None:
        super().__init__(file)
        self._storages = storages

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if (module_name, global_name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module_name, global_name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module_name == "torch" and global_name in DTYPES:
            return DTYPES[global_name]
        raise pickle.UnpicklingError(f"refused to build {module_name}.{global_name}")

    def persistent_load(self, pid: Any, /) -> _Storage:
        _, dtype, key, *_ = pid
        return self._storages.setdefault(key, _Storage(dtype))


def read_checkpoint(path: Path) -> dict[str, npt.NDArray[Any]]:
    """The tensors of a checkpoint by name. Raises UnpicklingError for anything but tensors."""
    storages: dict[str, _Storage] = {}
    with path.open("rb") as file:
        if _Reader(file, storages).load() != MAGIC:
            raise pickle.UnpicklingError(f"{path.name} is not a checkpoint of the old format")
        for _ in ("protocol", "platform"):
            _Reader(file, storages).load()
        tensors: dict[str, _Tensor] = _Reader(file, storages).load()
        for key in _Reader(file, storages).load():
            storage = storages[key]
            (count,) = struct.unpack("<q", file.read(8))
            data = file.read(count * np.dtype(storage.dtype).itemsize)
            storage.numbers = np.frombuffer(data, storage.dtype)
    return {name: tensor.array() for name, tensor in tensors.items()}
