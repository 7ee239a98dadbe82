"""Files that are broken or made to harm, each with the reason why it is here.

What they refer to, beside them or over the network, is a *bait*: nobody may come there. Every third
of them is part of the tests; ``make hostile`` takes them all.
"""

from __future__ import annotations

import io
import os
import random
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import document_files as documents
import media_files as media
import numpy as np
from extractor_files import CHINA, encoded, photo
from hostile_parts import atom, element, gif, page, pdf, png, stream, tiff, wav
from PIL import Image

from workbench.domain.mime import HEAD, sniff

ALL = os.environ.get("HOSTILE") == "all"
RED = np.full((90, 160, 3), (250, 20, 20), np.uint8)
DICE = random.Random(5)


@dataclass(frozen=True)
class Bait:
    """A film that lies where the hostile files point, and an address that listens."""

    file: str
    address: str

    @property
    def targets(self) -> dict[str, str]:
        return {
            "path": self.file,
            "file": f"file://{self.file}",
            "beside": self.file.rpartition("/")[2],
            "http": self.address,
        }


@dataclass(frozen=True)
class Hostile:
    """``mime``: the type under which it reaches the extractor; by its content when not given."""

    name: str
    data: bytes
    forced: str | None = None

    @property
    def mime(self) -> str:
        return self.forced or sniff(self.data[:HEAD], self.name)


def corpus(bait: Bait) -> list[Hostile]:
    found = [
        *pictures(),
        *cut_files(),
        *pdfs(bait),
        *office(bait),
        *pages_and_mail(bait),
        *texts(),
        *recordings(),
        *films(),
        *playlists(bait),
        *drawings(bait),
    ]
    names = [each.name for each in found]
    assert len(set(names)) == len(names)
    return found if ALL else found[::3]


# ---- pictures -----------------------------------------------------------------------------------


def pictures() -> Iterator[Hostile]:
    yield Hostile("bomb-225-megapixels.png", png(15_000, 15_000, b"\0" * 100_000))
    yield Hostile("bomb-4-gigapixels.png", png(65_535, 65_535, b"\0" * 100_000))
    yield Hostile("bomb-one-row.png", png(2**31 - 1, 1, b"\0" * 1000))
    note = b"Comment\0\0" + zlib.compress(b"\0" * 150_000_000, 6)
    yield Hostile("bomb-in-a-note.png", png(8, 8, b"\0" * 72, (b"zTXt", note)))
    yield Hostile("bomb-profile.png", png(8, 8, b"\0" * 72, (b"iCCP", note)))
    yield Hostile("too-few-pixels.png", png(500, 500, b"\0" * 600))
    yield Hostile("bomb-50000-frames.gif", gif(9000, 9000, 50_000))
    yield Hostile("bomb-screen.gif", gif(65_535, 65_535, 2))
    yield Hostile("loop-of-pages.tif", tiff(64, 64, after=8))
    yield Hostile("bomb-5000-pages.tif", tiff(60, 60, directories=5000))
    yield Hostile("bomb-page.tif", tiff(2**31, 2**31))
    jpeg = encoded(photo("rocket.jpg").resize((64, 64)), "JPEG", progressive=True)
    at = jpeg.rindex(b"\xff\xda")
    yield Hostile("bomb-scans.jpg", jpeg[:at] + jpeg[at:-2] * 600 + jpeg[-2:])
    size = jpeg.index(b"\xff\xc2") + 5
    yield Hostile("bomb-sides.jpg", jpeg[:size] + b"\xff\xff\xff\xff" + jpeg[size + 4 :])
    exif = b"Exif\0\0II*\0\x08\0\0\0" + b"\xff\xff" + b"\x69\x87\x04\0\x01\0\0\0\x08\0\0\0" * 300
    yield Hostile("loop-of-notes.jpg", jpeg[:2] + b"\xff\xe1" + _length(exif) + exif + jpeg[2:])
    yield Hostile("random.jpg", DICE.randbytes(40_000))
    yield Hostile("empty.jpg", b"")
    yield Hostile("empty.webp", b"")
    yield Hostile("words.jpg", b"this is no picture\n" * 50, "image/jpeg")
    yield Hostile(
        "negative.bmp",
        b"BM" + struct.pack("<IIIIiiHHIIiiII", 99, 0, 54, 40, -9, -9, 1, 24, *[0] * 6),
    )


