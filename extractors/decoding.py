"""From bytes to text, whatever wrote them.

In this order: a byte order mark; UTF-16 and UTF-32 without one, known by their zero bytes; UTF-8;
UTF-8 with a few broken bytes, as logs have; a legacy encoding. Of these, a text with at most four
kinds of bytes beyond ASCII, all of them Western letters and signs in Windows-1252, is that:
detectors guess badly on so little. All else is left to charset-normalizer, which sees the 64 KiB
around the first byte beyond ASCII. Content full of control characters is not text.
"""

from __future__ import annotations

import codecs
import re
import unicodedata

from charset_normalizer import from_bytes

from extractors.refused import Refused
from workbench.domain.states import Category
from workbench.extraction.contract import Failed

#: UTF-32 first: its little-endian mark begins with that of UTF-16.
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
SAMPLE = 65_536
#: Characters that text does not have; tab, line ends, form feed, backspace and escape do occur.
CONTROL = re.compile("[\x00-\x07\x0b\x0e-\x1a\x1c-\x1f\x7f]")
MOST_CONTROL = 0.005
MOST_BROKEN = 0.001
FEW_KINDS = 4
SPACES = frozenset(" \t\r\n")
WESTERN = frozenset("ÀÁÂÄÅÆÇÈÉÊËÍÎÏÑÓÔÖØÙÚÛÜßàáâãäåæçèéêëìíîïñòóôõöøùúûüÿœŒ‘’“”„–—…•€£§°«»·©®´\xa0")
BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
HINT = "the text extractor takes text only; the name of a file does not make it text"


def decode_text(data: bytes) -> tuple[str, str]:
    """The text and the name of its encoding. Raises Refused for what is empty or not text."""
    if not data:
        raise _refused("the file is empty")
    text, encoding = _decoded(data)
    if not text or text.isspace():
        raise _refused("the file is empty: it holds white space only")
    if sum(1 for _ in CONTROL.finditer(text)) > MOST_CONTROL * len(text):
        raise _refused("the content is not text: it is full of control characters", HINT)
    return text, encoding


def _decoded(data: bytes) -> tuple[str, str]:
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return _strict(data[len(mark) :], encoding), encoding
    encoding = _wide(data[:4096])
    if encoding is not None:
        return _strict(data, encoding), encoding
    text = _utf8(data)
    if text is not None:
        return text, "utf-8"
    return _legacy(data)


def _strict(data: bytes, encoding: str) -> str:
    """Decode what says its encoding itself; an unfinished character at the end is dropped."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        return decoder.decode(data)
    except UnicodeDecodeError as error:
        raise _refused(
            f"the file says that it is {encoding.upper()}, but byte {error.start:,} is not", HINT
        ) from None


def _wide(sample: bytes) -> str | None:
    """Which of UTF-16 and UTF-32 the content is, None where it has no zero bytes.

    Read the wrong way, such a text loses its spaces and line ends, and most often makes no
    characters at all; so the reading with the most of them is the right one.
    """
    if b"\0" not in sample:
        return None
    found: list[tuple[int, str]] = []
    for encoding in ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be"):
        try:
            text = codecs.getincrementaldecoder(encoding)("strict").decode(sample)
        except UnicodeDecodeError:
            continue
        strange = sum(
            unicodedata.category(c) in ("Cc", "Cn", "Co") and c not in SPACES for c in text
        )
        spaces = sum(c in SPACES for c in text)
        if spaces and strange <= MOST_CONTROL * len(text):
            found.append((spaces, encoding))
    if not found:
        raise _refused("the content is not text: it has zero bytes", HINT)
    return max(found)[1]


def _utf8(data: bytes) -> str | None:
    try:
        return _decoder_utf8(data)
    except UnicodeDecodeError:
        text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    whole = len(data) - len(text)  # every good character beyond ASCII has more bytes than one
    return text if broken <= MOST_BROKEN * len(text) and whole > broken else None


def _decoder_utf8(data: bytes) -> str:
    """Strict, but for an unfinished character at the end."""
    return codecs.getincrementaldecoder("utf-8")("strict").decode(data)


def _legacy(data: bytes) -> tuple[str, str]:
    kinds = set(data) - set(range(0x80))
    western = bytes(kinds).decode("cp1252", "replace")
    if len(kinds) <= FEW_KINDS and WESTERN.issuperset(western):
        return data.decode("cp1252"), "cp1252"
    first = BEYOND_ASCII.search(data)
    start = max(0, (first.start() if first else 0) - 1024)
    best = from_bytes(data[start : start + SAMPLE]).best()
    if best is None:
        raise _refused("the content is not text in any known encoding", HINT)
    return data.decode(best.encoding, "replace"), best.encoding


def _refused(message: str, hint: str | None = None) -> Refused:
    return Refused(Failed(Category.FORMAT, message, hint, stage="decode"))
