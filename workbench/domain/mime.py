"""MIME types by content: what a file is, not what it is called.

``sniff`` looks at the first 4 KiB in this order:

1. a signature of a binary format (JPEG, PDF, MP4, …); containers are told apart by what they hold;
2. text that decodes: UTF-8, UTF-16 or UTF-32 with a mark, UTF-16 without one by its pattern of NUL
   bytes. What it begins with (``<svg``, ``<!doctype html``) and else its suffix say which text;
3. formats whose mark comes late (tar, a PDF behind junk);
4. text in some single-byte encoding, unless the suffix is that of a binary format;
5. the suffix, so that a file of random bytes called ``.jpg``, or an empty one, still goes to the
   extractor for pictures and fails there with a reason; else ``application/octet-stream``.

Pure, total (it never raises) and the same on every host: the tables below are the only source.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import Literal, get_args

from workbench.domain.sound_frames import ac3_frame, eac3_frame, followed, mpeg_frame
from workbench.domain.suffixes import (
    BINARY_SUFFIXES,
    OLE_SUFFIXES,
    PLAIN,
    TEXT_NAMES,
    TEXT_SUFFIXES,
    ZIP_SUFFIXES,
)

#: How many bytes are looked at.
HEAD = 4096
UNKNOWN = "application/octet-stream"

Kind = Literal["image", "audio", "video", "text", "document"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_TEXTUAL = frozenset(
    known.removeprefix("application/")
    for known in TEXT_SUFFIXES.values()
    if known.startswith("application/") and known != "application/rtf"
)


def kind_of(mime: str) -> Kind:
    """The kind of object that a type is, as people say it."""
    family, _, rest = mime.partition("/")
    if family in ("image", "audio", "video", "text"):
        return family
    return "text" if rest in _TEXTUAL else "document"


def sniff(head: bytes, name: str) -> str:
    """The MIME type of a file that begins with ``head`` (its first 4 KiB, or all of it)."""
    head = head[:HEAD]
    if not head:
        return _by_suffix(name)
    for prefix, kind in _SIGNATURES.get(head[0], ()):
        if head.startswith(prefix):
            found = kind if isinstance(kind, str) else kind(head, name)
            if found:
                return found
    text = _decode(head)
    if text is not None:
        return _text_type(text, name)
    late = _late_mark(head)
    if late:
        return late
    suffix = _suffix(name)
    textual = suffix in TEXT_SUFFIXES or suffix not in BINARY_SUFFIXES
    if textual and _single_byte_text(head):
        return _text_type(head.decode("latin-1"), name)
    return _by_suffix(name)


def _suffix(name: str) -> str:
    stem, dot, suffix = name.rpartition("/")[2].rpartition(".")
    return suffix.lower() if dot and stem else ""


def _by_suffix(name: str) -> str:
    suffix = _suffix(name)
    return BINARY_SUFFIXES.get(suffix) or TEXT_SUFFIXES.get(suffix) or UNKNOWN


# ---- binary formats -----------------------------------------------------------------------------


def _bmp(head: bytes, _name: str) -> str | None:
    # "BM" alone begins many a text; the size of the second header is one of a few.
    sizes = (12, 16, 40, 52, 56, 64, 108, 124)
    known = len(head) >= 18 and int.from_bytes(head[14:18], "little") in sizes
    return "image/bmp" if known else None


_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}


def _riff(head: bytes, _name: str) -> str | None:
    return _RIFF.get(head[8:12])


_HEIC = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"}
_AVIF = {b"avif", b"avis"}


def _iso_media(head: bytes, name: str) -> str | None:
    """MP4, MOV, M4A, HEIC, AVIF: a size, then ``ftyp`` and a brand, then compatible brands."""
    box = head[4:8]
    sound = _suffix(name) in ("m4a", "m4b")  # many writers give these a brand of films
    if box != b"ftyp":
        known = box in (b"moov", b"mdat", b"wide", b"pnot")  # MOV of before there were brands
        return ("audio/mp4" if sound else "video/quicktime") if known else None
    brand = head[8:12]
    if brand in _AVIF:
        return "image/avif"
    if brand in _HEIC:
        size = min(int.from_bytes(head[:4], "big"), 256)
        compatible = {head[at : at + 4] for at in range(16, size, 4)}
        return "image/avif" if compatible & _AVIF else "image/heic"
    if sound or brand[:3] in (b"M4A", b"M4B"):
        return "audio/mp4"
    if brand[:2] == b"qt":
        return "video/quicktime"
    return "video/3gpp" if brand[:2] == b"3g" else "video/mp4"


def _matroska(head: bytes, name: str) -> str:
    if b"webm" in head[:256]:
        return "audio/webm" if _suffix(name) == "weba" else "video/webm"
    return "audio/x-matroska" if _suffix(name) == "mka" else "video/x-matroska"


def _ogg(head: bytes, _name: str) -> str:
    return "video/ogg" if b"\x80theora" in head[:1024] else "audio/ogg"


def _asf(_head: bytes, name: str) -> str:
    return "audio/x-ms-wma" if _suffix(name) == "wma" else "video/x-ms-wmv"


def _aiff(head: bytes, _name: str) -> str | None:
    return "audio/aiff" if head[8:12] in (b"AIFF", b"AIFC") else None


def _id3(head: bytes, _name: str) -> str | None:
    # A version of 2 to 4 and a size in four 7-bit bytes; a text that begins with "ID3" has neither.
    known = len(head) >= 10 and 2 <= head[3] <= 4 and all(byte < 0x80 for byte in head[6:10])
    return "audio/mpeg" if known else None


def _mpeg_audio(head: bytes, _name: str) -> str | None:
    """MP3 and MP2 without tags."""
    return "audio/mpeg" if followed(head, mpeg_frame) else None


def _ac3(head: bytes, _name: str) -> str | None:
    if followed(head, ac3_frame):
        return "audio/ac3"
    return "audio/eac3" if followed(head, eac3_frame) else None


def _wavpack(head: bytes, _name: str) -> str | None:
    # After a size a version, which has been 0x402 to 0x410 for twenty years; no text holds a 4.
    return "audio/x-wavpack" if head[9:10] == b"\4" else None


def _mpeg_ts(head: bytes, _name: str) -> str | None:
    # A sequence of genes (GATT…) has a G there often enough; it is ASCII, and packets never are.
    known = len(head) > 376 and head[188] == head[376] == 0x47 and not head.isascii()
    return "video/mp2t" if known else None


def _bzip2(head: bytes, _name: str) -> str | None:
    return "application/x-bzip2" if head[4:10] == b"1AY&SY" else None


#: The folder in which the document lies, by suffix.
_OFFICE = {"docx": b"word/", "xlsx": b"xl/", "pptx": b"ppt/"}
#: What Office files hold beside it, and an archive of a folder that is called ``word`` does not.
_PARTS = (b"[Content_Types].xml", b"_rels/", b"docProps/")


def _zip(head: bytes, name: str) -> str:
    """The first entries' names tell Office files; what cannot be told by them, by the suffix."""
    if head[30:38] == b"mimetype":  # OpenDocument and EPUB: the type itself, stored plain
        start = 38 + int.from_bytes(head[28:30], "little")
        stored = head[start : start + int.from_bytes(head[18:22], "little")]
        for known in ZIP_SUFFIXES.values():
            if stored.strip() == known.encode():
                return known
    suffix, entries = _suffix(name), _entries(head)
    if (
        suffix not in ZIP_SUFFIXES
        or suffix in _OFFICE
        or any(e.startswith(_PARTS) for e in entries)
    ):
        for known, folder in _OFFICE.items():
            if any(entry.startswith(folder) for entry in entries):
                return ZIP_SUFFIXES[known]
    return ZIP_SUFFIXES.get(suffix, "application/zip")


