"""Where the parts of a text begin: sections of Markdown, definitions of source code.

Markdown: lines of ``#`` to ``######`` and underlined ones, outside fenced blocks and the header
between ``---``. Source code of any language: an unindented line that follows an empty one, or that
looks like a definition and follows no comment or decorator, begins a part; nothing is parsed, so
broken code is no trouble.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

Syntax = Literal["plain", "markdown", "code"]

MAX_TITLE = 80
LINE = re.compile(r"[^\n]*\n|[^\n]+")
HASHES = re.compile(r" {0,3}(#{1,6})[ \t]+(\S.*)")
CLOSING_HASHES = re.compile(r"[ \t]+#+$")
UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
FENCE = re.compile(r" {0,3}(```|~~~)")
DEFINITION = re.compile(
    r"(?:(?:export|default|pub(?:\([a-z]+\))?|public|private|protected|internal|static|abstract|"
    r"final|async|unsafe|extern|override|open|data|sealed)\s+)*"
    r"(?:def|class|function|func|fun|fn|sub|struct|enum|union|trait|interface|impl|type|module|"
    r"namespace|package|object|record|macro_rules!|CREATE|create)\b"
)
#: What stands before a definition and belongs to it, and what ends the part before.
PREFIX = ("#", "//", "/*", " *", "*", "--", ";", "%", "@", '"""', "'''")
CLOSING = ("}", ")", "]", "end")

MARKDOWN_ENDINGS = frozenset({".md", ".markdown", ".mdx", ".mdown", ".qmd", ".rmd"})
MARKDOWN_TYPES = frozenset({"text/markdown", "text/x-markdown"})
CODE_NAME = re.compile(
    r"\.(?:py[ix]?|[mc]?[jt]sx?|cc?|cpp|cxx|hh?|hpp|java|kts?|scala|go|rs|rb|p[lm]|php|swift|cs|fs|"
    r"mm?|r|jl|lua|hs|mli?|exs?|erl|clj|lisp|el|(?:ba|z|fi)?sh|ps1|bat|sql|s?css|less|vue|svelte|"
    r"dart|zig|nim|vhd|asm|f90|pas|tcl|cmake|proto|graphql|tf|gradle|groovy)$"
)
CODE_TYPES = frozenset(
    {
        "text/javascript",
        "text/css",
        "application/javascript",
        "application/typescript",
        "application/sql",
        "application/x-sh",
        "application/x-shellscript",
    }
)
NOT_CODE = frozenset({"text/x-log", "text/x-rst", "text/x-yaml", "text/x-toml", "text/x-tex"})


@dataclass(frozen=True)
class Head:
    """A part begins at character ``start``. ``path`` names it from the outermost title on;
    ``around`` are the titles of it that do not stand in the part itself."""

    start: int
    path: tuple[str, ...] = ()
    around: tuple[str, ...] = ()


def syntax_of(mime: str, name: str) -> Syntax:
    """How a text is built, by its type and, where that says little, by its name's ending."""
    ending = PurePosixPath(name).suffix.lower()
    if mime in MARKDOWN_TYPES or (mime == "text/plain" and ending in MARKDOWN_ENDINGS):
        return "markdown"
    if mime in CODE_TYPES or (mime.startswith("text/x-") and mime not in NOT_CODE):
        return "code"
    return "code" if mime == "text/plain" and CODE_NAME.search(ending) else "plain"


def outline(text: str, syntax: Syntax) -> list[Head]:
    """The parts of ``text`` in order; the first begins at 0."""
    if syntax == "markdown":
        return _sections(text)
    if syntax == "code":
        return _definitions(text)
    return [Head(0)]


def lines(text: str, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
    """Begin and end of each line, its line end included."""
    for match in LINE.finditer(text, start, len(text) if end is None else end):
        yield match.span()


def _sections(text: str) -> list[Head]:
    """A title with nothing below it goes with the section that follows."""
    titles = [*_titles(text)]
    if not titles:
        return [Head(0)]
    heads = [Head(0)] if text[: titles[0].start].strip() else []
    path: list[_Title] = []
    begun: int | None = None
    for title, following in zip(titles, [*titles[1:], None], strict=True):
        path = [*(p for p in path if p.level < title.level), title]
        begun = title.start if begun is None else begun
        if following is not None and not text[title.end : following.start].strip():
            continue
        around = tuple(p.name for p in path if p.start < begun)
        heads.append(Head(begun, tuple(p.name for p in path), around))
        begun = None
    return heads


@dataclass(frozen=True)
class _Title:
    start: int
    end: int
    level: int
    name: str


def _titles(text: str) -> Iterator[_Title]:
    fence: str | None = None
    above: tuple[int, int] | None = None  # a line that an underline would make a title
    for start, end in lines(text, _after_header(text)):
        line = text[start:end].rstrip()
        mark = FENCE.match(line)
        if mark and fence in (None, mark[1]):
            fence = None if fence else mark[1]
            above = None
        elif fence is not None:
            continue
        elif hashes := HASHES.match(line):
            yield _Title(start, end, len(hashes[1]), _name(CLOSING_HASHES.sub("", hashes[2])))
            above = None
        elif above is not None and (under := UNDERLINE.match(line)):
            name = _name(text[above[0] : above[1]])
            yield _Title(above[0], end, 1 if under[1][0] == "=" else 2, name)
            above = None
        else:
            above = (
                (start, end) if line and not line.startswith((" ", "\t", "-", ">", "|")) else None
            )


def _after_header(text: str) -> int:
    """Where the text begins after a header of settings between lines of ``---``."""
    if not text.startswith(("---\n", "---\r\n")):
        return 0
    end = re.compile(r"^---[ \t]*\r?$", re.MULTILINE).search(text, 4)
    return end.end() if end else 0


def _definitions(text: str) -> list[Head]:
    heads = [Head(0)]
    before = ""
    name = ""
    for start, end in lines(text):
        line = text[start:end].rstrip()
        if line and not line[0].isspace() and not line.startswith(CLOSING):
            defines = DEFINITION.match(line) is not None
            if start > 0 and (not before or (defines and not before.startswith(PREFIX))):
                heads.append(Head(start))
                name = ""
            if not name and not line.startswith(PREFIX):
                name = _name(line.rstrip("{: "))
                if defines or line.endswith(("{", ":")):
                    heads[-1] = Head(heads[-1].start, (name,))
        before = line
    return heads


def _name(line: str) -> str:
    line = " ".join(line.split())
    return line if len(line) <= MAX_TITLE else line[: MAX_TITLE - 1] + "…"
