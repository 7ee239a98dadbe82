"""Texts come back whole from the encodings in which people have them."""

from __future__ import annotations

import codecs

import pytest

from extractors.decoding import decode_text
from extractors.refused import Refused

ENGLISH = "The quick brown fox jumps over the lazy dog.\nIt was 5 € — “cheap”, he said.\n"
FRENCH = "Le café est très bon ; l'élève a reçu sa première leçon à l'école près de la forêt.\n"
RUSSIAN = "Привет, как дела? Сегодня хорошая погода, и мы идём гулять в парк.\n"
JAPANESE = "今日は天気がいいので、公園に行きましょう。猫がいます。\n"
HEBREW = "שלום עולם, מה שלומך היום?\n"


@pytest.mark.parametrize("text", [ENGLISH, FRENCH, RUSSIAN, JAPANESE, HEBREW, "a", "ab\n"])
@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("utf-32-le", codecs.BOM_UTF32_LE),
        ("utf-32-be", codecs.BOM_UTF32_BE),
    ],
)
def test_unicode_with_and_without_mark(text: str, encoding: str, mark: bytes) -> None:
    assert decode_text(mark + text.encode(encoding)) == (text, encoding)


@pytest.mark.parametrize("text", [ENGLISH, FRENCH, RUSSIAN, HEBREW])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_encodings_without_mark(text: str, encoding: str) -> None:
    assert decode_text(text.encode(encoding)) == (text, encoding)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (FRENCH, "cp1252"),
        (ENGLISH, "cp1252"),
        ("Café crème\n", "latin-1"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN * 10, "koi8-r"),
        (JAPANESE, "shift_jis"),
        (JAPANESE * 10, "euc_jp"),
        ("今天天气很好，我们去公园散步吧。\n", "gb18030"),
        ("Zażółć gęślą jaźń. Wszyscy ludzie rodzą się wolni i równi.\n", "cp1250"),
    ],
)
def test_legacy_encodings(text: str, encoding: str) -> None:
    assert decode_text(text.encode(encoding))[0] == text


def test_a_few_broken_bytes_do_not_spoil_a_text() -> None:
    data = (FRENCH * 50).encode() + b"\xff" + (FRENCH * 50).encode()
    text, encoding = decode_text(data)
    assert encoding == "utf-8"
    assert text == FRENCH * 50 + "\ufffd" + FRENCH * 50


def test_a_text_cut_within_a_character_is_read() -> None:
    assert decode_text("日本語".encode()[:-1]) == ("日本", "utf-8")


def test_line_ends_stay_as_they_are() -> None:
    assert decode_text(b"one\r\ntwo\rthree\n")[0] == "one\r\ntwo\rthree\n"


def test_a_mark_that_lies_is_named() -> None:
    with pytest.raises(Refused, match="says that it is UTF-8, but byte 2"):
        decode_text(codecs.BOM_UTF8 + b"ab\xff\xff" + b"x" * 50)
