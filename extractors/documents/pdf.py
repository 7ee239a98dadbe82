"""PDF by PDFium: the text layer page by page with its places; pages that are scans by OCR.

Titles come from the document's bookmarks; where it has none, lines in letters clearly larger than
most of the page are titles. A page that is a picture of text is rendered and read. PDFium is not
safe for threads: one thread of a process reads documents.
"""

from __future__ import annotations

import ctypes
import io
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as raw
from PIL import Image

from extractors.documents.leaves import Box, Head, Leaf, Limits, bad, locked, one_line, too_much
from extractors.documents.scans import is_scan, unstamped, with_layer
from extractors.reading import Line, page_text

#: What a rendered page is read at: A4 in 170 dots an inch.
OCR_SIDE = 2000
MOST_CHARACTERS = 2_000_000
#: Letters this much larger than most of the page make a title.
LARGER = 1.2
MOST_TITLE = 120
LINE = re.compile(r"[^\r\n]+")
MOST_BOOKMARKS = 5000
#: Boxes are asked of PDFium on a grid this fine.
GRID = 100_000

#: A gap between lines this much wider than usual ends a paragraph.
WIDER = 1.35

Read = Callable[[Image.Image], Sequence[Line]]


@dataclass(frozen=True)
class _Printed:
    """A line of the text layer: the size of its letters, and how high it stands."""

    start: int
    end: int
    text: str
    size: float
    y: float


def pdf_leaves(
    data: bytes, limits: Limits, password: str | None, read: Read | None
) -> Iterator[Leaf]:
    """A leaf a page; without ``read``, pictures of text are left out. Raises Refused."""
    document = open_pdf(data, password)
    try:
        count = len(document)
        limits.check_pages(count)
        bookmarks = _bookmarks(document)
        path: tuple[str, ...] = ()
        scanned = 0
        for index in range(count):
            limits.check_time()
            page = _page(document, index)
            if page is None:
                continue
            leaf = _text_leaf(page, index, bookmarks, path)
            if read is not None and is_scan(page, leaf):
                scanned += 1
                if scanned > limits.ocr_pages:
                    raise too_much(
                        f"more than {limits.ocr_pages:,} pages are pictures of text",
                        "max_ocr_pages",
                    )
                leaf = _read_leaf(page, index, bookmarks.get(index, ()), path, read, leaf)
            if leaf is not None:
                path = leaf.heads[-1].path
                yield leaf
            page.close()
        if not count:
            raise bad("the PDF has no pages")
    finally:
        document.close()


def open_pdf(data: bytes, password: str | None) -> pdfium.PdfDocument:
    """Raises Refused: no PDF, or one that needs another password."""
    try:
        return pdfium.PdfDocument(data, password=password)
    except pdfium.PdfiumError as error:
        if error.err_code == raw.FPDF_ERR_PASSWORD:
            wrong = "the password does not open it" if password else "the PDF needs a password"
            raise locked(wrong) from None
        if error.err_code == raw.FPDF_ERR_SECURITY:
            raise locked("the PDF is encrypted in a way that cannot be read") from None
        raise bad(
            f"the PDF cannot be opened ({len(data):,} bytes)",
            "it is cut or damaged; open it in a PDF viewer and save it again",
        ) from None


def _page(document: pdfium.PdfDocument, index: int) -> Any:
    """None for a page that is broken: its neighbours are not."""
    try:
        return document[index]
    except pdfium.PdfiumError:
        return None


def _bookmarks(document: pdfium.PdfDocument) -> Mapping[int, list[tuple[int, str]]]:
    """Level and title of the bookmarks, by page."""
    found: dict[int, list[tuple[int, str]]] = {}
    for number, mark in enumerate(document.get_toc(max_depth=8)):
        if number == MOST_BOOKMARKS:
            break
        target = mark.get_dest()
        page = target.get_index() if target else None
        title = one_line(mark.get_title() or "")[:MOST_TITLE]
        if page is not None and title:
            found.setdefault(page, []).append((mark.level, title))
    return found


def _text_leaf(
    page: Any,
    index: int,
    bookmarks: Mapping[int, Sequence[tuple[int, str]]],
    path: tuple[str, ...],
) -> Leaf | None:
    layer = page.get_textpage()
    characters = layer.count_chars()
    if characters > MOST_CHARACTERS:
        raise bad(f"page {index + 1} has {characters:,} characters, more than a page can hold")
    text = layer.get_text_range().replace("\0", " ")
    if not text.strip():
        return None
    lines = _lines(layer, text)
    text = _paragraphs(text, lines)
    heads = _marked(text, bookmarks.get(index, ()), path) if bookmarks else _printed(lines, path)
    return Leaf(
        text,
        page=index + 1,
        syntax="plain",
        heads=heads,
        box=lambda start, end: _box(page, layer, start, end),
    )


