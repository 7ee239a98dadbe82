"""A feature that costs little: means of a picture's blocks. For benchmarks of what is around it.

``block_means`` is the whole work; the baseline calls it as the extractor does.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from workbench.domain.states import Category
from workbench.extraction.contract import (
    Document,
    Extracted,
    Extractor,
    ExtractorSpec,
    Failed,
    Output,
    Parameters,
    Source,
)

SIZE = 224
GRID = 8
BLOCK = SIZE // GRID
DIMENSION = GRID * GRID * 3


def block_means(data: bytes) -> npt.NDArray[np.float32]:
    """Decode a JPEG, resize it to 224 x 224 and average each of 8 x 8 blocks by channel.

    Returns shape (192,), 0 to 255. Raises OSError, SyntaxError or ValueError for what is no JPEG.
    """
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as picture:
        small = picture.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    blocks = np.asarray(small).reshape(GRID, BLOCK, GRID, BLOCK, 3)
    sums = blocks.sum(axis=1, dtype=np.uint16).sum(axis=2, dtype=np.uint32)
    return (sums.reshape(DIMENSION) / np.float32(BLOCK * BLOCK)).astype(np.float32)


class BlockMeans(Extractor):
    """One document a picture, with the vector ``blocks``."""

    spec = ExtractorSpec(
        name="blockmeans",
        version=1,
        description="Means of 8 x 8 blocks of a JPEG",
        accepts=("image/jpeg",),
        parameters=Parameters,
        outputs=(Output("blocks", DIMENSION, "blockmeans-8x8", distance="euclid"),),
        default=False,
    )

    def load(self) -> None:
        """There is no model."""

    def extract(self, sources: Sequence[Source]) -> Iterator[Extracted]:
        for index, source in enumerate(sources):
            data = source.read()
            try:
                with self.clock("decode", size=len(data)):
                    vector = block_means(data)
            except (OSError, SyntaxError, ValueError) as error:
                yield Extracted(index, failure=Failed(Category.FORMAT, str(error), stage="decode"))
            else:
                yield Extracted(index, (Document(vectors={"blocks": vector}),))
