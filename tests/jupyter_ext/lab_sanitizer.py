"""What JupyterLab leaves of an output in an untrusted notebook, as far as our outputs go.

The rules are those of Lab 4.6 (``apputils/src/sanitizer.ts``), for the elements and properties that
we use; anything else is dropped here, so a new one must be looked up there first. Two uses:
``problems`` names what would be lost that must not be, ``sanitized`` gives the page as it would be
shown.
"""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser

TAGS = {"div", "span", "b", "code", "img", "table", "thead", "tbody", "tr", "th", "td", "pre"}
ATTRIBUTES = {"*": {"style", "title"}, "img": {"alt", "src"}}
VOID = {"img"}

_NUMBER = r"[+-]?([0-9]*[.])?[0-9]+"
_LENGTH = rf"({_NUMBER}(px|em|rem|pt)|0)"
_SIZE = rf"({_NUMBER}(px|em|rem|pt|%)|0)"
_COLOR = (
    r"(#[0-9a-f]+|rgba\(\s*\d{1,3}\s*,\s*\d{1,3}\s*,\s*\d{1,3}\s*,\s*(1|0([.][0-9]+)?)\s*\)"
    r"|rgb\(\s*\d{1,3}\s*,\s*\d{1,3}\s*,\s*\d{1,3}\s*\)|transparent|white|black)"
)
_BORDER = rf"(({_LENGTH}|none|solid|{_COLOR})\s*){{1,3}}"
STYLES = {
    "background": _COLOR,
    "border": _BORDER,
    "border-bottom": _BORDER,
    "border-bottom-color": _COLOR,
    "border-collapse": "collapse|separate",
    "border-color": _COLOR,
    "border-radius": _SIZE,
    "bottom": _SIZE,
    "box-sizing": "border-box",
    "color": _COLOR,
    "display": "inline-block|block|none",
    "float": "left|right|none",
    "font-size": _SIZE,
    "font-weight": "normal|bold",
    "height": _SIZE,
    "left": _SIZE,
    "line-height": rf"{_NUMBER}|{_SIZE}",
    "margin": rf"({_SIZE}\s*){{1,4}}",
    "margin-right": _SIZE,
    "max-height": _SIZE,
    "max-width": _SIZE,
    "opacity": r"1|0([.][0-9]+)?",
    "overflow": "hidden|visible|auto|scroll",
    "padding": rf"({_SIZE}\s*){{1,4}}",
    "position": "static|relative|absolute",
    "text-align": "left|right|center",
    "text-overflow": "clip|ellipsis",
    "vertical-align": "top|middle|baseline|bottom",
    "white-space": "normal|nowrap|pre",
    "width": _SIZE,
}
_THEMED = re.compile(r"var\(--jp-[a-z0-9-]+,(.+)\)")
_IMAGE = re.compile(r"data:image/(webp|jpeg|png);base64,[A-Za-z0-9+/=]+")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self.problems: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.problems.append(f"element {tag}")
            return
        kept = "".join(self._attribute(tag, name, value or "") for name, value in attrs)
        self.out.append(f"<{tag}{kept}>")
        if tag not in VOID:
            self.open.append(tag)

    def _attribute(self, tag: str, name: str, value: str) -> str:
        if name not in ATTRIBUTES["*"] | ATTRIBUTES.get(tag, set()):
            self.problems.append(f"attribute {tag}[{name}]")
            return ""
        if name == "src" and not _IMAGE.fullmatch(value):
            self.problems.append(f"picture {value[:40]}")
            return ""
        if name == "style":
            value = self._style(value)
        return f' {name}="{escape(value)}"'

    def _style(self, style: str) -> str:
        kept: dict[str, str] = {}
        for declaration in filter(None, style.split(";")):
            name, _, value = declaration.partition(":")
            themed = _THEMED.fullmatch(value)
            if themed and name in STYLES:
                # lost in an untrusted notebook: its literal must have been said before it
                if kept.get(name) is None and name not in self._implied(kept):
                    self.problems.append(f"style {declaration} without a literal before it")
            elif name in STYLES and re.fullmatch(STYLES[name], value.strip(), re.IGNORECASE):
                kept[name] = value
            else:
                self.problems.append(f"style {declaration}")
        return ";".join(f"{name}:{value}" for name, value in kept.items())

    @staticmethod
    def _implied(kept: dict[str, str]) -> set[str]:
        return {f"{name}-color" for name in kept if name.startswith("border")}

    def handle_endtag(self, tag: str) -> None:
        if tag in TAGS - VOID:
            if not self.open or self.open.pop() != tag:
                self.problems.append(f"</{tag}> does not close what is open")
            self.out.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.out.append(escape(data))

    def handle_comment(self, data: str) -> None:
        self.problems.append("comment")


def _read(html: str) -> _Reader:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    if reader.open:
        reader.problems.append(f"left open: {reader.open}")
    return reader


def problems(html: str) -> list[str]:
    return _read(html).problems


def sanitized(html: str) -> str:
    return "".join(_read(html).out)
