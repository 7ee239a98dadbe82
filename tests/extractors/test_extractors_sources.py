"""What the extractors that hold an object whole promise about its size."""

from __future__ import annotations

import pytest
from extractor_files import File, failure

from extractors.document import DocumentExtractor
from extractors.image import ImageExtractor
from extractors.ocr import OcrExtractor
from extractors.text import TextExtractor
from workbench.domain.states import Category
from workbench.extraction.contract import Extractor


class Unread(File):
    """Too large to be read; its size can be asked."""

    def read(self) -> bytes:
        raise AssertionError("it was read")


@pytest.mark.parametrize("kind", [TextExtractor, DocumentExtractor, ImageExtractor, OcrExtractor])
def test_a_larger_file_fails_unread(kind: type[Extractor]) -> None:
    small = kind(kind.spec.parameters.model_validate({"max_bytes": 10}))
    reason = failure(small, Unread("a", b"twelve bytes"))
    assert reason.category is Category.LIMITS
    assert reason.message == "the file has 12 bytes, more than 10"
    assert "max_bytes" in (reason.hint or "")
