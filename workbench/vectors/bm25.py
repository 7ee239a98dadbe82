"""Text as sparse BM25 vectors, made with the engine's own tokenizer for both adapters.

The engine knows how rare a word is (IDF); a document's vector carries how often and in how long a
text it stands there. For that BM25 wants the average length of a text, and freezes it into every
weight. It is fixed at 128 words and stored with each space, not measured: the first batch of a
space says little about the rest, both engines and every rebuild from segments must give the same
weights, and the passages that extractors cut have about this length without stop words. For short
texts (labels, file names) the too large average only weakens the penalty for length.

English stop words and stemming, accents folded. Scripts without spaces are not cut into words: the
engine's multilingual tokenizer would do it, but drops numbers, which file names are full of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qdrant_edge import Bm25, Bm25Config, SparseVector

AVERAGE_LENGTH = 128.0


@dataclass(frozen=True)
class TextSettings:
    """What the weights of a space were made with."""

    average_length: float = AVERAGE_LENGTH
    language: str = "english"

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> TextSettings:
        return cls(float(value["average_length"]), str(value["language"]))


class TextEncoder:
    """Documents and queries as sparse vectors; None where no word is left."""

    def __init__(self, settings: TextSettings) -> None:
        self._model = Bm25(
            Bm25Config(
                avg_len=settings.average_length, language=settings.language, ascii_folding=True
            )
        )

    def document(self, text: str | None) -> SparseVector | None:
        return _present(self._model.embed_document(text)) if text else None

    def query(self, text: str) -> SparseVector | None:
        return _present(self._model.embed_query(text))


def _present(vector: SparseVector) -> SparseVector | None:
    return vector if vector.indices else None
