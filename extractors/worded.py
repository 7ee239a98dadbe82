"""What the extractors share whose documents are found by texts: they answer for each source by
itself, and a query is encoded by the model that made the vectors of their texts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from extractors.models import default_threads
from extractors.refused import Refused
from extractors.texts import TextEncoder, open_texts
from workbench.extraction.contract import Document, Extracted, Extractor, Query, Source, Vector


class Worded(Extractor):
    """Base of them. Subclasses write ``_documents``; one that opens more extends ``load``."""

    #: A ``TextSpace``; each says which.
    parameters: Any
    _encoder: TextEncoder

    def load(self) -> None:
        self._encoder = open_texts(self.parameters.text_model, default_threads())

    def extract(self, sources: Sequence[Source]) -> Iterator[Extracted]:
        for index, source in enumerate(sources):
            try:
                yield Extracted(index, tuple(self._documents(source)))
            except Refused as refused:
                yield Extracted(index, failure=refused.failure)

    def encode(self, query: Query, output: str) -> Vector:
        if output != "semantic" or query.kind != "text":
            raise ValueError(f"{output} cannot be searched with {query.kind}")
        return self._encoder.encode_query(query.text or "")

    @abstractmethod
    def _documents(self, source: Source) -> Iterable[Document]:
        """The documents of one source. Raises ``Refused``."""
