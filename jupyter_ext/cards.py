"""The hits of a search as static HTML and as plain text.

The first hits are cards: the picture or the passage, the file, where in it, and why it was found.
Further hits are lines, and the rest is a number. The whole stays within a byte budget: the words
are made first, then pictures are added by rank while they fit, and if the words alone were too
much, lines are left out from the end. The same response always gives the same bytes, except for the
time it took, which ``stable`` leaves out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from jupyter_ext import html as h
from jupyter_ext import thumbnails, words
from jupyter_ext.html import Html, el, span
from workbench.commands.words import clean, place, plural
from workbench.domain.wire import Hit, Reason, SearchResponse

BUDGET: Final = 256_000  # bytes of HTML in one output
CARDS: Final = thumbnails.MOST
LINES: Final = 28  # hits after the cards that are shown as lines
_PLAIN: Final = 20  # hits in the plain twin
_REASONS: Final = 3  # of a hit
_BAR: Final = 34  # pixels of the longest bar
_NAME: Final = 23  # characters of a file's name on a card

_CARD: Final = (
    f"display:inline-block;vertical-align:top;width:162px;margin:0 12px 12px 0;{h.BORDER};"
    "border-radius:6px;overflow:hidden;box-sizing:border-box"
)
_AREA: Final = "position:relative;height:120px;overflow:hidden;text-align:center;" + h.themed(
    "background", "faint"
)
_PASSAGE: Final = "padding:7px 9px;text-align:left;font-size:12px;line-height:1.4;opacity:0.85"
_PICTURE: Final = "max-width:100%;max-height:120px;vertical-align:middle;margin:0"
_BADGE: Final = (
    "position:absolute;left:6px;bottom:6px;background:rgba(0,0,0,0.66);color:#fff;"
    "font-size:11px;line-height:1;padding:4px 6px;border-radius:3px"
)
_WORD: Final = "background:rgba(25,118,210,0.28);font-weight:normal;border-radius:2px"


@dataclass(frozen=True)
class View:
    """What is drawn: the answer, the query's words, whether times are left out."""

    response: SearchResponse
    query: str | None
    stable: bool

    @property
    def wanted(self) -> frozenset[str]:
        return words.query_words(self.query)


def render(view: View, pictures: Mapping[str, bytes], budget: int = BUDGET) -> Html:
    """HTML of at most ``budget`` bytes. ``pictures`` are by ``picture_key``."""
    for cards, lines in ((CARDS, LINES), (CARDS, 0), (4, 0), (0, 0)):
        bare = _page(view, cards, lines, {})
        left = budget - _size(bare)
        if left >= 0:
            return _page(view, cards, lines, _that_fit(view.response.hits[:cards], pictures, left))
    return el("div", span(headline(view)[0]))


def placed(hit: Hit) -> bool:
    """Whether the hit is a part of its object."""
    return hit.page is not None or hit.start_ms is not None


def picture_key(hit: Hit) -> str:
    """Whose picture a hit shows: its own, or that of the whole object."""
    return hit.document_id if placed(hit) else hit.object_id


def _that_fit(hits: Sequence[Hit], pictures: Mapping[str, bytes], left: int) -> dict[str, bytes]:
    """Pictures by document id, in the order of the hits, while their bytes fit in ``left``."""
    chosen: dict[str, bytes] = {}
    for hit in hits:
        data = pictures.get(picture_key(hit), pictures.get(hit.object_id))
        if data is None:
            continue
        left -= _size(_picture(hit, data))
        if left < 0:
            break
        chosen[hit.document_id] = data
    return chosen


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _page(view: View, cards: int, lines: int, pictures: Mapping[str, bytes]) -> Html:
    hits = view.response.hits
    why = _Why.over(hits[:cards])
    drawn = [_card(hit, view.wanted, pictures.get(hit.document_id), why) for hit in hits[:cards]]
    listed = hits[cards : cards + lines]
    rest = len(hits) - cards - len(listed)
    return el(
        "div",
        _head(view),
        el("div", *drawn, style="margin:8px 0 0 0") if drawn else Html(),
        _lines(listed, view.wanted) if listed else Html(),
        el("div", f"{rest:,} more in .df", style=f"{h.DIM};margin:6px 0 0 0") if rest > 0 else "",
        style=h.ROOT,
    )


def headline(view: View) -> tuple[str, str]:
    """(how many, what else): ``("24 hits", "image 14 · text 10 · 31 ms")``."""
    hits = view.response.hits
    kinds = Counter(_kind(hit) for hit in hits)
    said = [f"{kind} {count:,}" for kind, count in kinds.most_common()] if len(kinds) > 1 else []
    if not hits:
        said = ["searched " + ", ".join(view.response.collections)]
        said = said if view.response.collections else ["there is no collection to search"]
    if not view.stable:
        said.append(f"{round(view.response.timing.total * 1000):,} ms")
    return plural(len(hits), "hit") if hits else "no hits", " · ".join(said)


def _kind(hit: Hit) -> str:
    return hit.extractor.partition("@")[0]


def _head(view: View) -> Html:
    count, more = headline(view)
    warnings = [el("div", w, style=h.themed("color", "error")) for w in view.response.warnings]
    return el("div", el("b", count), " ", span(more, h.DIM), *warnings)


