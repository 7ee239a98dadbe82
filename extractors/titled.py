"""What the text model sees of a passage: the passage, below the titles around it."""

from __future__ import annotations

from collections.abc import Sequence

from extractors import minilm
from extractors.passages import Measure

BETWEEN_TITLES = " > "


def embedded(body: str, titles: Sequence[str], measure: Measure) -> str:
    """The passage below as many of the titles as fit, from the innermost."""
    while titles:
        whole = f"{BETWEEN_TITLES.join(titles)}\n{body}"
        if measure.count(whole) <= minilm.TEXT_TOKENS:
            return whole
        titles = titles[1:]
    return body
