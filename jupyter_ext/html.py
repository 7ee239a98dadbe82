"""HTML that is safe by construction and survives where a saved notebook is read.

A plain ``str`` is text and is escaped; only ``Html`` is markup. Styles are inline, since an
untrusted notebook keeps nothing else. JupyterLab's sanitizer also drops each declaration whose
value it does not know, ``var()`` among them: a themed style is therefore a pair, a literal that
passes everywhere and after it the theme's variable, which wins where it is allowed. Words stay
readable without any style, which is how some sites show a notebook.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

from workbench.commands.words import clean


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


Child = Html | str


def el(name: str, *children: Child, style: str = "", **attributes: str) -> Html:
    """One element. Attribute values and plain strings are escaped; ``style`` is ours."""
    given = {**attributes, **({"style": style} if style else {})}
    head = "".join(f' {key}="{escape(clean(value))}"' for key, value in given.items())
    return Html(f"<{name}{head}>{join(children)}</{name}>")


def void(name: str, style: str = "", **attributes: str) -> Html:
    """An element without an end tag, such as ``img``."""
    return Html(el(name, style=style, **attributes).removesuffix(f"</{name}>"))


def join(children: Iterable[Child]) -> Html:
    return Html(
        "".join(
            child if isinstance(child, Html) else escape(clean(child))  # text, not markup
            for child in children
        )
    )


# ---- the theme ----------------------------------------------------------------------------------

#: Literals are of the form ``rgb(…)``: Lab 4.6 keeps even an untrusted ``var()`` that holds one.
_FAINT: Final = "rgba(128,128,128,0.14)"
_RULE: Final = "rgba(128,128,128,0.38)"
_THEME: Final = {
    "accent": ("--jp-brand-color1", "rgb(25,118,210)"),
    "ok": ("--jp-success-color1", "rgb(56,142,60)"),
    "error": ("--jp-error-color1", "rgb(211,47,47)"),
    "faint": ("--jp-layout-color2", _FAINT),
    "line": ("--jp-border-color2", _RULE),
}


def themed(prop: str, token: str) -> str:
    """``prop`` in a colour of the theme: the literal first, then the variable."""
    variable, literal = _THEME[token]
    return f"{prop}:{literal};{prop}:var({variable},{literal})"


#: Sizes are of JupyterLab's own text. Quiet text is the same ink, thinner: that is right on light
#: and on dark, with or without variables.
DIM: Final = "opacity:0.72"
SMALL: Final = "font-size:12px"
TINY: Final = "font-size:11px"
ROOT: Final = "font-size:13px;line-height:1.45;max-width:1100px;text-align:left"
BORDER: Final = f"border:1px solid {_RULE};border-color:var(--jp-border-color2,{_RULE})"
RULE_BELOW: Final = (
    f"border:none;border-bottom:1px solid {_RULE};"
    f"border-bottom-color:var(--jp-border-color2,{_RULE})"
)
ONE_LINE: Final = "white-space:nowrap;overflow:hidden;text-overflow:ellipsis"


def span(text: Child, style: str = "") -> Html:
    return el("span", text, style=style)


def cell(content: Child, style: str = "", head: bool = False) -> Html:
    """A table cell, to the left unless ``style`` says otherwise, as Lab puts it to the right."""
    base = "padding:4px 12px 4px 0;text-align:left;vertical-align:top;"
    weight = f"font-weight:normal;{DIM};" if head else ""
    return el("th" if head else "td", content, style=base + weight + style)


def table(head: Iterable[str], rows: Iterable[Iterable[Html]], right: Iterable[str] = ()) -> Html:
    """A table of ``cell`` rows; the heads in ``right`` stand to the right, as their numbers do. The
    zebra stripes that Lab adds are switched off."""
    line = f"background:transparent;{RULE_BELOW}"
    numbers = frozenset(right)
    heads = (cell(h, "text-align:right" if h in numbers else "", head=True) for h in head)
    titles = el("thead", el("tr", *heads, style=line))
    body = el("tbody", *(el("tr", *row, style=line) for row in rows))
    return el("table", titles, body, style=f"border-collapse:collapse;{SMALL};margin:4px 0 0 0")
