"""SVG as pixels, from files that nobody vouches for.

The renderer (resvg) opens what a drawing names by path, so it never sees the file: it sees a new
one, written from what the parser (expat, with no entities and no external DTD) finds in it. Of the
elements only shapes, text and paint are copied. Of the references only ``#id`` inside the file, and
pictures that the file holds itself (``data:``) and that are small enough. Scripts, foreign objects,
filters, markers, animation, imports and fonts are left out. Then the elements are counted as the
renderer will see them, with what each reference brings in, so that no bomb of references gets to
it. The picture's longer side is always ``EDGE`` pixels.

Letters are not drawn, since fonts lie outside the file; the words are given back beside.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from extractors.pictures import open_picture
from extractors.refused import Refused
from workbench.domain.states import Category
from workbench.extraction.contract import Failed

MIME = "image/svg+xml"
EDGE = 1024
MAX_BYTES = 16 * 1024 * 1024
MAX_ELEMENTS = 50_000
MAX_DEPTH = 100
#: Pixels and bytes of the pictures that a drawing holds, all together.
MAX_HELD_PIXELS = 16_000_000
MAX_HELD = 8 * 1024 * 1024
MAX_WORDS = 2_000

SVG = "http://www.w3.org/2000/svg"
XLINK_HREF = "http://www.w3.org/1999/xlink href"
SHAPES = frozenset(
    {"svg", "g", "defs", "symbol", "use", "switch", "a", "style", "image"}
    | {"path", "rect", "circle", "ellipse", "line", "polyline", "polygon"}
    | {"text", "tspan", "textPath"}
    | {"linearGradient", "radialGradient", "stop", "clipPath", "mask", "pattern"}
)
#: Their words are kept, they themselves are not drawn.
SAID = frozenset({"title", "desc", "text", "tspan", "textPath"})
HELD = re.compile(r"data:image/(?:png|jpe?g|gif|webp);base64,([A-Za-z0-9+/=\s]+)")
INSIDE = re.compile(r"#[^\s\"'()<>\\]{1,200}")
LINK = re.compile(r"url\(\s*[\"']?\s*(#[^\s\"'()<>\\]{1,200})\s*[\"']?\s*\)")
ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,60}")
LENGTH = re.compile(r"\s*([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]{1,2})?)\s*(px|pt|pc|mm|cm|in)?\s*")
UNITS = {None: 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "mm": 96 / 25.4, "cm": 96 / 2.54}
UNITS["in"] = 96.0


@dataclass(frozen=True)
class Drawn:
    """``png``: the picture; ``width`` and ``height`` as the drawing states them; its words."""

    png: bytes
    width: int
    height: int
    words: str


def is_drawing(data: bytes) -> bool:
    """Whether this is meant to be SVG."""
    head = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    return head.startswith(b"<") and b"<svg" in head.lower()


def draw(data: bytes) -> Drawn:
    """The drawing as a picture. Raises Refused."""
    if len(data) > MAX_BYTES:
        raise _limit(f"the SVG has {len(data):,} bytes, more than {MAX_BYTES:,}")
    copy = _Copy()
    copy.read(data)
    width, height = copy.size
    # Imported here: only a worker that meets a drawing needs it.
    import resvg_py

    try:
        png = resvg_py.svg_to_bytes(
            svg_string=copy.text(), skip_system_fonts=True, background="white"
        )
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:  # noqa: BLE001 - a panic of the renderer is no Exception
        raise _bad(f"the SVG cannot be drawn: {error}"[:300]) from None
    return Drawn(bytes(png), max(1, round(width)), max(1, round(height)), copy.words)


@dataclass
class _Node:
    name: str
    children: list[int] = field(default_factory=list[int])
    links: list[str] = field(default_factory=list[str])


class _Copy:
    """What of a drawing the renderer gets."""

    def __init__(self) -> None:
        self._out: list[str] = []
        self._said: list[str] = []
        self._nodes: list[_Node] = []
        self._ids: dict[str, int] = {}
        self._open: list[tuple[str, int]] = []  # name and node of the elements that are copied
        self._skipped = 0
        self._style: list[str] | None = None
        self._styles: list[tuple[int, str]] = []  # places in what is written, and their CSS
        self._speaks = 0
        self._held = self._pixels = 0
        self.size = (300.0, 150.0)

    def read(self, data: bytes) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.EntityDeclHandler = self._entity
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            raise _bad(f"the SVG is no whole XML: {error}"[:300]) from None
        if not self._nodes:
            raise _bad("the file holds no SVG")
        for place, css in self._styles:
            self._out[place] = escape(LINK.sub(self._gradient, css))
        self._weigh()

    def _gradient(self, found: re.Match[str]) -> str:
        """What a rule may refer to: it can hold for any element, so nothing that weighs."""
        number = self._ids.get(found[1])
        able = number is not None and self._nodes[number].name.endswith("Gradient")
        return found[0] if able else "none"

    def text(self) -> str:
        return "".join(self._out)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self._said).split())[:MAX_WORDS]

    # ---- events of the parser ----------------------------------------------------------------

    def _entity(self, *_: object) -> None:
        raise _limit("the SVG declares entities, which are not taken")

    def _start(self, tag: str, given: Mapping[str, str]) -> None:
        space, _, name = tag.rpartition(" ")
        if not self._nodes and (name != "svg" or space not in ("", SVG)):
            raise _bad(f"the file is <{name[:40]}>, not an SVG")
        if self._skipped or space not in ("", SVG) or name not in SHAPES:
            self._skipped += 1
            if self._skipped == 1 and name in ("title", "desc") and space in ("", SVG):
                self._speaks = 1
            if self._skipped + len(self._open) > MAX_DEPTH:
                raise _limit(f"its elements are nested deeper than {MAX_DEPTH}")
            return
        if len(self._open) >= MAX_DEPTH:
            raise _limit(f"its elements are nested deeper than {MAX_DEPTH}")
        if len(self._nodes) >= MAX_ELEMENTS:
            raise _limit(f"the SVG has more than {MAX_ELEMENTS:,} elements")
        self._copy(name, given)

    def _copy(self, name: str, given: Mapping[str, str]) -> None:
        number, node = len(self._nodes), _Node(name)
        self._nodes.append(node)
        if self._open:
            self._nodes[self._open[-1][1]].children.append(number)
        kept = self._attributes(name, given, node)
        if not self._open:
            kept = self._sized(kept)
        if "id" in kept:
            self._ids.setdefault("#" + kept["id"], number)
        if name == "style":
            self._style = []
        root = f' xmlns="{SVG}" xmlns:xlink="http://www.w3.org/1999/xlink"' if number == 0 else ""
        told = "".join(f" {key}={quoteattr(value)}" for key, value in kept.items())
        self._out.append(f"<{name}{root}{told}>")
        self._open.append((name, number))

    def _end(self, _tag: str) -> None:
        if self._skipped:
            self._skipped -= 1
            if not self._skipped:
                self._speaks = 0
            return
        name, _ = self._open.pop()
        if name == "style" and self._style is not None:
            css = cleaned(re.sub(r"/\*.*?\*/", " ", "".join(self._style), flags=re.DOTALL))
            self._styles.append((len(self._out), css))
            self._out.append("")
            self._style = None
        self._out.append(f"</{name}>")

    def _characters(self, text: str) -> None:
        if self._style is not None:
            self._style.append(text)
        elif self._skipped:
            if self._speaks and self._skipped == 1:
                self._said.append(text)
        elif self._open and self._open[-1][0] in SAID:
            self._said.append(text)
            self._out.append(escape(text))

    # ---- attributes --------------------------------------------------------------------------

    def _attributes(self, name: str, given: Mapping[str, str], node: _Node) -> dict[str, str]:
        kept: dict[str, str] = {}
        for key, value in given.items():
            if key in ("href", XLINK_HREF):
                if INSIDE.fullmatch(value.strip()) and name != "image":
                    kept["xlink:href"] = value.strip()
                    node.links.append(value.strip())
                elif name == "image" and self._holds(value):
                    kept["xlink:href"] = "".join(value.split())
            elif key == "id" or (ATTRIBUTE.fullmatch(key) and not key.lower().startswith("on")):
                if key.lower() in ("src", "base", "filter") or key.startswith("marker"):
                    continue
                kept[key] = cleaned(value)
                node.links += LINK.findall(kept[key])
        return kept

    def _holds(self, value: str) -> bool:
        """Whether this is a small raster picture that the file holds itself."""
        found = HELD.fullmatch(value.strip())
        if found is None:
            return False
        try:
            data = base64.b64decode("".join(found[1].split()), validate=True)
        except (binascii.Error, ValueError):
            return False
        self._held += len(data)
        if self._held > MAX_HELD:
            raise _limit(f"the pictures in the SVG have more than {MAX_HELD:,} bytes")
        try:
            width, height = open_picture(data, MAX_HELD_PIXELS).size
        except Refused:
            return False
        self._pixels += width * height
        if self._pixels > MAX_HELD_PIXELS:
            raise _limit(f"the pictures in the SVG have more than {MAX_HELD_PIXELS:,} pixels")
        return True

    def _sized(self, kept: dict[str, str]) -> dict[str, str]:
        """The root with a size of ``EDGE``, and a view box, without which nothing is scaled."""
        box = _numbers(kept.get("viewBox", ""))
        width, height = _length(kept.get("width")), _length(kept.get("height"))
        if box is not None and box[2] > 0 and box[3] > 0:
            ratio = box[2] / box[3]
            width = width or (height * ratio if height else box[2])
            height = height or width / ratio
        else:
            width, height = width or 300.0, height or 150.0
            kept["viewBox"] = f"0 0 {width:.6g} {height:.6g}"
        self.size = (min(width, 2**31 - 1.0), min(height, 2**31 - 1.0))
        scale = EDGE / max(self.size)
        kept["width"] = str(max(1, round(self.size[0] * scale)))
        kept["height"] = str(max(1, round(self.size[1] * scale)))
        return kept

    # ---- what references bring in ------------------------------------------------------------

    def _weigh(self) -> None:
        """Each element weighs one, its children, and what it refers to; depths likewise. What
        refers to itself is left to the renderer, which draws no such thing."""
        weights: dict[int, tuple[int, int]] = {}
        entered: set[int] = set()
        stack = [0]
        while stack:
            at = stack[-1]
            node = self._nodes[at]
            below = node.children + [self._ids[link] for link in node.links if link in self._ids]
            if at not in entered:
                entered.add(at)
                stack += [each for each in below if each not in entered]
                continue
            stack.pop()
            if at in weights:
                continue
            known = [weights.get(each, (0, 0)) for each in below]
            weight = 1 + sum(each[0] for each in known)
            depth = 1 + max((each[1] for each in known), default=0)
            if weight > MAX_ELEMENTS:
                raise _limit(f"its references draw more than {MAX_ELEMENTS:,} elements")
            if depth > MAX_DEPTH:
                raise _limit(f"its references are nested deeper than {MAX_DEPTH}")
            weights[at] = (weight, depth)


def cleaned(css: str) -> str:
    """CSS, or an attribute's value, without what points out of the file. What hides behind escapes
    or rules that load is dropped as a whole."""
    if "url" not in css.lower() and "@" not in css and "\\" not in css:
        return css
    if "\\" in css or "@" in css:
        return ""
    return re.sub(
        r"url\s*\([^)]*\)?",
        lambda found: f"url({inside[1]})" if (inside := LINK.fullmatch(found[0])) else "none",
        css,
        flags=re.IGNORECASE,
    )


def _length(text: str | None) -> float | None:
    found = LENGTH.fullmatch(text or "")
    if found is None:
        return None
    value = float(found[1]) * UNITS[found[2]]
    return value if 1e-3 < value < 1e9 else None


def _numbers(text: str) -> tuple[float, float, float, float] | None:
    parts = text.replace(",", " ").split()
    try:
        left, top, width, height = (float(part) for part in parts)
    except ValueError:
        return None
    finite = all(abs(each) < 1e9 for each in (left, top, width, height))
    return (left, top, width, height) if finite and min(width, height) > 1e-6 else None


def _bad(message: str) -> Refused:
    hint = "open it in a drawing program and save it as plain SVG"
    return Refused(Failed(Category.FORMAT, message, hint, stage="decode"))


def _limit(message: str) -> Refused:
    hint = "save it as a PNG, and ingest that"
    return Refused(Failed(Category.LIMITS, message, hint, stage="decode"))
