"""What the document extractor promises for good documents of each kind."""

from __future__ import annotations

import io
from datetime import date
from email import policy
from pathlib import Path

import document_files as made
import numpy as np
import pytest
from extractor_files import File, documents, failure
from PIL import Image

from extractors.document import DocumentExtractor, DocumentParameters
from workbench.domain.states import Category
from workbench.extraction.contract import Document, Part, Query
from workbench.extraction.preview import NoPreview, Wanted, make_preview


@pytest.fixture(scope="module")
def reader() -> DocumentExtractor:
    extractor = DocumentExtractor()
    extractor.load()
    return extractor


def joined(found: tuple[Document, ...]) -> str:
    return "\n".join(document.text or "" for document in found)


def holding(found: tuple[Document, ...], words: str) -> Document:
    return next(document for document in found if words in (document.text or ""))


@pytest.mark.parametrize("bookmarks", [False, True])
def test_a_pdf_passage_knows_page_title_and_place(
    reader: DocumentExtractor, bookmarks: bool
) -> None:
    found = documents(reader, File("a.pdf", made.pdf(bookmarks=bookmarks), made.PDF))
    for page, (title, sentence) in enumerate(made.SUBJECTS.items(), 1):
        document = holding(found, sentence.split(".")[0])
        assert document.page == page
        assert document.payload == {"heading": title}
        marker = holding(found, f"marker-{page}")
        assert marker.page == page
        assert marker.box is not None
        left, top, right, bottom = marker.box
        assert left <= 1 / 3 + 0.01
        assert right >= 1 / 3 + 0.1
        assert top <= 2 / 3 + 0.02
        assert 2 / 3 < bottom < 2 / 3 + 0.03


@pytest.mark.parametrize("rotation", [0, 90])
def test_the_box_is_on_the_page_as_it_is_seen(reader: DocumentExtractor, rotation: int) -> None:
    data = made.pdf_line("a line by itself", rotation)
    (document,) = documents(reader, File("a.pdf", data, made.PDF))
    assert document.box is not None
    left, top, right, bottom = document.box
    if rotation:  # clockwise: what was two thirds down is a third from the left
        left, top, right, bottom = top, 1 - right, bottom, 1 - left
    assert left == pytest.approx(1 / 3, abs=0.01)
    assert top == pytest.approx(2 / 3, abs=0.02)
    assert 0.02 < right - left < 0.2
    assert 0.005 < bottom - top < 0.03


def test_text_finds_the_page(reader: DocumentExtractor) -> None:
    found = documents(reader, File("a.pdf", made.pdf(), made.PDF))
    vectors = np.stack([document.vectors["semantic"] for document in found])
    for query, page in (("a strong cup of coffee", 2), ("eruption", 3), ("arctic animal", 1)):
        best = int((vectors @ reader.encode(Query("text", text=query), "semantic")).argmax())
        assert found[best].page == page, query


def test_passages_never_cross_pages(reader: DocumentExtractor) -> None:
    found = documents(reader, File("a.pdf", made.pdf(9), made.PDF))
    assert [document.page for document in found] == sorted(d.page or 0 for d in found)
    for document in found:
        marks = [n for n in range(1, 10) if f"marker-{n} " in (document.text or "")]
        assert marks in ([], [document.page])


def test_rows_of_a_pdf_table_stay_rows(reader: DocumentExtractor) -> None:
    data = made.pdf_table([("Name", "Weight"), ("Ann", "61 kg"), ("Bob", "77 kg")])
    (document,) = documents(reader, File("a.pdf", data, made.PDF))
    assert document.text == "Name Weight\nAnn 61 kg\nBob 77 kg"


def test_an_encrypted_pdf_asks_for_its_password(reader: DocumentExtractor) -> None:
    data = made.pdf(owner_password="owner", user_password="sesame")
    reason = failure(reader, File("a.pdf", data, made.PDF))
    assert reason.category is Category.PERMISSION
    assert reason.hint is not None
    assert "--set document.password=" in reason.hint
    opened = DocumentExtractor(DocumentParameters(password="sesame"))
    opened.load()
    assert len(documents(opened, File("a.pdf", data, made.PDF))) >= 3
    wrong = DocumentExtractor(DocumentParameters(password="guess"))
    wrong.load()
    assert "does not open" in failure(wrong, File("a.pdf", data, made.PDF)).message


def test_a_scanned_page_is_read(reader: DocumentExtractor) -> None:
    data = made.scan({"The submarine is yellow": (400, 900)}, text_first=True)
    layer, scanned = documents(reader, File("a.pdf", data, made.PDF))
    assert (layer.page, scanned.page) == (1, 2)
    assert layer.payload.get("scanned") is None
    assert scanned.text == "The submarine is yellow"
    assert scanned.payload["scanned"] is True
    assert scanned.box is not None
    left, top, right, bottom = scanned.box
    assert left == pytest.approx(400 / 1240, abs=0.02)
    assert 0.5 < top < bottom < 0.56
    assert right < 0.75
    without = DocumentExtractor(DocumentParameters(ocr=False))
    without.load()
    assert [d.page for d in documents(without, File("a.pdf", data, made.PDF))] == [1]


