"""``%mixpeek``, ``%%search`` and ``%%telemetry``: a line in, an object out.

They take their lines as they are: IPython's own ``{…}`` and ``$…`` would evaluate what stands in a
query. ``{name}`` alone is filled in, from the user's variables, and only where that is a text or a
number.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, Protocol, cast

from IPython.core.magic import no_var_expand as _no_var_expand  # pyright: ignore

from jupyter_ext.catalogue import Catalogue
from jupyter_ext.completion import matcher
from jupyter_ext.desk import Desk
from jupyter_ext.results import Text

_ASSIGN: Final = re.compile(r"\s*([A-Za-z_]\w*)\s*<<\s*(.*)", re.DOTALL)
no_var_expand = cast("Callable[[Callable[..., object]], Callable[..., object]]", _no_var_expand)


class Shell(Protocol):
    """What is used of IPython's shell."""

    user_ns: dict[str, Any]
    Completer: Any
    events: Any
    magics_manager: Any

    def register_magic_function(self, func: object, magic_kind: str, magic_name: str) -> None: ...


class WorkbenchMagics:
    """The three magics over one desk. Their docstrings are what ``%mixpeek?`` shows."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self.desk = Desk(shell.user_ns)

    @no_var_expand
    def mixpeek(self, line: str) -> object:
        """Ingest media, search it, ask what happened.

        %mixpeek ingest ./media --bucket holidays
        %mixpeek search "a dog on a beach" --top 8
        %mixpeek tasks | wait ID | pause ID | resume ID | cancel ID | retry ID | failures ID
        %mixpeek buckets | collections | objects BUCKET | documents COLLECTION | extractors
        %mixpeek delete bucket|collection|object NAME --yes
        %mixpeek sql "SELECT state, count(*) FROM items GROUP BY state"
        %mixpeek up | down | status | doctor

        The verbs and their options are those of the shell command; %mixpeek --help lists them, and
        %mixpeek VERB --help tells what one takes. {name} stands for your variable of that name.

        The result is an object: hits, rows and SQL have .df, a pandas DataFrame; an ingest gives a
        task with .df, .failures, .wait() and .cancel(). A task that fails or is canceled raises, so
        that a run of the notebook stops; --strict raises on failed items too. Interrupting the cell
        stops the waiting only.

        MIXPEEK_PROGRESS=auto|html|widget|text|off says how progress is shown: live, or (text) one
        display at the end that is the same in every run.
        """
        return self.desk.run(self.desk.words(line))

    @no_var_expand
    def search(self, line: str, cell: str) -> object:
        """Search with the text of the cell.

        %%search [NAME <<] [--bucket NAME] [--collection NAME] [--top N] [--filter EXPR]
                 [--mode dense|text|hybrid] [--kind image,video,…] [--group] [--rerank MODEL]
        a dog on a beach

        Shows the hits; with NAME << it also gives them that name. found.df is a pandas DataFrame,
        found.hits the list of hits, found[0] the best. {name} in the text stands for your variable
        of that name. %mixpeek search --like FILE finds by an example.
        """
        name, options = _target(line)
        text = self.desk.fill(cell).strip()
        found = self.desk.run(["search", *self.desk.words(options)], text)
        return self._assign(name, found)

    @no_var_expand
    def telemetry(self, line: str, cell: str) -> object:
        """SQL over what the system did, run in this kernel by DuckDB.

        %%telemetry [NAME <<]
        SELECT stage, sum(seconds) AS seconds FROM stages GROUP BY stage

        Tables: tasks, items, funnel, stages, failures, searches, objects, documents. Dataframes
        and results of these magics, can be joined by their names. Shows the table; with NAME << it
        gets that name and is not shown. .df is a pandas DataFrame. {name} stands for your variable.
        """
        name, options = _target(line)
        words = self.desk.words(options)
        table = self.desk.run(["sql", *words, "--", self.desk.fill(cell)])
        shown = self._assign(name, table)
        return None if name and not isinstance(table, Text) else shown

    def _assign(self, name: str | None, value: object) -> object:
        if name and not isinstance(value, Text):
            self._shell.user_ns[name] = value
        return value


def _target(line: str) -> tuple[str | None, str]:
    """``NAME << options`` as (NAME, options)."""
    found = _ASSIGN.fullmatch(line)
    return (found[1], found[2]) if found else (None, line)


def install(shell: Shell) -> Callable[[], None]:
    """Register magics and completion. Gives what takes them away again."""
    magics = WorkbenchMagics(shell)
    complete = matcher(Catalogue(magics.desk.client), shell.user_ns)

    def new_cell(*_: object) -> None:
        magics.desk.screen.shown.clear()

    shell.register_magic_function(magics.mixpeek, "line", "mixpeek")
    shell.register_magic_function(magics.search, "cell", "search")
    shell.register_magic_function(magics.telemetry, "cell", "telemetry")
    shell.Completer.custom_matchers.append(complete)
    shell.events.register("pre_run_cell", new_cell)

    def remove() -> None:
        shell.magics_manager.magics["line"].pop("mixpeek", None)
        for name in ("search", "telemetry"):
            shell.magics_manager.magics["cell"].pop(name, None)
        shell.Completer.custom_matchers.remove(complete)
        shell.events.unregister("pre_run_cell", new_cell)

    return remove
