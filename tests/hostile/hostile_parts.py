"""Small writers of raw formats, for files that no library would write."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence


def pdf(objects: Sequence[bytes], prev: int | None = None) -> bytes:
    """A PDF of these objects, numbered from 1; the first is the catalog."""
    out = bytearray(b"%PDF-1.7\n")
    places: list[int] = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    more = b"" if prev is None else b" /Prev %d" % (start if prev < 0 else prev)
    out += b"trailer << /Size %d /Root 1 0 R%s >>\n" % (len(objects) + 1, more)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), entries, data)


def page(content: bytes, resources: bytes = b"", box: bytes = b"[0 0 300 300]") -> list[bytes]:
    """The first four objects of a PDF with one page; more may follow as 5, 6, …"""
    return [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox %s /Contents 4 0 R /Resources << %s >> >>"
        % (box, resources),
        stream(content),
    ]


def png(width: int, height: int, pixels: bytes, *extra: tuple[bytes, bytes]) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def gif(width: int, height: int, frames: int) -> bytes:
    """Frames of one pixel on a screen of this size."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"\x21\xf9\x04\0\x01\0\0\0\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0)
    return head + (frame + b"\x02\x02\x44\x01\0") * frames + b";"


def tiff(width: int, height: int, after: int = 0, directories: int = 1) -> bytes:
    """Directories of a grey picture without pixels; the last one is followed by the one at
    ``after``, so 8 is a loop."""
    rows = [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8)]
    rows += [(277, 3, 1), (278, 4, height), (279, 4, 16)]
    body = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in rows)
    size = 2 + len(body) + 4
    out = b"II*\0" + struct.pack("<I", 8)
    for number in range(1, directories + 1):
        following = after if number == directories else 8 + number * size
        out += struct.pack("<H", len(rows)) + body + struct.pack("<I", following)
    return out


def wav(channels: int, rate: int, bits: int, stated: int, data: bytes) -> bytes:
    """A WAV whose header says anything."""
    step = channels * bits // 8 & 0xFFFF
    form = struct.pack("<HHIIHH", 1, channels, rate, (rate * step) & 0xFFFFFFFF, step, bits)
    inner = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", stated)
    return b"RIFF" + struct.pack("<I", min(stated + 36, 2**32 - 1)) + inner + data


def atom(kind: bytes, *inside: bytes) -> bytes:
    data = b"".join(inside)
    return struct.pack(">I", len(data) + 8) + kind + data


def element(kind: bytes, data: bytes) -> bytes:
    """One of EBML, as Matroska has them."""
    return kind + struct.pack(">Q", 1 << 56 | len(data)) + data
