"""What the magics give: hits, tables and lists, each shown as static HTML with a plain twin.

``.df`` is a pandas DataFrame, made when first asked for. A ``repr`` is short and the same in every
run; the full plain form is the ``text/plain`` of the display.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, overload

import traitlets as t

from jupyter_ext import cards, help_view, table_view, thumbnails
from jupyter_ext.modes import Mode
from jupyter_ext.refining import Found, Search
from jupyter_ext.saved import MARK
from jupyter_ext.screen import Bundle, Screen
from workbench.client import Client
from workbench.commands.words import plural
from workbench.domain.wire import Hit, SearchResponse

if TYPE_CHECKING:
    import pandas as pd

    from jupyter_ext.widgets.results import ResultsView

_HIT_COLUMNS: Final = (
    "rank",
    "score",
    "object_name",
    "collection",
    "text",
    "page",
    "start_ms",
    "end_ms",
    "labels",
    "mime",
    "bucket",
    "box",
    "object_id",
    "document_id",
    "extractor",
)
_BRIEFLY: Final = 1.5  # seconds that the words wait for pictures where a view shows them anyway
_WHOLE_NUMBERS: Final = ("rank", "page", "start_ms", "end_ms")


class Hits(list[Hit]):
    """Hits, best first; ``.df`` has a row for each, and the fields of extractors as columns."""

    @property
    def df(self) -> pd.DataFrame:
        import pandas as pd

        rows = [self._row(hit) for hit in self]
        frame = pd.DataFrame(rows, columns=None if rows else list(_HIT_COLUMNS))
        return frame.astype(dict.fromkeys(_WHOLE_NUMBERS, "Int64"))

    @staticmethod
    def _row(hit: Hit) -> dict[str, Any]:
        own = {name: getattr(hit, name) for name in _HIT_COLUMNS}
        return own | {key: value for key, value in hit.payload.items() if key not in own}


@dataclass(frozen=True)
class Shown:
    """What showing hits needs of the service."""

    client: Client
    screen: Screen

    def picture(self, hit: Hit, size: int = thumbnails.EDGE) -> bytes:
        """The part of the object that was found; the object where it was found as a whole."""
        if cards.placed(hit):
            return self.client.preview(hit.document_id, size=size)
        return self.client.thumbnail(hit.object_id, size=size)

    @property
    def home(self) -> str:
        return self.screen.home(self.client)


class HitsTrait(t.TraitType[Hits, Iterable[Hit]]):
    """Any hits that are put in become ``Hits``."""

    info_text = "hits"

    def validate(self, obj: Any, value: Any) -> Hits:
        return value if isinstance(value, Hits) else Hits(value)


class Results(t.HasTraits):
    """The hits of a search: iterate, index, ``len``; ``.hits``, ``.df``, ``.response``.

    In a notebook it is a view: what is refined or paged there is what is in ``.hits`` here, and
    what is selected there is ``.selected``, which has a ``.df`` too. Both are traits, of either
    side: ``found.observe(call, "selected")`` tells of every change, and ``found.selected =
    found[:3]`` selects.
    """

    hits = HitsTrait()
    selected = HitsTrait()

    def __init__(self, search: Search, shown: Shown) -> None:
        super().__init__(hits=search.found.hits, selected=())
        self._search = search
        self._shown = shown
        self._known: dict[str, bytes] = {}
        self._asked: set[str] = set()
        self._view: ResultsView | None = None
        search.changed = self._changed

    @property
    def response(self) -> SearchResponse:
        """The present answer of the service, its first page."""
        return self._search.found.response

    @property
    def query(self) -> str | None:
        return self._search.found.query

    @property
    def df(self) -> pd.DataFrame:
        """One row per hit, best first. The fields that an extractor adds are columns too."""
        return self.hits.df

    def _changed(self, found: Found) -> None:
        self.hits = Hits(found.hits)
        known = {hit.document_id for hit in found.hits}
        if any(hit.document_id not in known for hit in self.selected):
            self.selected = Hits(hit for hit in self.selected if hit.document_id in known)

    def _pictures(self, seconds: float) -> dict[str, bytes]:
        shown = [h for h in self.hits[: cards.CARDS] if thumbnails.has_picture(h.mime)]
        wanted = {cards.picture_key(hit): hit for hit in shown}
        missing = [key for key in wanted if key not in self._asked]
        self._asked.update(missing)
        self._known |= thumbnails.fetch_all(
            missing, lambda key: self._shown.picture(wanted[key]), seconds
        )
        return self._known

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Any:
        """Words and pictures that stay, and beside them the view where somebody looks on."""
        mode = self._shown.screen.mode()
        live = mode is Mode.WIDGET
        response = self.response.model_copy(update={"hits": list(self.hits)})
        view = cards.View(response, self.query, mode.stable)
        pictures = self._pictures(_BRIEFLY if live else thumbnails.SECONDS)
        static = {"text/html": cards.render(view, pictures), "text/plain": cards.plain(view)}
        return ({**self._live().mime, **static}, dict(MARK)) if live else static

    def _live(self) -> ResultsView:
        """The view, one for all of its displays. Selections go both ways."""
        if self._view is None:
            from jupyter_ext.widgets.results import ResultsView

            shown = self._shown
            view = ResultsView(self._search, shown.picture, shown.home, shown.client.namespace)
            view.selected = [hit.document_id for hit in self.selected]
            view.observe(self._picked, "selected")
            self.observe(self._picks, "selected")
            self._view = view
        return self._view

    def _picked(self, change: Any) -> None:
        by_id = {hit.document_id: hit for hit in self.hits}
        self.selected = Hits(by_id[each] for each in change["new"] if each in by_id)

    def _picks(self, change: Any) -> None:
        ids = [hit.document_id for hit in change["new"]]
        if self._view is not None and self._view.selected != ids:
            self._view.selected = ids

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    @overload
    def __getitem__(self, index: int) -> Hit: ...
    @overload
    def __getitem__(self, index: slice) -> Hits: ...
    def __getitem__(self, index: int | slice) -> Hit | Hits:
        return Hits(self.hits[index]) if isinstance(index, slice) else self.hits[index]

    def __repr__(self) -> str:
        return f"<Results: {plural(len(self), 'hit')}>"


class Rows:
    """A list of the service: iterate over dicts, index, ``len``; ``.df``."""

    def __init__(
        self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], note: str | None = None
    ) -> None:
        self._rows = [dict(row) for row in rows]
        self._columns = list(columns)
        self._note = note

    @cached_property
    def df(self) -> pd.DataFrame:
        import pandas as pd

        extra = [k for row in self._rows for k in row if k not in self._columns]
        names = [*self._columns, *dict.fromkeys(extra)]
        return pd.DataFrame(self._rows, columns=names)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        return _grid_bundle(table_view.from_dicts(self._rows, self._columns, self._note))

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._rows[index]

    def __repr__(self) -> str:
        return f"<Rows: {plural(len(self), 'row')}>"


class Table:
    """The answer of SQL: ``.df``, ``len``."""

    def __init__(self, df: pd.DataFrame, note: str | None = None) -> None:
        self.df = df
        self._note = note

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        first = self.df.head(table_view.ROWS).astype(object)
        first = first.where(first.notna(), None)
        rows: list[list[Any]] = first.to_numpy().tolist()
        names = [str(name) for name in self.df.columns]
        return _grid_bundle(table_view.Grid(names, rows, len(self.df), self._note))

    def __len__(self) -> int:
        return len(self.df)

    def __repr__(self) -> str:
        columns = plural(len(self.df.columns), "column")
        return f"<Table: {plural(len(self), 'row')}, {columns}>"


class Text:
    """Lines for a reader: what a command said."""

    def __init__(self, text: str) -> None:
        self.text = text

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        return {"text/plain": self.text}

    def __repr__(self) -> str:
        return self.text


class Help(Text):
    """The help of a verb, or of all."""

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        return {"text/html": help_view.render(self.text), "text/plain": self.text}


def _grid_bundle(grid: table_view.Grid) -> Bundle:
    return {"text/html": table_view.render(grid), "text/plain": table_view.plain(grid)}