def _entries(head: bytes) -> list[bytes]:
    """The names of the entries whose headers stand in the head; not of those in entries."""
    names: list[bytes] = []
    at = 0
    while head.startswith(b"PK\x03\x04", at) and at + 30 <= len(head):
        name, extra = head[at + 26 : at + 28], head[at + 28 : at + 30]
        start = at + 30
        at = start + int.from_bytes(name, "little")
        names.append(head[start:at])
        at += int.from_bytes(extra, "little")
        if head[start - 24] & 8:  # its size is only told behind it
            at = head.find(b"PK\x03\x04", at)
            if at < 0:
                break
        else:
            at += int.from_bytes(head[start - 12 : start - 8], "little")
    return names


def _ole(_head: bytes, name: str) -> str:
    """Office files of before 2007; and newer ones that need a password, known by their suffix."""
    suffix = _suffix(name)
    known = OLE_SUFFIXES.get(suffix) or (ZIP_SUFFIXES[suffix] if suffix in _OFFICE else None)
    return known or "application/x-ole-storage"


_Kind = str | Callable[[bytes, str], str | None]


def _table(*signatures: tuple[bytes, _Kind]) -> dict[int, tuple[tuple[bytes, _Kind], ...]]:
    """The signatures by their first byte, so that a file is compared with a few of them only."""
    table: dict[int, tuple[tuple[bytes, _Kind], ...]] = {}
    for prefix, kind in signatures:
        table[prefix[0]] = (*table.get(prefix[0], ()), (prefix, kind))
    return table