def _length(data: bytes) -> bytes:
    return struct.pack(">H", len(data) + 2)


def cut_files() -> Iterator[Hostile]:
    """Whole files of every kind, cut at several places."""
    whole = {
        "cut.jpg": encoded(Image.open(CHINA).resize((320, 213)), "JPEG"),
        "cut.png": encoded(photo("rocket.jpg").resize((160, 120)), "PNG"),
        "cut.webp": encoded(photo("rocket.jpg"), "WEBP"),
        "cut.tif": encoded(photo("rocket.jpg").resize((160, 120)), "TIFF"),
        "cut.pdf": documents.pdf(),
        "cut.docx": documents.word(),
        "cut.xlsx": documents.workbook({"S": [("name", "age"), ("Ann", 61)]}),
        "cut.epub": documents.book(documents.SUBJECTS),
        "cut.mp3": media.recording(media.tone(2), "mp3"),
        "cut.flac": media.recording(media.tone(2), "flac"),
        "cut.m4a": media.recording(media.tone(2), "m4a"),
        "cut.mp4": media.film([(RED, 1.0)], media.tone(1), rate=10),
        "cut.webm": media.film([(RED, 1.0)], container="webm", codec="libvpx", rate=10),
        "cut.avi": media.film([(RED, 1.0)], container="avi", codec="mpeg4", rate=10),
    }
    for name, data in whole.items():
        stem, _, suffix = name.partition(".")
        for share in (3, 40, 97):
            end = max(1, len(data) * share // 100)
            yield Hostile(f"{stem}-{share:02}.{suffix}", data[:end])


# ---- documents ----------------------------------------------------------------------------------


def pdfs(bait: Bait) -> Iterator[Hostile]:
    yield Hostile("loop-of-tables.pdf", pdf(page(b"BT ET"), prev=-1))
    kids = [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R] /Count 9 >>"]
    yield Hostile("loop-of-pages.pdf", pdf(kids))
    kids[1] = b"<< /Type /Pages /Kids [3 0 R] /Count 2147483647 >>"
    yield Hostile("bomb-2-billion-pages.pdf", pdf(kids))
    form = (
        b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /F %d 0 R >> >>"
    )
    calls = b"/F Do " * 10
    resources = b"/XObject << /F 5 0 R >>"
    yield Hostile(
        "loop-of-forms.pdf", pdf([*page(b"/F Do", resources), stream(b"/F Do", form % 5)])
    )
    forms = [stream(calls, form % (6 + level)) for level in range(12)]
    yield Hostile("bomb-of-forms.pdf", pdf([*page(calls, resources), *forms]))
    packed = zlib.compress(zlib.compress(b" " * 400_000_000, 6), 9)
    bomb = page(b"")
    bomb[3] = stream(packed, b"/Filter [/FlateDecode /FlateDecode]")
    yield Hostile("bomb-of-spaces.pdf", pdf(bomb))
    huge = b"/Type /XObject /Subtype /Image /Width 40000 /Height 40000 /BitsPerComponent 1 "
    huge += b"/ColorSpace /DeviceGray /Filter /FlateDecode"
    picture = stream(zlib.compress(b"\xff" * 1000), huge)
    drawn = page(b"300 0 0 300 0 0 cm /F Do", resources)
    yield Hostile("bomb-picture.pdf", pdf([*drawn, picture]))
    sides = b"[0 0 1e9 1e9]"
    yield Hostile("bomb-page.pdf", pdf(page(b"BT ET", b"", sides)))
    outline = page(b"BT ET")
    outline[0] = b"<< /Type /Catalog /Pages 2 0 R /Outlines 5 0 R >>"
    marks = [b"<< /First 6 0 R /Last 6 0 R /Count 1 >>"]
    marks += [b"<< /Title (again) /Parent 5 0 R /Next 6 0 R /First 6 0 R /Dest [3 0 R /Fit] >>"]
    yield Hostile("loop-of-bookmarks.pdf", pdf([*outline, *marks]))
    array = page(b"BT ET")
    array[2] = b"<< /Type /Page /Parent 2 0 R /MediaBox " + b"[" * 200_000 + b" >>"
    yield Hostile("deep-array.pdf", pdf(array))
    acts = page(b"BT ET")
    acts[0] = (
        b"<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /Launch /F (%s) /Next << /S /URI /URI "
        b"(%s) /Next << /S /JavaScript /JS (app.launchURL\\('%s'\\)) >> >> >> >>"
    ) % ((bait.file.encode(), *[bait.address.encode()] * 2))
    yield Hostile("acts.pdf", pdf(acts))
    outside = b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /F (%s) /Ref << /F (%s) /Page 0 >>"
    form = stream(b"", outside % ((bait.file.encode(),) * 2))
    yield Hostile("refers-to-a-file.pdf", pdf([*page(b"/F Do", resources), form]))
    yield Hostile("locked.pdf", documents.pdf(1, owner_password="a", user_password="b"))
    yield Hostile("random.pdf", b"%PDF-1.7\n" + DICE.randbytes(50_000))
    yield Hostile("empty.pdf", b"")


WORDS = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def laughs(depth: int = 9) -> str:
    lines = ['<!ENTITY a0 "ha">']
    lines += [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, depth + 1)]
    return "".join(lines)


