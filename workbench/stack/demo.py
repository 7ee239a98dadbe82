"""``make demo``: real media, the stack, and the quickstart notebook executed on it.

The media (see ``demo_media``) lie in ``build/demo/media`` and stay there, so that a second run
finds nothing changed. The executed notebook lies beside them.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from workbench.domain.errors import WorkbenchError
from workbench.stack.demo_media import prepare_media
from workbench.stack.settings import PREFIX, load_settings
from workbench.stack.verbs import say, start_detached

_NOTEBOOK = "quickstart.ipynb"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Run the quickstart on media that packages ship.")
    parser.add_argument("--notebook", type=Path, default=Path("notebooks") / _NOTEBOOK)
    parser.add_argument("--out", type=Path, default=Path("build") / "demo")
    args = parser.parse_args(arguments)
    try:
        return _run(args.notebook.resolve(), args.out.resolve())
    except WorkbenchError as error:
        say(f"error: {error.message}")
        if error.hint:
            say(f"hint: {error.hint}")
        return 1


def _run(notebook: Path, out: Path) -> int:
    begun = time.monotonic()
    settings = load_settings()
    media = out / "media"
    say(
        f"{prepare_media(media)} files in {media}: photographs, texts and a reading that installed"
        " packages ship, and notes, a report and a film made for this demo"
    )
    state, already = start_detached(settings, say)
    say(f"the stack {'runs already' if already else 'runs'} at {state.url}")
    os.environ[PREFIX + "HOME"] = str(settings.home)
    result = out / _NOTEBOOK
    say(f"executing {notebook}")
    failure = _execute(notebook, result, media)
    if failure is not None:
        say(f"the notebook stopped: {failure}\nits output up to there is in {result}")
        return 1
    print(f"The demo is done ({time.monotonic() - begun:.0f} s). To look at:")
    print(f"  the executed notebook   make lab NOTEBOOK={os.path.relpath(result)}")
    print(f"  the service             {state.url}/docs")
    mixpeek = Path(sys.executable).with_name("mixpeek")
    home = f"{PREFIX}HOME={os.path.relpath(settings.home)}"
    print(f'  a search in a shell     {home} {os.path.relpath(mixpeek)} search "a cat"')
    print(f"  stop everything         {home} {os.path.relpath(mixpeek)} down")
    return 0


def _execute(notebook: Path, result: Path, media: Path) -> str | None:
    """Run the notebook in a kernel of this Python; None, or the error that stopped it."""
    import papermill

    try:
        papermill.execute_notebook(
            str(notebook),
            str(result),
            parameters={"media": str(media)},
            cwd=str(result.parent),
            kernel_name="python3",
            progress_bar=False,
            store_widget_state=False,
            # Else it warns that a kernel of this machine is spoken to over loopback.
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
        )
    except papermill.PapermillExecutionError as error:
        return f"cell {error.exec_count}: {error.ename}: {error.evalue}"
    return None


if __name__ == "__main__":
    sys.exit(main())
