"""The ``text`` extractor: passages of plain text, Markdown, data files and source code.

A passage keeps where it stands in the decoded text (characters ``start`` to ``end``) and the titles
over it. Its vector is made of those titles and the passage, so that "installation" finds the
paragraph below the title that does not say the word again; the text index sees the passage as it
is. Passages have at most ``chunk_tokens`` tokens: MiniLM was trained on 128, and what is beyond 256
it does not see.
"""

from __future__ import annotations

import time

from pydantic import Field

from extractors import minilm
from extractors.decoding import decode_text
from extractors.outline import syntax_of
from extractors.passages import Passage, passages
from extractors.refused import Refused
from extractors.sources import read_whole
from extractors.texts import SEMANTIC, TextSpace
from extractors.titled import BETWEEN_TITLES, embedded
from extractors.worded import Worded
from workbench.domain.states import Category
from workbench.extraction.contract import (
    Document,
    ExtractorSpec,
    Failed,
    Source,
    Vector,
)

ACCEPTS = (
    "text/plain",
    "text/markdown",
    "text/x-markdown",
    "text/xml",
    "text/yaml",
    "text/css",
    "text/javascript",
    "text/vtt",
    "text/x-asm",
    "text/x-c",
    "text/x-c++",
    "text/x-c++hdr",
    "text/x-c++src",
    "text/x-chdr",
    "text/x-clojure",
    "text/x-cmake",
    "text/x-csharp",
    "text/x-csrc",
    "text/x-diff",
    "text/x-erlang",
    "text/x-fortran",
    "text/x-go",
    "text/x-haskell",
    "text/x-ini",
    "text/x-java",
    "text/x-java-source",
    "text/x-julia",
    "text/x-kotlin",
    "text/x-lisp",
    "text/x-log",
    "text/x-lua",
    "text/x-makefile",
    "text/x-ocaml",
    "text/x-pascal",
    "text/x-patch",
    "text/x-perl",
    "text/x-php",
    "text/x-python",
    "text/x-r",
    "text/x-rst",
    "text/x-ruby",
    "text/x-rust",
    "text/x-scala",
    "text/x-script.python",
    "text/x-sh",
    "text/x-shellscript",
    "text/x-sql",
    "text/x-swift",
    "text/x-tcl",
    "text/x-tex",
    "text/x-toml",
    "text/x-typescript",
    "text/x-yaml",
    "application/geo+json",
    "application/javascript",
    "application/json",
    "application/jsonl",
    "application/ld+json",
    "application/sql",
    "application/toml",
    "application/typescript",
    "application/x-ndjson",
    "application/x-sh",
    "application/x-shellscript",
    "application/x-subrip",
    "application/x-tex",
    "application/x-yaml",
    "application/xml",
    "application/yaml",
)

HINT_SIZE = "split it, or raise the parameter max_bytes"


class TextParameters(TextSpace):
    """Size of passages, and the limit for content that nobody vouches for."""

    chunk_tokens: int = Field(
        128, ge=16, le=200, description="tokens of a passage at most; there is no overlap"
    )
    max_bytes: int = Field(64 * 1024 * 1024, ge=1, description="a larger file fails unread")


class TextExtractor(Worded):
    """One document a passage."""

    spec = ExtractorSpec(
        name="text",
        version=1,
        description="Text, Markdown, data files and source code, in passages",
        accepts=ACCEPTS,
        parameters=TextParameters,
        outputs=(SEMANTIC,),
        fields={"start": "integer", "end": "integer", "heading": "text", "encoding": "keyword"},
        models=(minilm.RECIPE,),
    )

    parameters: TextParameters

    def _documents(self, source: Source) -> tuple[Document, ...]:
        deadline = time.monotonic() + self.parameters.max_seconds
        data = read_whole(source, self.parameters.max_bytes, HINT_SIZE)
        with self.clock("decode", size=len(data)):
            text, encoding = decode_text(data)
            syntax = syntax_of(source.mime, source.name)
            found = list(passages(text, syntax, self.parameters.chunk_tokens, self._encoder))
        vectors: list[Vector] = []
        with self.clock("infer", rows=len(found)):
            for p in found:
                if time.monotonic() > deadline:
                    raise Refused(_too_late(self.parameters.max_seconds))
                told = embedded(text[p.start : p.end], p.around, self._encoder)
                vectors.append(self._encoder.encode([told])[0])
        return tuple(
            _document(text, encoding, passage, vector)
            for passage, vector in zip(found, vectors, strict=True)
        )


def _document(text: str, encoding: str, passage: Passage, vector: Vector) -> Document:
    payload = {"start": passage.start, "end": passage.end, "encoding": encoding}
    if passage.path:
        payload["heading"] = BETWEEN_TITLES.join(passage.path)
    return Document(
        text=text[passage.start : passage.end], payload=payload, vectors={"semantic": vector}
    )


def _too_late(seconds: float) -> Failed:
    return Failed(
        Category.LIMITS,
        f"it was not done after {seconds:,g} seconds",
        "split it, or raise the parameter max_seconds",
        stage="infer",
    )