def office(bait: Bait) -> Iterator[Hostile]:
    document = "word/document.xml"
    yield Hostile("bomb.docx", documents.zipped({document: b" " * 560_000_000}))
    lies = bytearray(documents.zipped({document: b" " * 50_000_000}))
    at = lies.rindex((50_000_000).to_bytes(4, "little"))
    lies[at : at + 4] = (1000).to_bytes(4, "little")
    yield Hostile("bomb-that-lies.docx", bytes(lies))
    yield Hostile(
        "bomb-of-entries.docx", documents.zipped({f"word/{n}": "" for n in range(30_000)})
    )

    def written(inside: str, doctype: str = "") -> bytes:
        body = f"<?xml version='1.0'?>{doctype}<w:document {WORDS}><w:body>{inside}</w:body>"
        return _replaced(documents.word(), document, f"{body}</w:document>")

    said = "<w:p><w:r><w:t>{}</w:t></w:r></w:p>"
    yield Hostile("laughs.docx", written(said.format("&a9;"), f"<!DOCTYPE w [{laughs()}]>"))
    for where, target in bait.targets.items():
        entity = f'<!DOCTYPE w [<!ENTITY x SYSTEM "{target}">]>'
        yield Hostile(f"entity-{where}.docx", written(said.format("&x;"), entity))
    deep = "<w:sdt><w:sdtContent>" * 20_000 + "</w:sdtContent></w:sdt>" * 20_000
    yield Hostile("deep.docx", written(deep))
    links = "".join(
        f'<Relationship Id="x{n}" TargetMode="External" Target="{target}" Type="http://schemas.'
        f'openxmlformats.org/officeDocument/2006/relationships/{kind}"/>'
        for n, (kind, target) in enumerate(
            (kind, target)
            for kind in ("attachedTemplate", "image", "subDocument")
            for target in bait.targets.values()
        )
    )
    relations = f'<Relationships xmlns="{RELATIONS}">{links}</Relationships>'
    yield Hostile(
        "outside.docx",
        _replaced(documents.word(), "word/_rels/settings.xml.rels", relations),
    )
    book = documents.workbook({"S": [("name",), ("Ann",)]})
    far = '<row r="1048576"><c r="XFD1048576" t="n"><v>7</v></c></row></sheetData>'
    sheet = "xl/worksheets/sheet1.xml"
    xml = _read(book, sheet)
    yield Hostile("far-cell.xlsx", _replaced(book, sheet, xml.replace("</sheetData>", far)))
    yield Hostile("laughs.xlsx", _replaced(book, sheet, f"<!DOCTYPE w [{laughs()}]><w>&a9;</w>"))
    deck = documents.slides()
    slide = "ppt/slides/slide1.xml"
    groups = "<p:grpSp>" * 5000 + "</p:grpSp>" * 5000
    xml = _read(deck, slide).replace("</p:spTree>", f"{groups}</p:spTree>")
    yield Hostile("deep.pptx", _replaced(deck, slide, xml))
    yield Hostile("entry.pptx", _replaced(deck, slide, f"<!DOCTYPE w [{laughs()}]><w>&a9;</w>"))
    yield Hostile("random.docx", DICE.randbytes(9000), documents.WORD)
    yield Hostile("empty.xlsx", b"")


RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"