def test_a_scanned_page_has_the_title_of_its_bookmark(reader: DocumentExtractor) -> None:
    data = made.scan({"The submarine is yellow": (400, 900)}, bookmark="Ships")
    (document,) = documents(reader, File("a.pdf", data, made.PDF))
    assert document.payload == {"heading": "Ships", "scanned": True}


@pytest.mark.parametrize("strips", [1, 7])
def test_a_stamp_on_a_scan_is_not_all_that_is_read(reader: DocumentExtractor, strips: int) -> None:
    stamp = "Scanned with CamScanner"
    data = made.scan({"The submarine is yellow": (400, 600)}, stamp=stamp, strips=strips)
    (document,) = documents(reader, File("a.pdf", data, made.PDF))
    assert document.text == f"The submarine is yellow\n\n{stamp}"
    assert document.payload["scanned"] is True
    assert document.box is not None
    left, top, _, bottom = document.box
    assert left == pytest.approx(20 / made.WIDE, abs=0.02)  # the stamp's
    assert top == pytest.approx(600 / 1754, abs=0.02)  # the line's
    assert bottom == pytest.approx(1 - 37 / made.HIGH, abs=0.02)


@pytest.mark.parametrize(
    ("stamp", "share"), [("A caption of the picture", 0.5), ("ink " * 40, 1.0)]
)
def test_a_page_with_text_of_its_own_is_not_read(
    reader: DocumentExtractor, stamp: str, share: float
) -> None:
    data = made.scan({"The submarine is yellow": (400, 600)}, stamp=stamp, share=share)
    (document,) = documents(reader, File("a.pdf", data, made.PDF))
    assert (document.text or "").split() == stamp.split()
    assert document.payload == {}


def test_word_has_titles_and_tables(reader: DocumentExtractor) -> None:
    found = documents(reader, File("a.docx", made.word(), made.WORD))
    lava = holding(found, "Lava flows")
    assert lava.payload["heading"] == "Volcanoes > More on Volcanoes"
    assert lava.page is None
    assert "| Name | Weight |\n| Ann | 61 kg |" in joined(found)


def test_word_pages_are_those_word_noted(reader: DocumentExtractor) -> None:
    found = documents(reader, File("a.docx", made.word(rendered=True), made.WORD))
    pages = [holding(found, text.split(".")[0]).page for text in made.SUBJECTS.values()]
    assert pages == [1, 2, 3]


def test_a_slide_is_a_page(reader: DocumentExtractor) -> None:
    found = documents(reader, File("a.pptx", made.slides(), made.SLIDES))
    assert [holding(found, text.strip()).page for text in made.SUBJECTS.values()] == [1, 2, 3]
    last = holding(found, "Lava flows")
    assert last.payload["heading"] == "Volcanoes"
    assert "Tell a story about Volcanoes." in joined(found)
    assert "| Etna | 3357 m |" in joined(found)


def test_rows_of_a_workbook_name_their_columns(reader: DocumentExtractor) -> None:
    people = [("name", "weight", "born"), ("Ann", 61.5, date(1990, 5, 1)), (None, None, None)]
    data = made.workbook({"People": [*people, ("Bob", 77, None)], "Loose": [(1, 2), (3, 4)]})
    first, second = documents(reader, File("a.xlsx", data, made.WORKBOOK))
    assert first.text == "- name: Ann; weight: 61.5; born: 1990-05-01\n- name: Bob; weight: 77"
    assert (first.page, first.payload) == (1, {"heading": "People", "row": 2})
    assert second.text == "- A: 1; B: 2\n- A: 3; B: 4"
    assert (second.page, second.payload) == (2, {"heading": "Loose", "row": 1})


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separated_values(reader: DocumentExtractor, separator: str) -> None:
    rows = [("city", "note"), *((f"Town {n}", f"founded in {1000 + n}") for n in range(60))]
    text = "\n".join(separator.join(row) for row in rows)
    found = documents(reader, File("a.csv", text.encode("utf-16"), "text/csv"))
    assert len(found) > 3
    for document in found:
        number = document.payload["row"] - 2
        assert (document.text or "").startswith(f"- city: Town {number}; note: founded in")
        assert set(document.payload) <= set(reader.spec.fields)


def test_a_cell_may_hold_a_whole_page(reader: DocumentExtractor) -> None:
    text = f"city,note\nUlm,{'x' * 140_000}\nBonn,on the Rhine\n"
    found = documents(reader, File("a.csv", text.encode(), "text/csv"))
    assert "- city: Bonn; note: on the Rhine" in joined(found)