def _lines(layer: Any, text: str) -> list[_Printed]:
    found: list[_Printed] = []
    for match in LINE.finditer(text):
        name = one_line(match[0])
        if name:
            first = match.start() + len(match[0]) - len(match[0].lstrip())
            size = round(raw.FPDFText_GetFontSize(layer.raw, first), 1)
            x, y = ctypes.c_double(), ctypes.c_double()
            raw.FPDFText_GetCharOrigin(layer.raw, first, x, y)
            found.append(_Printed(match.start(), match.end(), name, size, y.value))
    return found


def _paragraphs(text: str, lines: Sequence[_Printed]) -> str:
    """Empty lines where the gap between lines is wide, or the next stands higher: in another
    column. The text stays as long as it is, so that places in it stay places of PDFium's."""
    gaps = [above.y - line.y for above, line in itertools.pairwise(lines)]
    down = sorted(gap for gap in gaps if gap > 0)
    usual = down[len(down) // 2] if down else 0
    pieces: list[str] = []
    at = 0
    for gap, (above, line) in zip(gaps, itertools.pairwise(lines), strict=True):
        between = text[above.end : line.start]
        if gap < 0 or gap > WIDER * usual:
            pieces += (text[at : above.end], "\n" * len(between))
            at = line.start
    return ("".join(pieces) + text[at:]).replace("\r\n", " \n")


def _marked(text: str, marks: Sequence[tuple[int, str]], path: tuple[str, ...]) -> list[Head]:
    """Bookmarks, each where its title stands in the page's text, else at the top."""
    heads = [Head(0, 0, path)]
    at = 0
    for level, title in marks:
        found = re.compile(r"\s+".join(map(re.escape, title.split())), re.I).search(text, at)
        start, at = found.span() if found else (at, at)
        path = (*path[:level], title)
        heads.append(Head(start, at, path))
    return heads


def _printed(lines: Sequence[_Printed], path: tuple[str, ...]) -> list[Head]:
    """Titles by the size of their letters; a larger one is over a smaller one."""
    weights: Counter[float] = Counter()
    for line in lines:
        weights[line.size] += len(line.text)
    usual = weights.most_common(1)[0][0]
    heads = [Head(0, 0, path)]
    stack: list[tuple[float, str]] = []
    for line in lines:
        large = line.size >= LARGER * usual > 0 and len(line.text) <= MOST_TITLE
        if large and line.text[0].isalnum():
            stack = [*(kept for kept in stack if kept[0] > line.size), (line.size, line.text)]
            heads.append(Head(line.start, line.end, tuple(title for _, title in stack)))
    return heads


def _box(page: Any, layer: Any, start: int, end: int) -> Box | None:
    """The rectangle around these characters on the page as a person sees it."""
    count = raw.FPDFText_CountRects(layer.raw, start, end - start)
    xs: list[float] = []
    ys: list[float] = []
    for index in range(count):
        left, bottom, right, top = layer.get_rect(index)
        for x, y in ((left, top), (right, bottom)):
            across, down = ctypes.c_int(), ctypes.c_int()
            raw.FPDF_PageToDevice(page.raw, 0, 0, GRID, GRID, 0, x, y, across, down)
            xs.append(across.value / GRID)
            ys.append(down.value / GRID)
    if not xs:
        return None
    return _inside(min(xs)), _inside(min(ys)), _inside(max(xs)), _inside(max(ys))


def _inside(share: float) -> float:
    return round(min(1.0, max(0.0, share)), 4)


def _read_leaf(
    page: Any,
    index: int,
    marks: Sequence[tuple[int, str]],
    path: tuple[str, ...],
    read: Read,
    layer: Leaf | None,
) -> Leaf | None:
    """The page as it was read, and its layer; the layer alone where nothing else was read."""
    picture = render(page, OCR_SIDE)
    text, box = page_text(unstamped(read(picture), layer), picture.size)
    if not text.strip():
        return layer
    if layer is not None:
        text, box = with_layer(text, box, layer)
    heads = _marked(text, marks, path)
    return Leaf(text, index + 1, "plain", heads=heads, box=box, scanned=True)


def render(page: Any, side: int) -> Image.Image:
    """The page with its longer side at ``side`` pixels."""
    longest = max(*page.get_size(), 1.0)
    return page.render(scale=side / longest, rev_byteorder=True).to_pil().convert("RGB")


def page_picture(data: bytes, number: int, edge: int) -> bytes:
    """The page as WebP, its longer side at ``edge`` pixels. Raises Refused."""
    document = open_pdf(data, None)
    try:
        page = _page(document, number - 1) if 1 <= number <= len(document) else None
        if page is None:
            raise bad(f"the PDF has no page {number} that can be shown")
        file = io.BytesIO()
        render(page, edge).save(file, "WEBP", quality=80, method=2)
        return file.getvalue()
    finally:
        document.close()
