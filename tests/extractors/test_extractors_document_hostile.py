"""Documents that are broken or made to harm: each ends as documents or as a failure that says why,
soon, and no other source of the batch suffers."""

from __future__ import annotations

import random
import time
import tracemalloc
import zipfile
from collections.abc import Callable

import document_files as made
import pytest
from extractor_files import File, answers, documents, failure

from extractors.document import DocumentExtractor, DocumentParameters
from workbench.domain.mime import sniff
from workbench.domain.states import Category

SHEETS = {"People": [("name", "age"), ("Ann", 61), ("Bob", 77)]}
MADE: dict[str, tuple[Callable[[], bytes], str]] = {
    "pdf": (made.pdf, made.PDF),
    "docx": (made.word, made.WORD),
    "pptx": (made.slides, made.SLIDES),
    "xlsx": (lambda: made.workbook(SHEETS), made.WORKBOOK),
    "epub": (lambda: made.book(made.SUBJECTS), made.BOOK),
}
CALM = (Category.FORMAT, Category.LIMITS, Category.PERMISSION)


@pytest.fixture(scope="module")
def reader() -> DocumentExtractor:
    extractor = DocumentExtractor()
    extractor.load()
    return extractor


def limited(**limits: int) -> DocumentExtractor:
    extractor = DocumentExtractor(DocumentParameters(**limits))  # pyright: ignore
    extractor.load()
    return extractor


def assert_calm(reader: DocumentExtractor, files: list[File], seconds: float = 20) -> None:
    begun = time.monotonic()
    for answer in answers(reader, files):
        if answer.failure is not None:
            assert answer.failure.category in CALM, answer.failure
            assert answer.failure.message
    assert time.monotonic() - begun < seconds


@pytest.mark.parametrize("kind", MADE)
def test_cut_at_many_places(reader: DocumentExtractor, kind: str) -> None:
    make, mime = MADE[kind]
    whole = make()
    ends = [1, 4, 20, *(int(len(whole) * n / 12) for n in range(1, 12)), len(whole) - 1]
    assert_calm(reader, [File(f"{end}.{kind}", whole[:end], mime) for end in ends])


@pytest.mark.parametrize("kind", MADE)
def test_changed_at_random(reader: DocumentExtractor, kind: str) -> None:
    make, mime = MADE[kind]
    whole, dice = make(), random.Random(11)
    files: list[File] = []
    for turn in range(12):
        data = bytearray(whole)
        for _ in range(dice.choice((1, 5, 50))):
            data[dice.randrange(len(data))] = dice.randrange(256)
        files.append(File(f"{turn}.{kind}", bytes(data), mime))
    assert_calm(reader, files)


@pytest.mark.parametrize("mime", [made.PDF, *(mime for _, mime in MADE.values())])
@pytest.mark.parametrize(
    "data",
    [b"", b"plain words\n", random.Random(3).randbytes(5000), made.zipped({"a.txt": "words"})],
    ids=["empty", "text", "random", "zip"],
)
def test_what_is_of_another_kind(reader: DocumentExtractor, mime: str, data: bytes) -> None:
    reason = failure(reader, File("a", data, mime))
    assert reason.category is Category.FORMAT
    assert reason.message


@pytest.mark.parametrize("mime", ["text/html", made.MAIL, "text/csv"])
def test_binary_that_calls_itself_text(reader: DocumentExtractor, mime: str) -> None:
    reason = failure(reader, File("a", random.Random(4).randbytes(50_000), mime))
    assert reason.category is Category.FORMAT


def test_a_zip_bomb_is_not_unpacked(reader: DocumentExtractor) -> None:
    bomb = made.zipped({"word/document.xml": b" " * 600_000_000})
    assert len(bomb) < 1_000_000
    tracemalloc.start()
    reason = failure(reader, File("a.docx", bomb, made.WORD))
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()
    assert reason.category is Category.LIMITS
    assert "600,000,000" in reason.message
    assert "document.max_unpacked" in (reason.hint or "")


def test_a_zip_that_lies_about_its_size(reader: DocumentExtractor) -> None:
    """The stated size is what is unpacked at most."""
    bomb = bytearray(made.zipped({"word/document.xml": b" " * 50_000_000}))
    size = (50_000_000).to_bytes(4, "little")
    at = bomb.rindex(size)
    bomb[at : at + 4] = (1000).to_bytes(4, "little")
    tracemalloc.start()
    reason = failure(reader, File("a.docx", bytes(bomb), made.WORD))
    assert tracemalloc.get_traced_memory()[1] < 30_000_000
    tracemalloc.stop()
    assert reason.category is Category.FORMAT