def test_html_is_what_a_person_reads(reader: DocumentExtractor) -> None:
    page = """<html><head><title>Zoo guide</title><style>p{}</style></head><body>
    <nav><a href=/>Home</a> Menu</nav><main><h1>Seals</h1><p>Seals   are <b>fat</b>.</p>
    <script>steal()</script><p style="display: none">invisible</p>
    <table><tr><th>Kind</th><th>Length</th></tr><tr><td>Grey</td><td>2 m</td></tr></table>
    <ul><li>one</li><li>two</li></ul><h2>Food</h2><p>Fish.</p></main><footer>(c)</footer></body>"""
    found = documents(reader, File("a.html", page.encode(), "text/html"))
    assert joined(found) == (
        "# Seals\n\nSeals are fat.\n\n| Kind | Length |\n| Grey | 2 m |\n\n- one\n\n- two\n"
        "## Food\n\nFish."
    )
    assert found[0].payload["heading"] == "Zoo guide > Seals"
    assert found[1].payload["heading"] == "Zoo guide > Seals > Food"


def test_html_in_the_encoding_it_states(reader: DocumentExtractor) -> None:
    page = '<html><meta charset="koi8-r"><body><p>Привет, мир</p></body></html>'
    (document,) = documents(reader, File("a.html", page.encode("koi8-r"), "text/html"))
    assert document.text == "Привет, мир"


@pytest.mark.parametrize("stated", ["undefined", "punycode", "nonsense", "UTF-16", "zip"])
def test_html_that_states_no_encoding_that_can_be(reader: DocumentExtractor, stated: str) -> None:
    page = f'<html><meta charset="{stated}"><body><p>Grüße aus Köln</p></body></html>'
    page += " " * (len(page.encode()) % 2)
    (document,) = documents(reader, File("a.html", page.encode(), "text/html"))
    assert "Grüße aus Köln" in (document.text or "")


def test_a_book_is_read_by_chapters(reader: DocumentExtractor) -> None:
    data = made.book(made.SUBJECTS)
    found = documents(reader, File("a.epub", data, made.BOOK))
    assert [d.payload["heading"] for d in found] == [f"Of Things > {t}" for t in made.SUBJECTS]
    assert "evil" not in joined(found)


def test_a_letter_with_what_is_attached(reader: DocumentExtractor) -> None:
    inner = made.letter("Old news", "", html="<p>The <b>harbour</b> is closed.</p>")
    outer = made.letter("Lunch", "Shall we meet at noon?", html="<p>ignored</p>")
    outer.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="menu.pdf")
    outer.add_attachment(inner)
    first, second = documents(reader, File("a.eml", outer.as_bytes(), made.MAIL))
    assert first.payload["heading"] == "Lunch"
    assert "From: ann@example.org" in (first.text or "")
    assert "Shall we meet at noon?" in (first.text or "")
    assert "Attached: menu.pdf (application/pdf, 5 bytes)" in (first.text or "")
    assert "ignored" not in (first.text or "")
    assert second.payload["heading"].endswith("Old news")
    assert "The harbour is closed." in (second.text or "")


def test_a_long_letter_with_the_line_ends_of_mail(reader: DocumentExtractor) -> None:
    """What is long is its body: an empty line in CRLF ends the headers."""
    style = "\n".join(f"  .c{n} {{ color: black }}" for n in range(6000))
    page = f"<style>\n{style}\n</style><p>Your booking is changed.</p>"
    data = made.letter("Booking", "", html=page).as_bytes(policy=policy.SMTP)
    assert len(data) > 140_000
    assert b"\n\n" not in data
    (document,) = documents(reader, File("a.eml", data, made.MAIL))
    assert document.payload["heading"] == "Booking"
    assert "Your booking is changed." in (document.text or "")


def test_a_page_is_shown_as_a_picture() -> None:
    file = File("a.pdf", made.pdf(2), made.PDF)
    shown = [DocumentExtractor.preview(file, Part(page=page), 320) for page in (1, 2)]
    assert shown[0] != shown[1]
    picture = Image.open(io.BytesIO(shown[1] or b""))
    assert (picture.format, max(picture.size)) == ("WEBP", 320)
    assert picture.convert("L").getextrema()[0] < 128  # there is ink on it
    assert DocumentExtractor.preview(File("a.docx", b"", made.WORD), Part(page=1), 320) is None
    for broken in (file.data[:500], b""):
        with pytest.raises(ValueError, match="PDF"):
            DocumentExtractor.preview(File("a.pdf", broken, made.PDF), Part(page=1), 320)
    with pytest.raises(ValueError, match="no page 7"):
        DocumentExtractor.preview(file, Part(page=7), 320)


def test_pages_of_an_encrypted_pdf_are_not_shown_and_that_is_said(tmp_path: Path) -> None:
    """Asked as the service asks: a process of its own answers, and does not die of it."""
    path = tmp_path / "secret.pdf"
    path.write_bytes(made.pdf(1, owner_password="owner", user_password="open"))
    target = "extractors.document:DocumentExtractor"
    wanted = Wanted(target, path.name, made.PDF, Part(page=1), 320)
    with path.open("rb") as file, pytest.raises(NoPreview, match="encrypted, and its pages are"):
        make_preview(wanted, file)
