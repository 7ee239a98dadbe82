"""What the magics give: hits, tables and lists, each shown as static HTML with a plain twin.

``.df`` is a pandas DataFrame, made when first asked for. A ``repr`` is short and the same in every
run; the full plain form is the ``text/plain`` of the display.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from jupyter_ext import cards, table_view, thumbnails
from jupyter_ext.screen import Bundle, Screen
from workbench.commands.words import plural
from workbench.domain.wire import Hit, SearchResponse

if TYPE_CHECKING:
    import pandas as pd

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
_WHOLE_NUMBERS: Final = ("rank", "page", "start_ms", "end_ms")


class Results:
    """The hits of a search: iterate, index, ``len``; ``.hits``, ``.df``, ``.response``."""

    def __init__(
        self,
        response: SearchResponse,
        query: str | None,
        screen: Screen,
        picture: Callable[[Hit], bytes],
    ) -> None:
        self.response = response
        self.query = query
        self._screen = screen
        self._picture = picture

    @property
    def hits(self) -> list[Hit]:
        return self.response.hits

    @cached_property
    def df(self) -> pd.DataFrame:
        """One row per hit, best first. The fields that an extractor adds are columns too."""
        import pandas as pd

        rows = [self._row(hit) for hit in self.hits]
        frame = pd.DataFrame(rows, columns=None if rows else list(_HIT_COLUMNS))
        return frame.astype(dict.fromkeys(_WHOLE_NUMBERS, "Int64"))

    @staticmethod
    def _row(hit: Hit) -> dict[str, Any]:
        own = {name: getattr(hit, name) for name in _HIT_COLUMNS}
        return own | {key: value for key, value in hit.payload.items() if key not in own}

    @cached_property
    def _pictures(self) -> dict[str, bytes]:
        shown = [h for h in self.hits[: cards.CARDS] if thumbnails.has_picture(h.mime)]
        wanted = {cards.picture_key(hit): hit for hit in shown}
        return thumbnails.fetch_all(wanted, lambda key: self._picture(wanted[key]))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        view = cards.View(self.response, self.query, self._screen.mode().stable)
        return {"text/html": cards.render(view, self._pictures), "text/plain": cards.plain(view)}

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __getitem__(self, index: int) -> Hit:
        return self.hits[index]

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
    """Lines for a reader: help, or what a command said."""

    def __init__(self, text: str) -> None:
        self.text = text

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        return {"text/plain": self.text}

    def __repr__(self) -> str:
        return self.text


def _grid_bundle(grid: table_view.Grid) -> Bundle:
    return {"text/html": table_view.render(grid), "text/plain": table_view.plain(grid)}