def test_entities_are_not_expanded(reader: DocumentExtractor) -> None:
    lines = ['<!ENTITY a0 "ha">', *(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))]
    bomb = f"<?xml version='1.0'?><!DOCTYPE w [{''.join(lines)}]>"
    body = '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
    xml = f"{bomb}{body}<w:body><w:p><w:r><w:t>&a9;</w:t></w:r></w:p></w:body></w:document>"
    assert_calm(reader, [File("a.docx", replaced(made.word(), "word/document.xml", xml))], 5)


def test_outside_files_are_not_read(reader: DocumentExtractor) -> None:
    xxe = '<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    book = made.zipped(
        {
            "META-INF/container.xml": f"{xxe}<container><rootfiles><rootfile "
            'full-path="a.opf"/></rootfiles></container>',
            "a.opf": f'{xxe}<package xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>&x;'
            '</dc:title><manifest><item id="c" href="../../../../etc/passwd" '
            'media-type="text/html"/></manifest><spine><itemref idref="c"/></spine></package>',
        }
    )
    reason = failure(reader, File("a.epub", book, made.BOOK))
    assert reason.category is Category.FORMAT
    page = f"{xxe}<html><body><p>&x; hello</p><iframe src='file:///etc/passwd'></iframe></body>"
    (document,) = documents(reader, File("a.html", page.encode(), "text/html"))
    assert "root:" not in (document.text or "")


def test_a_deep_page_ends(reader: DocumentExtractor) -> None:
    for tag in ("div", "table><tr><td", "b", "ul><li"):
        page = f"<html><body>{f'<{tag}>' * 50_000}deep words</body></html>"
        assert_calm(reader, [File("a.html", page.encode(), "text/html")], 10)


def test_letters_in_letters_end(reader: DocumentExtractor) -> None:
    message = made.letter("0", "innermost")
    for number in range(1, 12):
        outer = made.letter(str(number), "see below")
        outer.add_attachment(message)
        message = outer
    reason = failure(reader, File("a.eml", message.as_bytes(), made.MAIL))
    assert reason.category is Category.LIMITS
    assert "document.max_nesting" in (reason.hint or "")
    parts = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(900))
    assert_calm(reader, [File("b.eml", f"Subject: x\n{parts}".encode(), made.MAIL)], 20)


def test_a_sheet_with_a_cell_far_away(reader: DocumentExtractor) -> None:
    book = made.workbook({"S": [("name",), ("Ann",)]})
    xml = zipfile.ZipFile(made.io.BytesIO(book)).read("xl/worksheets/sheet1.xml").decode()
    far = '<row r="1048576"><c r="XFD1048576" t="n"><v>7</v></c></row></sheetData>'
    data = replaced(book, "xl/worksheets/sheet1.xml", xml.replace("</sheetData>", far))
    short = limited(max_seconds=5)
    assert_calm(short, [File("a.xlsx", data, made.WORKBOOK)], 30)


@pytest.mark.parametrize(
    ("name", "value", "file"),
    [
        ("max_bytes", 100, File("a.pdf", made.pdf(1), made.PDF)),
        ("max_pages", 2, File("a.pdf", made.pdf(3), made.PDF)),
        ("max_pages", 2, File("a.pptx", made.slides(), made.SLIDES)),
        ("max_ocr_pages", 0, File("a.pdf", made.scan({"word": (100, 100)}), made.PDF)),
        ("max_rows", 1, File("a.xlsx", made.workbook(SHEETS), made.WORKBOOK)),
        ("max_rows", 1, File("a.csv", b"a,b\n1,2\n3,4\n", "text/csv")),
        ("max_passages", 1, File("a.pdf", made.pdf(3), made.PDF)),
        ("max_unpacked", 100, File("a.docx", made.word(), made.WORD)),
    ],
    ids=lambda value: value.name if isinstance(value, File) else str(value),
)
def test_limits_are_parameters(name: str, value: int, file: File) -> None:
    reason = failure(limited(**{name: value}), file)
    assert reason.category is Category.LIMITS
    assert f"--set document.{name}=" in (reason.hint or "")


def test_an_encrypted_office_file_is_a_matter_of_permission(reader: DocumentExtractor) -> None:
    data = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 2000
    assert sniff(data, "a.docx") == made.WORD
    reason = failure(reader, File("a.docx", data, made.WORD))
    assert reason.category is Category.PERMISSION
    assert "without a password" in (reason.hint or "")


def test_bad_ones_do_not_harm_the_batch(reader: DocumentExtractor) -> None:
    good = File("good.pdf", made.pdf(1), made.PDF)
    files = [good, File("a", b"%PDF-1.7 nothing", made.PDF), good, File("b", b"", made.WORD), good]
    found = answers(reader, files)
    assert [answer.failure is None for answer in found] == [True, False, True, False, True]


def replaced(container: bytes, name: str, content: str) -> bytes:
    with zipfile.ZipFile(made.io.BytesIO(container)) as found:
        files = {each: found.read(each) for each in found.namelist()}
    return made.zipped({**files, name: content})
