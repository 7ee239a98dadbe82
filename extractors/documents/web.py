"""HTML: what a person reads on the page; and EPUB, whose chapters are such pages.

Scripts, styles and what is hidden are left out, and so are navigation, sidebars and footers where
anything else is left. Headings are titles, tables keep their rows. libxml2 parses: it repairs what
is broken, opens nothing, and refuses to nest more than 256 deep.
"""

from __future__ import annotations

import codecs
import posixpath
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]

from extractors.decoding import decode_text
from extractors.documents.containers import BROKEN, open_zip, parse_xml, unreadable
from extractors.documents.leaves import Leaf, Limits, Writer, bad

NEVER = frozenset(
    re.findall(
        r"\w+",
        "script style noscript template svg math iframe object embed audio video canvas select "
        "datalist button head",
    )
)
AROUND = frozenset(("nav", "footer", "aside"))
BLOCKS = frozenset(
    re.findall(
        r"\w+",
        "address article aside blockquote body caption center dd details div dl dt fieldset "
        "figcaption figure footer form header hr li main nav ol p pre section summary table tbody "
        "tfoot thead ul",
    )
)
TITLES = {f"h{level}": level for level in range(1, 7)}
HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
CONTAINER = "META-INF/container.xml"
PAGES = frozenset(("application/xhtml+xml", "text/html"))


def html_leaves(data: bytes, limits: Limits) -> Iterator[Leaf]:
    """One leaf. Raises Refused."""
    writer = Writer()
    write_html(writer, html_text(data), limits)
    leaf = writer.leaf()
    if leaf is not None:
        yield leaf


def html_text(data: bytes) -> str:
    """The source in the encoding that the page states, else as any text."""
    found = CHARSET.search(data[:2048])
    if found and not data.startswith((codecs.BOM_UTF8, b"\xff\xfe", b"\xfe\xff")):
        stated = found[1].decode("ascii").lower()
        try:  # a page that says UTF-16 in single bytes is none
            return data.decode("utf-8" if stated.startswith("utf-16") else stated)
        except (LookupError, UnicodeError):  # some of Python's codecs decode nothing
            pass
    return decode_text(data)[0]


def write_html(writer: Writer, text: str, limits: Limits) -> None:
    parser = etree.HTMLParser(
        encoding="utf-8", no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root: Any = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except (etree.LxmlError, ValueError) as error:
        raise bad(f"the page cannot be parsed: {error}") from None
    if root is None:
        return
    title = next(root.iter("title"), None)
    if title is not None:
        writer.title(0, "".join(title.itertext()))
    main = next((node for node in root.iter("main", "article") if _words(node)), None)
    body = next(root.iter("body"), root)
    chosen = main if main is not None and 2 * _words(main) >= _words(body) else body
    left_out = NEVER | AROUND if _words(chosen, AROUND) else NEVER
    _Page(writer, left_out, limits).write(chosen)


def _words(node: Any, without: frozenset[str] = frozenset()) -> int:
    """How many characters of text stand in it."""
    count = 0
    walk = etree.iterwalk(node, events=("start", "end"))
    for event, each in walk:
        if event == "start" and isinstance(each.tag, str) and each.tag in NEVER | without:
            walk.skip_subtree()
        elif event == "start":
            count += len((each.text or "").strip())
        elif each is not node:
            count += len((each.tail or "").strip())
    return count


class _Page:
    """Walks a tree, however deep, and writes its blocks."""

    def __init__(self, writer: Writer, left_out: frozenset[str], limits: Limits) -> None:
        self._writer = writer
        self._left_out = left_out
        self._limits = limits
        self._line: list[str] = []
        self._cells: list[str] | None = None
        self._verbatim = 0

    def write(self, root: Any) -> None:
        skipped: Any = None
        walk = etree.iterwalk(root, events=("start", "end"))
        for event, node in walk:
            if event == "start":
                if node is not root and self._skips(node):
                    skipped = node
                    walk.skip_subtree()
                    continue
                self._opens(node)
            else:
                if node is not skipped:
                    self._closes(node)
                if node is not root:
                    self._say(node.tail)
        self._flush()

    def _skips(self, node: Any) -> bool:
        if not isinstance(node.tag, str) or node.tag in self._left_out:
            return True
        return "hidden" in node.attrib or bool(HIDDEN.search(node.get("style", "")))

    def _opens(self, node: Any) -> None:
        tag = node.tag
        if tag == "tr":
            self._limits.check_time()
            self._flush()
            self._cells = []
        elif tag in TITLES or (tag in BLOCKS and self._cells is None):
            self._flush()
        elif tag in BLOCKS:
            self._line.append(" ")
        if tag == "br":
            self._line.append("\n")
        elif tag == "li" and self._cells is None:
            self._line.append("- ")
        elif tag == "img":
            self._say(node.get("alt"))
        self._verbatim += tag == "pre"
        self._say(node.text)

    def _closes(self, node: Any) -> None:
        tag = node.tag
        if tag in ("td", "th") and self._cells is not None:
            self._cells.append("".join(self._line))
            self._line = []
        elif tag == "tr":
            self._writer.row([*(self._cells or ()), "".join(self._line)])
            self._cells, self._line = None, []
        elif tag in TITLES and self._cells is None:
            self._writer.title(TITLES[tag], "".join(self._line))
            self._line = []
        elif tag in BLOCKS and self._cells is None:
            self._flush()
            if tag == "table":
                self._writer.rest()
        self._verbatim -= tag == "pre"

    def _say(self, text: str | None) -> None:
        if text:
            self._line.append(text if self._verbatim else re.sub(r"\s+", " ", text))

    def _flush(self) -> None:
        if self._line:
            self._writer.paragraph("".join(self._line))
            self._line = []


# ---- books --------------------------------------------------------------------------------------


def book_leaves(data: bytes, limits: Limits) -> Iterator[Leaf]:
    """A leaf a chapter of an EPUB, in the order of reading. Raises Refused."""
    container = open_zip(data, limits.unpacked, "book")
    try:
        package = parse_xml(container.read(CONTAINER)).find(".//{*}rootfile")
        path = package.get("full-path", "") if package is not None else ""
        opf: Any = parse_xml(container.read(path))
        items = {item.get("id"): item for item in opf.iterfind(".//{*}manifest/{*}item")}
        order = [items.get(ref.get("idref")) for ref in opf.iterfind(".//{*}spine/{*}itemref")]
        limits.check_pages(len(order), "chapters")
        name = opf.findtext(".//{http://purl.org/dc/elements/1.1/}title") or ""
        for item in order:
            limits.check_time()
            if item is None or item.get("media-type") not in PAGES:
                continue
            place = posixpath.normpath(
                posixpath.join(posixpath.dirname(path), unquote(item.get("href", "")))
            )
            writer = Writer()
            writer.title(-1, name)
            write_html(writer, html_text(container.read(place)), limits)
            leaf = writer.leaf()
            if leaf is not None:
                yield leaf
    except BROKEN as error:
        raise unreadable("book", error) from error
