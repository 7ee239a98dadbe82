"""Word and PowerPoint files, by python-docx and python-pptx.

Word: paragraphs and tables in order, also those in text boxes and content controls; heading styles
are titles. Word notes where it broke pages when it last showed the document; where it did, a leaf
is a page. PowerPoint: a leaf a slide, with its title, texts, tables and notes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

import docx
import pptx
from docx.oxml.ns import qn

from extractors.documents.containers import BROKEN, open_zip, unreadable
from extractors.documents.leaves import Leaf, Limits, Writer

HEADING = re.compile(r"heading ([1-9])", re.IGNORECASE)
P, TBL, ROW, CELL, TEXT = qn("w:p"), qn("w:tbl"), qn("w:tr"), qn("w:tc"), qn("w:t")
TAB, BREAK, RENDERED = qn("w:tab"), qn("w:br"), qn("w:lastRenderedPageBreak")
TYPE, STYLE, VALUE = qn("w:type"), qn("w:pStyle"), qn("w:val")
#: The same again, for programs that know less.
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
MOST_DEPTH = 20


def word_leaves(data: bytes, limits: Limits) -> Iterator[Leaf]:
    """A leaf a page where pages are known, else one. Raises Refused."""
    open_zip(data, limits.unpacked, "Word document").close()
    try:
        document = docx.Document(io.BytesIO(data))
        body: Any = document.element.body
        levels = _levels(document)
        yield from _pages(body, levels, limits)
    except BROKEN as error:
        raise unreadable("Word document", error) from error


def _pages(body: Any, levels: Mapping[str, int], limits: Limits) -> Iterator[Leaf]:
    known = next(body.iter(RENDERED), None) is not None
    writer = Writer()
    page = 1
    for block in body.iter(P, TBL):
        limits.check_time()
        if _inside(block, TBL) or _inside(block, FALLBACK):
            continue
        if block.tag == TBL:
            _table(writer, block)
            continue
        text, before, after = _paragraph(block, known)
        if before:
            yield from _turned(writer, page)
        page += before
        level = levels.get(_style(block))
        if level is not None:
            writer.title(level, text)
        else:
            writer.paragraph(text)
        if after:
            yield from _turned(writer, page)
        page += after
        limits.check_pages(page)
    yield from _turned(writer, page if known else None)


def _turned(writer: Writer, page: int | None) -> Iterator[Leaf]:
    leaf = writer.leaf(page)
    if leaf is not None:
        yield leaf


def _levels(document: Any) -> Mapping[str, int]:
    """The styles that make titles, by id."""
    found = {"Title": 1}
    for style in document.styles:
        name = HEADING.fullmatch(style.name or "")
        if name:
            found[style.style_id] = int(name[1])
    return found


def _style(block: Any) -> str:
    style = next(block.iter(STYLE), None)
    return style.get(VALUE) if style is not None else ""


def _inside(node: Any, tag: str) -> bool:
    return next(node.iterancestors(tag), None) is not None


def _paragraph(block: Any, known: bool) -> tuple[str, int, int]:
    """The text, and the page breaks before its end: those before any text, and those after."""
    pieces: list[str] = []
    before = after = 0
    for node in block.iter(TEXT, TAB, BREAK, RENDERED):
        if next(node.iterancestors(P)) is not block:
            continue  # a text box inside: its paragraphs come by themselves
        if node.tag == TEXT:
            pieces.append(node.text or "")
        elif node.tag == TAB:
            pieces.append("\t")
        elif node.tag == BREAK:
            pieces.append("\n")
        elif known and "".join(pieces).strip():
            after += 1
        elif known:
            before += 1
    return "".join(pieces), before, after


def _table(writer: Writer, table: Any) -> None:
    for row in table.iter(ROW):
        if next(row.iterancestors(TBL)) is table:
            cells = (cell for cell in row.iter(CELL) if next(cell.iterancestors(ROW)) is row)
            writer.row(["".join(_cell(cell)) for cell in cells])
    writer.rest()


def _cell(cell: Any) -> Iterator[str]:
    for node in cell.iter(TEXT, P):
        yield (node.text or "") if node.tag == TEXT else " "


def slide_leaves(data: bytes, limits: Limits) -> Iterator[Leaf]:
    """A leaf a slide. Raises Refused."""
    open_zip(data, limits.unpacked, "presentation").close()
    try:
        slides: Any = pptx.Presentation(io.BytesIO(data)).slides
        limits.check_pages(len(slides), "slides")
        for number, slide in enumerate(slides, 1):
            limits.check_time()
            writer = Writer()
            _slide(writer, slide)
            leaf = writer.leaf(number)
            if leaf is not None:
                yield leaf
    except BROKEN as error:
        raise unreadable("presentation", error) from error


def _slide(writer: Writer, slide: Any) -> None:
    title = slide.shapes.title
    if title is not None:
        writer.title(1, title.text_frame.text)
    for shape in slide.shapes:
        if title is None or shape.shape_id != title.shape_id:
            _shape(writer, shape, 0)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        writer.paragraph(slide.notes_slide.notes_text_frame.text)


def _shape(writer: Writer, shape: Any, depth: int) -> None:
    if hasattr(shape, "shapes") and depth < MOST_DEPTH:
        for inner in shape.shapes:
            _shape(writer, inner, depth + 1)
    elif getattr(shape, "has_table", False):
        for row in shape.table.rows:
            writer.row([cell.text for cell in row.cells])
        writer.rest()
    elif getattr(shape, "has_text_frame", False):
        writer.paragraph(shape.text_frame.text)
