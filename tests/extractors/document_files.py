"""Documents with known words in known places, made for the tests."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from typing import Any

import docx
import openpyxl
import pptx
import pypdfium2 as pdfium
from docx.oxml import OxmlElement
from fpdf import FPDF
from PIL import Image, ImageDraw, ImageFont
from pptx.util import Inches

PDF = "application/pdf"
OFFICE = "application/vnd.openxmlformats-officedocument."
WORD = f"{OFFICE}wordprocessingml.document"
SLIDES = f"{OFFICE}presentationml.presentation"
WORKBOOK = f"{OFFICE}spreadsheetml.sheet"
BOOK = "application/epub+zip"
MAIL = "message/rfc822"

#: A4 in millimetres, as fpdf2 measures.
WIDE, HIGH = 210, 297
#: A subject a page, each with words of its own.
SUBJECTS = {
    "Walruses": "The walrus rests on drifting ice and dives for clams on the sea floor. ",
    "Espresso": "Espresso is brewed by pressing hot water through finely ground coffee. ",
    "Volcanoes": "Lava flows from the crater when magma rises through the crust. ",
}


def pdf(pages: int = 3, bookmarks: bool = False, **encryption: Any) -> bytes:
    """Pages with a large title, a paragraph near the top, and a line at a known place: its box
    begins a third across and two thirds down the page."""
    made = FPDF()
    made.set_margin(20)
    if encryption:
        made.set_encryption(**encryption)
    for number in range(pages):
        title, sentence = list(SUBJECTS.items())[number % len(SUBJECTS)]
        made.add_page()
        if bookmarks:
            made.start_section(title)
        made.set_font("helvetica", size=22)
        made.cell(0, 12, title, new_x="LMARGIN", new_y="NEXT")
        made.set_font("helvetica", size=11)
        made.multi_cell(0, 6, sentence * 3)
        made.set_xy(WIDE / 3, HIGH * 2 / 3)
        made.cell(60, 6, f"marker-{number + 1} is placed here")
    return bytes(made.output())


def pdf_line(text: str, rotation: int) -> bytes:
    """One line, a third across and two thirds down a page that is turned clockwise to be seen."""
    made = FPDF()
    made.add_page()
    made.set_font("helvetica", size=11)
    made.set_xy(WIDE / 3, HIGH * 2 / 3)
    made.cell(60, 6, text)
    document = pdfium.PdfDocument(bytes(made.output()))
    document[0].set_rotation(rotation)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def pdf_table(rows: Sequence[Sequence[str]]) -> bytes:
    made = FPDF()
    made.add_page()
    made.set_font("helvetica", size=11)
    with made.table() as table:
        for cells in rows:
            row = table.row()
            for cell in cells:
                row.cell(cell)
    return bytes(made.output())


def written(
    lines: Mapping[str, tuple[int, int]], size: tuple[int, int] = (1200, 800), points: int = 36
) -> Image.Image:
    """A white picture with each line at its place."""
    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(points)
    for line, place in lines.items():
        draw.text(place, line, fill="black", font=font)
    return picture


def scan(
    lines: Mapping[str, tuple[int, int]],
    text_first: bool = False,
    stamp: str = "",
    share: float = 1.0,
    strips: int = 1,
    bookmark: str = "",
) -> bytes:
    """A PDF whose last page is a picture of lines; the first has a text layer when asked. The
    picture takes ``share`` of the page's height, in strips; ``stamp`` is typed at the bottom."""
    made = FPDF()
    if text_first:
        made.add_page()
        made.set_font("helvetica", size=11)
        made.multi_cell(0, 6, SUBJECTS["Walruses"])
    made.add_page()
    if bookmark:
        made.start_section(bookmark)
    made.set_auto_page_break(False)
    picture = written(lines, (1240, 1754))
    high, tall = picture.height // strips, HIGH * share / strips
    for number in range(strips):
        strip = picture.crop((0, number * high, picture.width, (number + 1) * high))
        made.image(strip, 0, number * tall, WIDE, tall)
    if stamp:
        made.set_font("helvetica", size=9)
        made.set_xy(20, HIGH - 40)
        made.multi_cell(WIDE - 40, 4, stamp)
    return bytes(made.output())


def word(rendered: bool = False) -> bytes:
    document = docx.Document()
    for title, sentence in SUBJECTS.items():
        document.add_heading(title, 1)
        document.add_heading(f"More on {title}", 2)
        paragraph = document.add_paragraph(sentence * 3)
        if rendered and title != "Volcanoes":
            paragraph.runs[0]._r.append(OxmlElement("w:lastRenderedPageBreak"))
    table = document.add_table(2, 2)
    for cell, text in zip(table._cells, ("Name", "Weight", "Ann", "61 kg"), strict=True):
        cell.text = text
    return _saved(document)


def slides() -> bytes:
    deck = pptx.Presentation()
    for title, sentence in SUBJECTS.items():
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = sentence
        slide.notes_slide.notes_text_frame.text = f"Tell a story about {title}."
    table = slide.shapes.add_table(1, 2, Inches(1), Inches(1), Inches(4), Inches(1)).table
    table.cell(0, 0).text, table.cell(0, 1).text = "Etna", "3357 m"
    return _saved(deck)


def workbook(sheets: Mapping[str, Sequence[Sequence[Any]]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    return _saved(book)


def book(chapters: Mapping[str, str]) -> bytes:
    """An EPUB whose chapters are these, in this order."""
    ids = [f"c{number}" for number in range(len(chapters))]
    items = "".join(
        f'<item id="{i}" href="{i}.xhtml" media-type="application/xhtml+xml"/>' for i in ids
    )
    spine = "".join(f'<itemref idref="{i}"/>' for i in ids)
    files = {
        "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:'
        'container"><rootfiles><rootfile full-path="OEBPS/a.opf"/></rootfiles></container>',
        "OEBPS/a.opf": '<package xmlns="http://www.idpf.org/2007/opf"><metadata>'
        '<title xmlns="http://purl.org/dc/elements/1.1/">Of Things</title></metadata>'
        f"<manifest>{items}</manifest><spine>{spine}</spine></package>",
    }
    for name, (title, text) in zip(ids, chapters.items(), strict=True):
        files[f"OEBPS/{name}.xhtml"] = (
            f"<html><body><h1>{title}</h1><p>{text}</p><script>evil()</script></body></html>"
        )
    return zipped({"mimetype": BOOK, **files})


def letter(subject: str, text: str, html: str | None = None) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ann@example.org", "bob@x.org", subject
    if text:
        message.set_content(text)
    if html is not None:
        (message.add_alternative if text else message.set_content)(html, subtype="html")
    return message


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as container:
        for name, content in files.items():
            container.writestr(name, content)
    return file.getvalue()


def _saved(document: Any) -> bytes:
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()