def _card(hit: Hit, wanted: frozenset[str], picture: bytes | None, why: _Why) -> Html:
    where = place(hit.page, hit.start_ms, hit.end_ms)
    if picture is not None:
        badge = span(where, _BADGE) if where else Html()
        area = el("div", _picture(hit, picture), badge, style=f"{_AREA};line-height:120px")
        said = _said(hit, wanted, 60)
    else:
        area = el("div", el("div", _said(hit, wanted, 115), style=_PASSAGE), style=_AREA)
        said = h.join([" · ".join(filter(None, [where, *(hit.labels[:6] if hit.text else [])]))])
    about = el(
        "div", said, style=f"{h.DIM};{h.SMALL};height:34px;overflow:hidden;margin:2px 0 5px 0"
    )
    name = el(
        "div",
        el("b", short(hit.object_name, _NAME)),
        style=f"{h.SMALL};{h.ONE_LINE}",
        title=hit.object_name,
    )
    more = folded(hit)
    further = el("div", more, style=f"{h.TINY};{h.DIM};{h.ONE_LINE}", title=more) if more else ""
    caption = el("div", name, about, why.of(hit), further, style="padding:6px 9px 8px 9px")
    return el("div", area, caption, style=_CARD)


def _picture(hit: Hit, data: bytes) -> Html:
    return h.void("img", style=_PICTURE, src=thumbnails.data_uri(data), alt=hit.object_name[:120])


def short(name: str, size: int = 30) -> str:
    """A path that fits on one line: its end tells more than its beginning."""
    if len(name) <= size:
        return name
    last = name.rsplit("/", 1)[-1]
    if len(last) < size - 1:
        return "…/" + last if last != name else name
    return last[: size - 12] + "…" + last[-11:]


def _said(hit: Hit, wanted: frozenset[str], size: int) -> Html:
    """The passage with the query's words marked, else the labels, else the type."""
    passage = words.snippet(hit.text, wanted, size)
    if passage:
        return h.join(
            el("b", piece, style=_WORD) if found else piece
            for piece, found in words.marked(passage, wanted)
        )
    return h.join([" · ".join(hit.labels[:6]) or hit.mime])


@dataclass(frozen=True)
class _Why:
    """Draws reasons; what it knows of all cards makes them comparable and of one height."""

    strongest: float
    lines: int

    @classmethod
    def over(cls, hits: Sequence[Hit]) -> _Why:
        scores = [r.score for hit in hits for r in hit.reasons if r.kind == "text"]
        lines = max((len(hit.reasons[:_REASONS]) for hit in hits), default=0)
        return cls(max(scores, default=1.0), lines)

    def of(self, hit: Hit) -> Html:
        drawn = [self._line(reason) for reason in hit.reasons[:_REASONS]]
        return el("div", *drawn, style=f"{h.TINY};{h.DIM};height:{16 * self.lines}px")

    def _line(self, reason: Reason) -> Html:
        full = self.strongest if reason.kind == "text" else 1.0
        share = _share(reason.score) if reason.kind == "rerank" else reason.score
        width = max(3, min(_BAR, round(_BAR * share / full))) if full > 0 else 3
        bar = el(
            "span",
            style=f"display:inline-block;vertical-align:middle;width:{width}px;height:4px;"
            f"border-radius:2px;margin-right:5px;{h.themed('background', 'accent')}",
        )
        return el("div", bar, reason_text(reason), style=f"line-height:16px;{h.ONE_LINE}")


def folded(hit: Hit) -> str:
    """``3 more: 0:42-0:51, 1:10-1:12`` for the hits that are folded under this one."""
    if not hit.others:
        return ""
    places = [place(other.page, other.start_ms, other.end_ms) for other in hit.others[:3]]
    said = ", ".join(filter(None, places))
    return f"{len(hit.others)} more" + (f": {said}" if said else "")


def reason_text(reason: Reason) -> str:
    """``visual 0.71``, ``words 6.3``, ``rerank 4.2``."""
    if reason.kind == "text":
        return f"words {reason.score:.1f}"
    if reason.kind == "rerank":
        return f"rerank {reason.score:.1f}"
    space = (reason.feature or "vector").rsplit("/", 1)[-1]
    return f"{space} {reason.score:.2f}"


def _share(logit: float) -> float:
    """Scores of cross-encoders have no bounds: their place between 0 and 1."""
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))


def _lines(hits: Sequence[Hit], wanted: frozenset[str]) -> Html:
    nowrap = "white-space:nowrap"
    placed = any(place(hit.page, hit.start_ms, hit.end_ms) for hit in hits)
    rows: list[list[Html]] = []
    for hit in hits:
        where = place(hit.page, hit.start_ms, hit.end_ms)
        why = ", ".join(map(reason_text, hit.reasons[:_REASONS]))
        rows.append(
            [
                h.cell(short(hit.object_name, 44), style=nowrap),
                *([h.cell(where, style=nowrap)] if placed else []),
                h.cell(span(_said(hit, wanted, 100), h.DIM)),
                h.cell(span(why, h.DIM), style=nowrap),
            ]
        )
    return h.table(("file", *(["where"] if placed else []), "", "why"), rows)


def plain(view: View) -> str:
    """The same for a terminal: one line a hit."""
    count, more = headline(view)
    lines = [f"{count}  {more}", *view.response.warnings]
    shown = view.response.hits[:_PLAIN]
    names = [clean(short(hit.object_name, 40)) for hit in shown]
    width = max(map(len, names), default=0)
    for hit, name in zip(shown, names, strict=True):
        where = place(hit.page, hit.start_ms, hit.end_ms)
        said = words.snippet(hit.text, view.wanted, 70) or " · ".join(hit.labels[:6])
        why = ", ".join(map(reason_text, hit.reasons[:_REASONS]))
        parts = (where, said, folded(hit), f"[{why}]" if why else "")
        tail = "  ".join(part for part in parts if part)
        lines.append(f"{hit.rank:>3}  {name:<{width}}  {tail}")
    rest = len(view.response.hits) - len(shown)
    if rest > 0:
        lines.append(f"     {rest:,} more in .df")
    return "\n".join(clean(line).rstrip() for line in lines)
