"""What the text model sees of a passage: the passage, below the titles around it."""

from __future__ import annotations

from collections.abc import Sequence

from extractors import minilm

BETWEEN_TITLES = " > "


def embedded(body: str, titles: Sequence[str], encoder: minilm.Encoder) -> str:
    """The passage below as many of the titles as fit, from the innermost."""
    while titles:
        whole = f"{BETWEEN_TITLES.join(titles)}\n{body}"
        if encoder.count(whole) <= minilm.TEXT_TOKENS:
            return whole
        titles = titles[1:]
    return body
