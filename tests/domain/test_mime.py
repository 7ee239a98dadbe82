"""Types by content, over files that real encoders made and over signatures written by hand."""

from __future__ import annotations

import gzip
import io
import random
import struct
import tarfile
import timeit
import wave
import zipfile

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from workbench.domain.mime import UNKNOWN, kind_of, sniff
from workbench.domain.suffixes import BINARY_SUFFIXES


def picture(kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (40, 30), (200, 30, 90)).save(stream, kind, **options)
    return stream.getvalue()


def zipped(*names: str, first: bytes | None = None) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        if first is not None:
            archive.writestr("mimetype", first)
        for name in names:
            archive.writestr(name, "x")
    return stream.getvalue()


def ftyp(brand: bytes, *compatible: bytes) -> bytes:
    body = b"ftyp" + brand + b"\0\0\0\0" + b"".join(compatible)
    return struct.pack(">I", len(body) + 4) + body + bytes(64)


def recording() -> bytes:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(bytes(800))
    return stream.getvalue()


def archive() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("a.bin"), io.BytesIO(b""))
    return stream.getvalue()


def frames(header: bytes, length: int) -> bytes:
    return 3 * header.ljust(length, b"\0")


MP3_FRAME = b"\xff\xfb\x90\x00" + bytes(413)  # 128 kbit/s at 44.1 kHz: 417 bytes


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (picture("JPEG"), "image/jpeg"),
        (picture("PNG"), "image/png"),
        (picture("GIF"), "image/gif"),
        (picture("BMP"), "image/bmp"),
        (picture("TIFF"), "image/tiff"),
        (picture("TIFF", big_tiff=True), "image/tiff"),
        (picture("WEBP"), "image/webp"),
        (picture("ICO"), "image/vnd.microsoft.icon"),
        (picture("JPEG2000"), "image/jp2"),
        (picture("AVIF"), "image/avif"),
        (picture("PDF"), "application/pdf"),
        (ftyp(b"heic", b"mif1", b"heic"), "image/heic"),
        (ftyp(b"mif1", b"mif1", b"avif"), "image/avif"),
        (ftyp(b"isom", b"iso2", b"mp41"), "video/mp4"),
        (ftyp(b"qt  "), "video/quicktime"),
        (b"\0\0\0\x08wide\0\0\0\0mdat" + bytes(99), "video/quicktime"),
        (ftyp(b"M4A "), "audio/mp4"),
        (ftyp(b"3gp5"), "video/3gpp"),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm" + bytes(20), "video/webm"),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x88matroska" + bytes(20), "video/x-matroska"),
        (b"RIFF\x10\0\0\0AVI LIST" + bytes(20), "video/x-msvideo"),
        (recording(), "audio/wav"),
        (b"ID3\x04\0\0\0\0\x02\x01" + bytes(300), "audio/mpeg"),
        (MP3_FRAME * 5, "audio/mpeg"),
        (b"fLaC\0\0\0\x22" + bytes(34), "audio/flac"),
        (b"OggS\0\x02" + bytes(22) + b"\x01\x13OpusHead", "audio/ogg"),
        (b"OggS\0\x02" + bytes(22) + b"\x01\x2a\x80theora", "video/ogg"),
        (gzip.compress(b"hello", mtime=0), "application/gzip"),
        (archive(), "application/x-tar"),
        (zipped("[Content_Types].xml", "word/document.xml"), "docx"),
        (zipped("[Content_Types].xml", "xl/workbook.xml"), "xlsx"),
        (zipped("a.txt"), "application/zip"),
        (zipped("x", first=b"application/epub+zip"), "application/epub+zip"),
        (zipped("docProps/app.xml", "word/document.xml"), "docx"),
        (b"\xff\xf1\x50\x80" + bytes(20), "audio/aac"),
        (frames(b"\xff\xfd\xe4\xc4", 1152), "audio/mpeg"),  # MP2, 384 kbit/s at 48 kHz
        (frames(b"\xff\xf5\xe8\xc4", 1440), "audio/mpeg"),  # MP2, 160 kbit/s at 16 kHz
        (frames(b"\x0bw\xc8\x18\x0c@", 384), "audio/ac3"),  # 96 kbit/s at 48 kHz
        (frames(b"\x0bw\xc8\x18\x4d@", 418), "audio/ac3"),  # the same at 44.1 kHz, padded
        (frames(b"\x0bw\0\xbf2\x87", 384), "audio/eac3"),
        (b"caff\0\1\0\0desc" + bytes(40), "audio/x-caf"),
        (b".snd\0\0\0\x20" + bytes(40), "audio/basic"),
        (b"wvpk\xc6-\0\0\x10\4" + bytes(40), "audio/x-wavpack"),
        (b"junk\xff\xfe\0\n" * 9 + b"%PDF-1.4\n" + bytes(40), "application/pdf"),
    ],
)
def test_content_decides_whatever_the_name_says(head: bytes, expected: str) -> None:
    expected = BINARY_SUFFIXES.get(expected, expected)
    assert sniff(head, "noname") == expected
    assert sniff(head, "a/lie.txt") == expected