def pages_and_mail(bait: Bait) -> Iterator[Hostile]:
    for where, target in bait.targets.items():
        xxe = f'<!DOCTYPE p [<!ENTITY x SYSTEM "{target}">]>'
        chapter = f"<html><body><p>&x; hello</p><img src='{target}'/></body></html>"
        files = {
            "META-INF/container.xml": f"{xxe}<container><rootfiles><rootfile "
            'full-path="a.opf"/></rootfiles></container>',
            "a.opf": f'{xxe}<package xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>&x;'
            f'</dc:title><manifest><item id="c" href="{target}" media-type="text/html"/>'
            '<item id="d" href="d.html" media-type="text/html"/>'
            '</manifest><spine><itemref idref="c"/><itemref idref="d"/></spine></package>',
            "d.html": f"{xxe}{chapter}",
        }
        yield Hostile(
            f"points-{where}.epub", documents.zipped({"mimetype": documents.BOOK, **files})
        )
        tags = f"<link rel=stylesheet href='{target}'><base href='{target}'><iframe src='{target}'>"
        tags += f"</iframe><object data='{target}'></object><script src='{target}'></script>"
        yield Hostile(f"points-{where}.html", f"{xxe}<html><head>{tags}{chapter}".encode())
    yield Hostile("deep.html", f"<html><body>{'<div>' * 80_000}deep words".encode())
    yield Hostile("wide.html", b"<html><body><p " + b"a='b' " * 500_000 + b">many words</p>")
    yield Hostile("open-comments.html", b"<html><!-- " * 100_000)
    yield Hostile("lies.html", b"<html><meta charset=utf-16><body>\xff\xfe\xfd plain \x80 words")
    inside = documents.zipped({"a": b" " * 20_000_000})
    for _ in range(4):
        inside = documents.zipped({f"{n}.zip": inside for n in range(10)})
    book = documents.zipped({"mimetype": documents.BOOK, "a.zip": inside})
    yield Hostile("zips-in-zips.epub", book)
    message = documents.letter("0", "innermost")
    for number in range(1, 15):
        outer = documents.letter(str(number), "see below")
        outer.add_attachment(message)
        message = outer
    yield Hostile("letters-in-letters.eml", message.as_bytes())
    parts = "".join(
        f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(2000)
    )
    yield Hostile("deep.eml", f"From: a@b.c\nSubject: x\n{parts}".encode(), documents.MAIL)
    heads = "From: a@b.c\nSubject: " + "=?utf-8?q?=C3?= " * 50_000
    yield Hostile("heads.eml", heads.encode(), documents.MAIL)
    outside = f'Content-Type: message/external-body; access-type=local-file; name="{bait.file}"'
    yield Hostile("outside.eml", f"From: a@b.c\nSubject: x\n{outside}\n\n".encode(), documents.MAIL)
    yield Hostile("one-cell.csv", b"name,age\n" + b"x" * 8_000_000 + b",1\n", "text/csv")
    yield Hostile("open-quote.csv", b'name,age\n"' + b"word,\n" * 300_000, "text/csv")
    yield Hostile("columns.csv", b"a" + b",b" * 3000 + b"\n1" + b",1" * 3000, "text/csv")


def texts() -> Iterator[Hostile]:
    yield Hostile("empty.txt", b"")
    yield Hostile("random.txt", DICE.randbytes(30_000), "text/plain")
    yield Hostile("zeros.txt", b"words \0\0\0 " * 900, "text/plain")
    yield Hostile("half-characters.txt", b"\xff\xfe" + "words ".encode("utf-16-le") * 900 + b"\x41")
    yield Hostile("wrong-utf8.txt", b"caf\xc3 \xe9\xff na\xefve words " * 500)
    yield Hostile("one-word.txt", b"x" * 100_000)
    yield Hostile("marks.txt", ("z" + "̈" * 200_000).encode())
    yield Hostile("deep.json", b"[" * 30_000)
    yield Hostile("deep.md", b"> " * 8000 + b"words")
    yield Hostile("titles.md", "\n".join("#" * (1 + n % 6) + f" {n}" for n in range(1500)).encode())


# ---- recordings and films -----------------------------------------------------------------------


