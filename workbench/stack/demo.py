"""``make demo``: real media, the stack, and the quickstart notebook executed on it.

The photographs and some texts are those that the installed packages scikit-image and scikit-learn
ship, copied with their times; a few notes are written. All lie in ``build/demo/media`` and stay
there, so that a second run finds nothing changed. The executed notebook lies beside them.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import sys
import time
from pathlib import Path

from workbench.domain.errors import Code, WorkbenchError
from workbench.stack.settings import PREFIX, load_settings
from workbench.stack.verbs import say, start_detached

#: Folder of the demo: package, folder in it, files.
_SHIPPED: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "photos": (
        "skimage",
        "data",
        (
            *("astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png"),
            *("coins.png", "grass.png", "gravel.png", "horse.png", "hubble_deep_field.jpg"),
            *("moon.png", "motorcycle_left.png", "motorcycle_right.png", "page.png"),
            *("retina.jpg", "rocket.jpg"),
        ),
    ),
    "travel": ("sklearn", "datasets/images", ("china.jpg", "flower.jpg")),
    "texts": (
        "sklearn",
        "datasets/descr",
        ("california_housing.rst", "iris.rst", "lfw.rst", "species_distributions.rst"),
    ),
}
#: Notes of a journey, written for the demo.
_NOTES: dict[str, str] = {
    "harbour.md": """# The harbour

A goat stood on the harbour wall and would not come down. The ferry to the islands leaves at seven,
if the fog allows.

# Tides

Low water was at noon; the boats lay on their sides in the mud.
""",
    "garden.md": """# The garden behind the hotel

Dahlias in red and yellow, a bench under the plum tree, bees everywhere. The gardener gave us seeds.
""",
    "breakfast.txt": """The best espresso of the whole trip, in a small bar beside the station. They
roast the beans themselves. Toast, butter, apricot jam.
""",
    "the cat.txt": """A striped tomcat lives in the reception and sleeps on the guest book. He is
called Admiral and does not like dogs.
""",
    "launch day.md": """# Launch day

We watched the rocket from the beach. First the light, then the sound, much later than one expects.
The second stage separated above the clouds.
""",
    "ride.txt": """Rented two motor scooters and rode along the coast to the lighthouse. One flat
tyre, mended by a fisherman who refused any money.
""",
}
_NOTEBOOK = "quickstart.ipynb"


def prepare_media(folder: Path) -> int:
    """Fill ``folder``; returns how many files it has. Files that are there stay as they are."""
    count = 0
    for name, (package, inside, files) in _SHIPPED.items():
        source = _package_folder(package) / inside
        (folder / name).mkdir(parents=True, exist_ok=True)
        for file in files:
            if (source / file).is_file():
                count += 1
                if not (folder / name / file).exists():
                    shutil.copy2(source / file, folder / name / file)
    (folder / "notes").mkdir(parents=True, exist_ok=True)
    for name, text in _NOTES.items():
        count += 1
        if not (folder / "notes" / name).exists():
            (folder / "notes" / name).write_text(text, encoding="utf-8")
    return count


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
        f"{prepare_media(media)} files in {media}: photographs and texts that scikit-image and"
        " scikit-learn ship, and notes written for this demo"
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
        )
    except papermill.PapermillExecutionError as error:
        return f"cell {error.exec_count}: {error.ename}: {error.evalue}"
    return None


def _package_folder(package: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise WorkbenchError(
            Code.NOT_FOUND,
            f"the demo takes its media from {package}, which is not installed",
            "pip install scikit-image scikit-learn",
        )
    return Path(found.origin).parent


if __name__ == "__main__":
    sys.exit(main())