@pytest.mark.parametrize("head", [ftyp(b"mp42", b"isom"), ftyp(b"3gp4"), ftyp(b"M4A ")])
@pytest.mark.parametrize("name", ["a.m4a", "a.M4B"])
def test_a_recording_with_a_brand_of_films_is_sound(head: bytes, name: str) -> None:
    assert sniff(head, name) == "audio/mp4"
    assert sniff(picture("AVIF"), name) == "image/avif"


@pytest.mark.parametrize(
    ("head", "name", "expected"),
    [
        (zipped("docProps/app.xml", "xl/workbook.xml"), "a.docx", "xlsx"),
        (zipped("[Content_Types].xml", "ppt/presentation.xml"), "a.xlsx", "pptx"),
        (zipped("[Content_Types].xml", "word/document.xml"), "a.zip", "docx"),
        (zipped("customXml/item1.xml"), "a.docx", "docx"),
        (zipped("word/notes.txt"), "a.zip", "zip"),
        (zipped("sword/notes.txt"), "archive", "zip"),
        (zipped("xl/Sizes.class"), "a.jar", "jar"),
    ],
)
def test_what_lies_in_an_office_file_decides_before_its_suffix(
    head: bytes, name: str, expected: str
) -> None:
    assert sniff(head, name) == BINARY_SUFFIXES[expected]


def test_an_office_file_in_an_archive_does_not_make_it_one() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as outer:
        outer.writestr("a.docx", zipped("[Content_Types].xml", "word/document.xml"))
    assert sniff(stream.getvalue(), "a.zip") == "application/zip"
    assert sniff(stream.getvalue(), "archive") == "application/zip"


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("naïve café\n", "a.txt", "text/plain"),
        ("plain", "README", "text/plain"),
        ("# Title\n\n<!doctype html> is how pages begin", "deep/er/a.MD", "text/markdown"),
        ("<p align=center>\n<svg>\n", "README.md", "text/markdown"),
        ("import os\n", "a.py", "text/x-python"),
        ("const a = 1\n", "a.ts", "text/x-typescript"),
        ("#!/usr/bin/env python3\nprint()", "run", "text/x-python"),
        ("#!/bin/sh\n", "run", "text/x-shellscript"),
        ("all:\n\ttrue\n", "src/Makefile", "text/x-makefile"),
        ('{"a": 1}', "a.json", "application/json"),
        ("a,b\n1,2\n", "a.csv", "text/csv"),
        ("<?xml version='1.0'?>\n<svg xmlns=''/>", "drawing", "image/svg+xml"),
        ("<svg/>", "a.txt", "image/svg+xml"),
        ("<!DOCTYPE html>\n<html>", "page.jpg", "text/html"),
        ("<?xml version='1.0'?><feed/>", "feed", "application/xml"),
        ("{\\rtf1 hello}", "a.doc", "application/rtf"),
        ("an error page", "photo.jpg", "text/plain"),
        ("BMW, a maker of cars\nand more", "a.txt", "text/plain"),
        ("wvpk is what WavPack files begin with", "a.txt", "text/plain"),
        ("TTA1 is how the sequence begins", "a.txt", "text/plain"),
        ("\x0bwords below a vertical tab", "a.txt", "text/plain"),
        ("ID3 is a decision tree algorithm", "a.txt", "text/plain"),
        ("G" * 500, "genes", "text/plain"),
        (".bashrc has no suffix", ".py", "text/plain"),
    ],
)
def test_text_is_refined_by_its_suffix(text: str, name: str, expected: str) -> None:
    assert sniff(text.encode(), name) == expected


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"],
)
def test_text_in_any_encoding_is_text(encoding: str) -> None:
    text = "Über den Wolken muß die Freiheit wohl grenzenlos sein.\r\n" * 40
    assert sniff(text.encode(encoding)[:4096], "a.txt") == "text/plain"
    assert sniff(text.encode(encoding)[:4096], "noname") == "text/plain"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("съешь ещё этих мягких булок " * 20, "cp1251"),
        ("吾輩は猫である。名前はまだ無い。" * 20, "cp932"),
    ],
)
def test_single_byte_and_double_byte_scripts_are_text(text: str, encoding: str) -> None:
    assert sniff(text.encode(encoding), "a.txt") == "text/plain"