def recordings() -> Iterator[Hostile]:
    noise = DICE.randbytes(20_000)
    yield Hostile("promises-4-gigabytes.wav", wav(1, 16_000, 16, 2**32 - 1, noise))
    yield Hostile("no-channels.wav", wav(0, 16_000, 16, 20_000, noise))
    yield Hostile("65535-channels.wav", wav(65_535, 16_000, 16, 20_000, noise))
    yield Hostile("no-rate.wav", wav(1, 0, 16, 20_000, noise))
    yield Hostile("fast.wav", wav(1, 2**32 - 1, 16, 20_000, noise))
    yield Hostile("slow.wav", wav(1, 1, 8, 20_000, noise))
    tag = b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + noise
    yield Hostile("endless-tag.mp3", tag)
    yield Hostile("random.mp3", DICE.randbytes(40_000))
    yield Hostile("empty.mp3", b"")
    yield Hostile("random.flac", b"fLaC" + noise)
    yield Hostile("random.ogg", b"OggS" + noise)
    yield Hostile("swapped.m4a", media.recording(media.tone(1), "ogg"), "audio/mp4")


def films() -> Iterator[Hostile]:
    whole = media.film([(RED, 1.0)], rate=10)
    at = whole.index(b"avc1") + 28
    sides = bytearray(whole)
    sides[at : at + 4] = b"\xff\xff\xff\xff"
    yield Hostile("bomb-sides.mp4", bytes(sides))
    head = atom(b"ftyp", b"isom\0\0\0\0isom")
    nested = b""
    for _ in range(3000):
        nested = atom(b"moov", nested)
    yield Hostile("deep.mp4", head + nested)
    yield Hostile("endless-atom.mp4", head + struct.pack(">I", 1) + b"moov" + b"\x7f" + b"\xff" * 7)
    size = whole.index(b"stsz") + 12
    many = whole[:size] + struct.pack(">I", 2**31 - 1) + whole[size + 4 :]
    yield Hostile("2-billion-frames.mp4", many)
    yield Hostile("swapped.avi", whole, "video/x-msvideo")
    yield Hostile("zeros.mpg", b"\0\0\1\xb3" * 500_000, "video/mpeg")
    yield Hostile(
        "packets.ts", b"\x47\x1f\xff\x10" + b"\xff" * 184 + (b"\x47" + b"\0" * 187) * 20_000
    )
    nested = b""
    for _ in range(2000):
        nested = element(b"\x18\x53\x80\x67", nested)
    ebml = element(b"\x1a\x45\xdf\xa3", element(b"\x42\x82", b"matroska"))
    yield Hostile("deep.mkv", ebml + nested, "video/x-matroska")
    changed = bytearray(media.film([(RED, 1.0)], container="matroska", rate=10))
    for _ in range(300):
        changed[DICE.randrange(len(changed))] = DICE.randrange(256)
    yield Hostile("changed.mkv", bytes(changed), "video/x-matroska")
    yield Hostile("five-hours.mp4", _long(5 * 3600))
    yield Hostile("random.mp4", head + DICE.randbytes(40_000))
    yield Hostile("empty.mp4", b"")


def _long(seconds: int) -> bytes:
    """A frame a minute."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as made:
        track = made.add_stream("libx264", rate=1)
        track.width, track.height, track.pix_fmt = 160, 90, "yuv420p"
        for at in range(0, seconds, 60):
            frame = av.VideoFrame.from_ndarray(RED, format="rgb24")
            frame.pts, frame.time_base = at, Fraction(1, 1)
            made.mux(track.encode(frame))
        made.mux(track.encode(None))
    return out.getvalue()


def playlists(bait: Bait) -> Iterator[Hostile]:
    """Under the types that FFmpeg reads, and as what they are. FFmpeg's tricks with files that
    hold others' names are among them: references of a QuickTime track, of AVI, of Matroska."""
    for where, target in bait.targets.items():
        lists = {
            "m3u8": f'#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXT-X-KEY:METHOD=AES-128,URI="{target}"\n'
            f"#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n",
            "ffconcat": f"ffconcat version 1.0\nfile '{target}'\n",
            "mpd": f'<?xml version="1.0"?><MPD><Period><AdaptationSet><BaseURL>{target}</BaseURL>'
            "</AdaptationSet></Period></MPD>",
            "sdp": f"v=0\nm=video 5004 RTP/AVP 96\nc=IN IP4 127.0.0.1\na=control:{target}\n",
        }
        for suffix, text in lists.items():
            yield Hostile(f"list-{where}.{suffix}", text.encode())
            for mime in ("video/mp4", "video/mp2t", "audio/mpeg"):
                family = mime.replace("/", "-")
                yield Hostile(f"list-{where}-{family}.{suffix}", text.encode(), mime)
        yield Hostile(f"reference-{where}.mov", _referring(target), "video/quicktime")


