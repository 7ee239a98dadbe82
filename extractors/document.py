"""The ``document`` extractor: passages of PDF, Word, PowerPoint, Excel, tables, HTML, EPUB, mail.

A passage never crosses a page (slide, sheet, chapter). It keeps the page, the rectangle in which it
stands there where the format tells (as shares of the page: left, top, right, bottom), and the
titles over it; rows of tables keep their number. Its vector is made as the ``text`` extractor does,
of the titles and the passage, in the same space. PDF pages that are pictures of text are read
by OCR. What a file costs is bounded by parameters; beyond them it fails and says which to raise.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from pydantic import Field

from extractors import minilm, reading
from extractors.documents.leaves import Leaf, Limits, bad, too_much
from extractors.models import default_threads
from extractors.passages import passages
from extractors.refused import Refused
from extractors.sources import read_whole
from extractors.texts import SEMANTIC, TextSpace
from extractors.titled import BETWEEN_TITLES, embedded
from extractors.worded import Worded
from workbench.domain.states import Category
from workbench.extraction.contract import (
    Batch,
    Document,
    ExtractorSpec,
    Part,
    Source,
)

PDF = "application/pdf"
OFFICE = "application/vnd.openxmlformats-officedocument."
WORD = f"{OFFICE}wordprocessingml.document"
SLIDES = f"{OFFICE}presentationml.presentation"
WORKBOOK = f"{OFFICE}spreadsheetml.sheet"
HTML = ("text/html", "application/xhtml+xml")
BOOK = "application/epub+zip"
MAIL = "message/rfc822"
#: Why a page is not shown: whoever looks at it need not know the collection's password.
ENCRYPTED = "the PDF is encrypted, and its pages are not shown"
HINT_SIZE = "split it, or raise the limit: --set document.max_bytes=…"
SEPARATED = ("text/csv", "text/tab-separated-values")

#: A word that was divided at the end of a line; and the spaces and line ends of a PDF's lines.
DIVIDED = re.compile(r"[\ufffe\u00ad] ?\n")
LINE_END = re.compile(r"[ \t]+\n")


class DocumentParameters(TextSpace):
    """Size of passages, what is read by OCR, and the limits."""

    chunk_tokens: int = Field(
        128, ge=16, le=200, description="tokens of a passage at most; there is no overlap"
    )
    password: str | None = Field(
        None,
        max_length=1000,
        description="opens encrypted PDFs; kept readable among the collection's parameters",
    )
    ocr: bool = Field(True, description="read PDF pages that are pictures of text, by OCR")
    max_bytes: int = Field(256 * 1024 * 1024, ge=1, description="a larger file fails unread")
    max_pages: int = Field(
        5000, ge=1, description="a document with more pages, slides, sheets or chapters fails"
    )
    max_ocr_pages: int = Field(
        200, ge=0, description="a PDF fails when more of its pages are pictures of text"
    )
    max_unpacked: int = Field(
        512 * 1024 * 1024, ge=1, description="Office files and books that unpack to more bytes fail"
    )
    max_rows: int = Field(200_000, ge=1, description="a table or workbook with more rows fails")
    max_nesting: int = Field(8, ge=1, le=50, description="letters attached to letters, at most")
    max_passages: int = Field(100_000, ge=1, description="a document that gives more fails")
    max_seconds: float = Field(1800, ge=1, description="a document that takes longer fails")


class DocumentExtractor(Worded):
    """One document a passage."""

    spec = ExtractorSpec(
        name="document",
        version=1,
        description="PDF, Word, PowerPoint, Excel, CSV, HTML, EPUB and mail, in passages",
        accepts=(PDF, WORD, SLIDES, WORKBOOK, *HTML, BOOK, MAIL, *SEPARATED),
        parameters=DocumentParameters,
        outputs=(SEMANTIC,),
        fields={"heading": "text", "row": "integer", "scanned": "bool"},
        batch=Batch(sources=8),
        models=(minilm.RECIPE, reading.RECIPE),
    )

    parameters: DocumentParameters
    _reader: reading.Reader

    def load(self) -> None:
        super().load()
        self._reader = reading.Reader(default_threads())

    @classmethod
    def preview(cls, source: Source, part: Part, edge: int) -> bytes | None:
        """A page of a PDF; there is nothing to show of other documents."""
        if source.mime != PDF:
            return None
        from extractors.documents.pdf import page_picture

        try:
            return page_picture(source.read(), part.page or 1, edge)
        except Refused as refused:
            if refused.failure.category is Category.PERMISSION:
                raise ValueError(ENCRYPTED) from refused
            raise ValueError(str(refused)) from refused

    def _documents(self, source: Source) -> Iterator[Document]:
        data = read_whole(source, self.parameters.max_bytes, HINT_SIZE)
        if not data:
            raise bad("the file is empty")
        limits = self._limits()
        leaves = self._leaves(data, source.mime, limits)
        count = 0
        size = len(data)
        while True:
            with self.clock("decode", size=size):
                leaf = next(leaves, None)
                found = self._passages(leaf) if leaf is not None else []
            if leaf is None:
                break
            size = 0
            count += len(found)
            if count > self.parameters.max_passages:
                raise too_much(
                    f"the document has more than {self.parameters.max_passages:,} passages",
                    "max_passages",
                )
            with self.clock("infer", rows=len(found)):
                texts = [embedded(d.text or "", path, self._encoder) for d, path in found]
                for (document, _), text in zip(found, texts, strict=True):
                    limits.check_time()
                    vectors = {"semantic": self._encoder.encode([text])[0]}
                    yield Document(
                        document.text,
                        document.page,
                        box=document.box,
                        payload=document.payload,
                        vectors=vectors,
                    )

    def _passages(self, leaf: Leaf) -> list[tuple[Document, tuple[str, ...]]]:
        """The passages of a leaf without vectors, each with the titles that do not stand in it."""
        found: list[tuple[Document, tuple[str, ...]]] = []
        most = self.parameters.chunk_tokens
        for passage in passages(leaf.text, leaf.syntax, most, self._encoder):
            text = _clean(leaf.text[passage.start : passage.end])
            if not text:
                continue
            path = leaf.path(passage.start)
            payload = {
                "heading": BETWEEN_TITLES.join(path) or None,
                "row": leaf.row(passage.start),
                "scanned": True if leaf.scanned else None,
            }
            document = Document(
                text,
                leaf.page,
                box=leaf.box(passage.start, passage.end),
                payload={name: value for name, value in payload.items() if value is not None},
            )
            found.append((document, tuple(title for title in path if title not in text)))
        return found

    def _limits(self) -> Limits:
        given = self.parameters
        return Limits(
            pages=given.max_pages,
            ocr_pages=given.max_ocr_pages,
            unpacked=given.max_unpacked,
            rows=given.max_rows,
            nesting=given.max_nesting,
            deadline=time.monotonic() + given.max_seconds,
        )

    def _leaves(self, data: bytes, mime: str, limits: Limits) -> Iterator[Leaf]:
        """The leaves of a document; the libraries of its family are imported here."""
        if mime == PDF:
            from extractors.documents.pdf import pdf_leaves

            read = self._reader.read if self.parameters.ocr else None
            return pdf_leaves(data, limits, self.parameters.password, read)
        if mime in (WORD, SLIDES):
            from extractors.documents.office import slide_leaves, word_leaves

            return word_leaves(data, limits) if mime == WORD else slide_leaves(data, limits)
        if mime == WORKBOOK or mime in SEPARATED:
            from extractors.documents.sheets import separated_leaves, workbook_leaves

            if mime == WORKBOOK:
                return workbook_leaves(data, limits)
            return separated_leaves(data, mime, limits)
        if mime == MAIL:
            from extractors.documents.mail import mail_leaves

            return mail_leaves(data, limits)
        from extractors.documents.web import book_leaves, html_leaves

        return book_leaves(data, limits) if mime == BOOK else html_leaves(data, limits)


def _clean(text: str) -> str:
    return LINE_END.sub("\n", DIVIDED.sub("", text)).strip()