def test_a_character_cut_at_the_end_of_the_head_is_no_error() -> None:
    assert sniff(("a" + "é" * 4000).encode()[:4096], "x") == "text/plain"
    assert sniff("猫".encode() * 2000, "x") == "text/plain"


@pytest.mark.parametrize("name", ["a.jpg", "b.JPEG", "c.png", "d.mp4", "e.pdf", "f.ts"])
def test_random_bytes_go_where_the_suffix_says(name: str) -> None:
    source = random.Random(7)
    for size in (3, 16, 64, 500, 4096, 9000):
        for _ in range(20):
            head = bytes(source.randrange(128, 256) for _ in range(3)) + source.randbytes(size)
            if head[0] == 0xFF:
                continue
            assert sniff(head, name) == BINARY_SUFFIXES[name.partition(".")[2].lower()]


def test_random_bytes_without_a_known_suffix_are_unknown() -> None:
    source = random.Random(8)
    assert {sniff(b"\x80" + source.randbytes(2000), "blob") for _ in range(50)} == {UNKNOWN}
    assert {sniff(b"\x80" + source.randbytes(2000), "a.txt") for _ in range(50)} == {"text/plain"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.jpg", "image/jpeg"), ("a.txt", "text/plain"), ("a.md", "text/markdown"), ("a", UNKNOWN)],
)
def test_an_empty_file_is_what_it_is_called(name: str, expected: str) -> None:
    assert sniff(b"", name) == expected


def test_zeros_are_no_text() -> None:
    assert sniff(bytes(4096), "a.jpg") == "image/jpeg"
    assert sniff(bytes(4096), "disk") == UNKNOWN


@given(st.binary(max_size=6000), st.text(max_size=30))
@example(b"\xff\xfe", "")
@example(b"\xff\xfe\0\0", ".")
@example(b"\xff\xfb\x90", "a.")
@example(b"PK\x03\x04" + b"\0" * 26 + b"mimetype", "/")
@example(b"\0\0\0\x18ftypmif1", "\udcff")
@example(b"BM", "a/")
@example(b"RIFF", "..")
@example(b"PK\x03\x04" + b"\xff" * 26 + b"mimetype" + b"application/\n", "x")
def test_it_never_raises_and_answers_a_type(head: bytes, name: str) -> None:
    mime = sniff(head, name)
    family, slash, kind = mime.partition("/")
    assert slash
    assert family.isascii()
    assert kind.isascii()
    assert mime == mime.strip().lower()
    assert len(mime) <= 128


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1))
def test_utf8_text_never_becomes_something_binary_by_its_name(text: str) -> None:
    if text.isascii() or text.isprintable():
        found = sniff(text.encode(), "a.jpg")
        assert not found.startswith("image/") or "<svg" in text.lower()


def test_a_jpeg_takes_microseconds() -> None:
    head = picture("JPEG").ljust(4096, b"\x55")
    seconds = min(timeit.repeat(lambda: sniff(head, "a/b/c.jpg"), number=2000, repeat=5)) / 2000
    assert seconds < 5e-6


@pytest.mark.parametrize(
    ("mime", "kind"),
    [
        ("image/png", "image"),
        ("video/mp4", "video"),
        ("audio/mpeg", "audio"),
        ("text/html", "text"),
        ("application/json", "text"),
        ("application/x-ndjson", "text"),
        ("application/pdf", "document"),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "document"),
    ],
)
def test_kinds_as_people_say_them(mime: str, kind: str) -> None:
    assert kind_of(mime) == kind