def _referring(target: str) -> bytes:
    """A film whose track says that its frames lie in another file."""
    whole = media.film([(RED, 1.0)], container="mov", rate=10)
    at = whole.index(b"dref")
    size = struct.unpack(">I", whole[at - 4 : at])[0]
    place = target.encode()
    link = b"url " + b"\0\0\0\0" + place + b"\0"
    entries = struct.pack(">I", len(link) + 4) + link
    names = b"\0" * 134 + struct.pack(">HH", 2, len(place)) + place + b"\xff\xff\0\0"
    record = b"alis" + b"\0\0\0\0" + b"\0" * 10 + names
    entries += struct.pack(">I", len(record) + 4) + record
    fresh = struct.pack(">I", 16 + len(entries)) + b"dref" + struct.pack(">II", 0, 2) + entries
    grown = len(fresh) - size
    return _grow(whole[: at - 4] + fresh + whole[at - 4 + size :], at, grown)


def _grow(data: bytes, at: int, more: int) -> bytes:
    """The atoms around ``at`` made longer by ``more`` bytes."""
    out = bytearray(data)
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        place = out.rindex(kind, 0, at) - 4
        out[place : place + 4] = struct.pack(
            ">I", struct.unpack(">I", out[place : place + 4])[0] + more
        )
    return bytes(out)


def drawings(bait: Bait) -> Iterator[Hostile]:
    svg = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    yield Hostile("laughs.svg", f"<!DOCTYPE s [{laughs()}]>{svg}><text>&a9;</text></svg>".encode())
    for where, target in bait.targets.items():
        inside = f'<image xlink:href="{target}" width="9" height="9"/><use href="{target}#a"/>'
        entity = f'<!DOCTYPE s [<!ENTITY x SYSTEM "{target}">]>'
        style = f'<style>@import url("{target}"); rect {{ fill: url({target}) }}</style>'
        drawn = f'{entity}{svg} width="9" height="9">{style}{inside}<text>&x;</text></svg>'
        yield Hostile(f"points-{where}.svg", drawn.encode())
    uses = "".join(
        f'<g id="g{n}">{f"<use xlink:href=%22#g{n - 1}%22/>".replace("%22", chr(34)) * 10}</g>'
        for n in range(1, 12)
    )
    drawn = f'{svg} width="9" height="9"><g id="g0"><rect width="1" height="1"/></g>{uses}</svg>'
    yield Hostile("bomb-of-uses.svg", drawn.encode())
    yield Hostile("bomb-sides.svg", f'{svg} width="999999" height="999999"><rect/></svg>'.encode())
    for where, target in bait.targets.items():
        inside = (
            f'<image href="{target}" width="9" height="9"/><use href="{target}#a"/>'
            f'<rect width="9" height="9" fill="url({target}#p)" style="mask:url({target})"/>'
            f'<image href="data:image/svg+xml,&lt;image href=%22{target}%22/&gt;" width="9"/>'
            f'<foreignObject><iframe xmlns="" src="{target}"/></foreignObject>'
        )
        style = f'<style>@import "{target}"; @font-face {{ src: url({target}) }}</style>'
        drawn = f'{svg} xml:base="{target}" width="9" height="9">{style}{inside}</svg>'
        yield Hostile(f"refers-{where}.svg", drawn.encode())
    paints = "".join(
        f'<pattern id="p{n}" width="1" height="1"><style>.c{n}{{fill:url(#p{n})}}</style>'
        + f'<rect class="c{n - 1}" width="1" height="1"/>' * 10
        + "</pattern>"
        for n in range(1, 12)
    )
    drawn = f'{svg} width="9" height="9">{paints}<rect class="c11" width="9" height="9"/></svg>'
    yield Hostile("bomb-of-paints.svg", drawn.encode())
    yield Hostile("deep.svg", f"{svg}>{'<g>' * 100_000}".encode())


# ---- helpers ------------------------------------------------------------------------------------


def _read(container: bytes, name: str) -> str:
    with documents.zipfile.ZipFile(io.BytesIO(container)) as found:
        return found.read(name).decode()


def _replaced(container: bytes, name: str, content: str) -> bytes:
    with documents.zipfile.ZipFile(io.BytesIO(container)) as found:
        files = {each: found.read(each) for each in found.namelist()}
    return documents.zipped({**files, name: content})
