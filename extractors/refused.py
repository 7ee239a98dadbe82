"""The exception by which content is turned down, inside the built-in extractors."""

from __future__ import annotations

from workbench.extraction.contract import Failed


class Refused(Exception):
    """Content that is not taken, with the reason."""

    def __init__(self, failure: Failed) -> None:
        super().__init__(failure.message)
        self.failure = failure
