"""An extractor that does nothing, for what is measured around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from workbench.extraction.contract import (
    Document,
    Extracted,
    Extractor,
    ExtractorSpec,
    Parameters,
    Source,
)

#: A task without any document fails, and rightly: a file whose name ends so gives one.
GIVES_ONE = "zz.txt"


class NoOp(Extractor):
    """Answers for every object with nothing, but for the one that is called so."""

    spec = ExtractorSpec(
        name="noop",
        version=1,
        description="nothing at all",
        accepts=("text/plain",),
        parameters=Parameters,
        outputs=(),
        default=False,
    )

    def load(self) -> None:
        """There is no model."""

    def extract(self, sources: Sequence[Source]) -> Iterator[Extracted]:
        for index, source in enumerate(sources):
            found = (Document(text="the only document"),) if source.name.endswith(GIVES_ONE) else ()
            yield Extracted(index, found)