_SIGNATURES = _table(
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", _bmp),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0", "image/tiff"),
    (b"MM\0+", "image/tiff"),
    (b"RIFF", _riff),
    (b"RF64", _riff),
    (b"8BPS\0", "image/vnd.adobe.photoshop"),
    (b"\0\0\x01\0", "image/vnd.microsoft.icon"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl"),
    (b"\0\0\x01\xba", "video/mpeg"),
    (b"\0\0\x01\xb3", "video/mpeg"),
    (b"\0", _iso_media),
    (b"%PDF-", "application/pdf"),
    (b"%!PS", "application/postscript"),
    (b"\x1aE\xdf\xa3", _matroska),
    (b"OggS", _ogg),
    (b"fLaC", "audio/flac"),
    (b"ID3", _id3),
    (b"\xff\xf1", "audio/aac"),
    (b"\xff\xf9", "audio/aac"),
    (b"\xff", _mpeg_audio),
    (b"\x0bw", _ac3),
    (b"wvpk", _wavpack),
    (b"caff\0\1", "audio/x-caf"),
    (b"TTA1\1\0", "audio/x-tta"),
    (b"TTA1\2\0", "audio/x-tta"),
    (b"riff\x2e\x91\xcf\x11", "audio/x-w64"),
    (b".snd\0", "audio/basic"),
    (b"FORM", _aiff),
    (b"#!AMR", "audio/amr"),
    (b"MThd\0", "audio/midi"),
    (b"FLV\x01", "video/x-flv"),
    (b"0&\xb2u\x8ef\xcf\x11", _asf),
    (b"G", _mpeg_ts),
    (b"PK\x03\x04", _zip),
    (b"PK\x05\x06", _zip),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _ole),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"BZh", _bzip2),
    (b"\xfd7zXZ\0", "application/x-xz"),
    (b"(\xb5/\xfd", "application/zstd"),
    (b"7z\xbc\xaf'\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"PAR1\x15", "application/vnd.apache.parquet"),
    (b"SQLite format 3\0", "application/vnd.sqlite3"),
)


def _late_mark(head: bytes) -> str | None:
    if head[257:262] == b"ustar":
        return "application/x-tar"
    return "application/pdf" if b"%PDF-" in head[:1024] else None


# ---- text ---------------------------------------------------------------------------------------

#: Bytes that occur in text: all but the control characters that no text holds.
_TEXT_BYTES = bytes({7, 8, 9, 10, 11, 12, 13, 27} | set(range(32, 256)) - {127})
_ASCII = bytes({9, 10, 13} | set(range(32, 127)))
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def _decode(head: bytes) -> str | None:
    """The head as Unicode text; None when it is none. A character cut at the end is no error."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return _printable(_incremental(head[len(mark) :], encoding))
    if b"\0" not in head:
        # One stray control character is no reason to call a page of text binary.
        controls = len(head.translate(None, _TEXT_BYTES))
        return _incremental(head, "utf-8") if controls * 500 <= len(head) else None
    return _printable(_incremental(head, encoding)) if (encoding := _utf16_order(head)) else None


def _utf16_order(head: bytes) -> str | None:
    """UTF-16 without a mark: in most scripts' texts one byte of two is NUL, the other never."""
    even, odd = head[0::2], head[1::2]
    if len(odd) < 2:
        return None
    if not even.count(0) and odd.count(0) * 10 >= len(odd) * 7:
        return "utf-16-le"
    if not odd.count(0) and even.count(0) * 10 >= len(even) * 7:
        return "utf-16-be"
    return None


def _incremental(data: bytes, encoding: str) -> str | None:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeError:
        return None


def _printable(text: str | None) -> str | None:
    if text is None:
        return None
    strange = sum(not (ch.isprintable() or ch.isspace() or ch == "\ufeff") for ch in text)
    return text if strange * 50 <= len(text) else None


def _single_byte_text(head: bytes) -> bool:
    """Whether this is text in Latin-1, Windows-125x, Shift-JIS and their like.

    Of 64 random bytes all are text bytes once in 1,500 times; fewer bytes must mostly be ASCII.
    """
    if len(head.translate(None, _TEXT_BYTES)) * 500 > len(head):
        return False
    return len(head) >= 64 or len(head.translate(None, _ASCII)) * 10 <= len(head) * 3


#: Suffixes that leave open what a text is; any other (``.md``, ``.py``) is believed at once.
_OPEN = {None, PLAIN, "application/xml", "text/html", "image/svg+xml"}


def _text_type(text: str, name: str) -> str:
    known = TEXT_SUFFIXES.get(_suffix(name))
    if known not in _OPEN:
        return known or PLAIN
    start = text[:1024].lstrip("\ufeff \t\r\n").lower()
    if start.startswith("<"):
        marked = _markup(start)
        if marked != "application/xml" or known in (None, PLAIN):
            return marked or known or PLAIN
    if start.startswith("{\\rtf"):
        return "application/rtf"
    if known is None and start.startswith("#!"):
        return _script_type(start.partition("\n")[0])
    return known or TEXT_NAMES.get(name.rpartition("/")[2].lower(), PLAIN)


def _markup(start: str) -> str | None:
    if start.startswith(("<svg", "<!doctype svg")):
        return "image/svg+xml"
    if start.startswith("<!doctype html") or "<html" in start[:512]:
        return "text/html"
    if not start.startswith(("<?xml", "<!--")):
        return None
    if "<svg" in start:
        return "image/svg+xml"
    return "application/xml" if start.startswith("<?xml") else None


def _script_type(line: str) -> str:
    if "python" in line:
        return "text/x-python"
    return "text/x-shellscript" if line.rstrip().endswith("sh") else PLAIN
