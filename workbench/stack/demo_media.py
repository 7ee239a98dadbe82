"""The media of the demo: what installed packages ship, and a few files made of it.

The photographs and some texts are those of scikit-image and scikit-learn, a reading is that of
moonshine-voice, all copied with their times; notes are written, a report of three pages is printed,
and a film of twelve seconds shows four of the photographs. Files that are there stay as they are,
so that a second run finds nothing changed.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from workbench.domain.errors import Code, WorkbenchError

#: Folder of the demo: package, folder in it, files.
_SHIPPED: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
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
    "recordings": ("moonshine_voice", "assets", ("beckett.wav",)),
}
#: Notes of a journey, written for the demo.
_NOTES: Mapping[str, str] = {
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
#: Pages of a report, with their titles.
_REPORT: tuple[tuple[str, str], ...] = (
    (
        "Summary",
        "Four flights were planned for the season and two were flown. The budget was kept. What "
        "follows is the story of the first attempt, and what the crew changed before the next.",
    ),
    (
        "The first attempt",
        "The rocket stood on the pad for nine hours. A valve froze, the count was stopped eleven "
        "seconds before the launch, and the tanks were emptied. Nobody was hurt.",
    ),
    (
        "Trying again",
        "After a week the launch was tried again. The rocket left the pad in the morning and "
        "reached its orbit. The valve had got a heater.",
    ),
)
#: What the film shows, each for some seconds.
_SHOWN = ("coffee.png", "rocket.jpg", "motorcycle_left.png", "chelsea.png")
_SECONDS, _RATE, _SIDES = 3, 10, (640, 480)


def prepare_media(folder: Path) -> int:
    """Fill ``folder``; returns how many files it has. Raises ``WorkbenchError`` where a package
    that ships media is missing."""
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
        _make(folder / "notes" / name, lambda text=text: text.encode())
    _make(folder / "documents" / "report.pdf", _report)
    _make(folder / "films" / "season.mp4", lambda: _film(_package_folder("skimage") / "data"))
    return count + len(_NOTES) + 2


def _make(path: Path, content: Callable[[], bytes]) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}")
    beside.write_bytes(content())
    beside.rename(path)


def _report() -> bytes:
    _package_folder("fpdf")
    from fpdf import FPDF

    pdf: Any = FPDF()
    pdf.set_margin(25)
    for title, text in _REPORT:
        pdf.add_page()
        pdf.set_font("helvetica", size=22)
        pdf.cell(0, 16, title, new_x="LMARGIN", new_y="NEXT")
        pdf.set_font("helvetica", size=12)
        pdf.multi_cell(0, 7, text)
    return bytes(pdf.output())


def _film(photos: Path) -> bytes:
    import io

    import av
    from PIL import Image, ImageOps

    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as made:
        stream: Any = made.add_stream("libx264", rate=_RATE)
        stream.width, stream.height, stream.pix_fmt = *_SIDES, "yuv420p"
        for number, name in enumerate(_SHOWN):
            with Image.open(photos / name) as opened:
                shown = ImageOps.fit(opened.convert("RGB"), _SIDES)
            for step in range(_SECONDS * _RATE):
                frame: Any = av.VideoFrame.from_image(shown)
                frame.pts = number * _SECONDS * _RATE + step
                frame.time_base = Fraction(1, _RATE)
                made.mux(stream.encode(frame))
        made.mux(stream.encode(None))
    return out.getvalue()


def _package_folder(package: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise WorkbenchError(
            Code.NOT_FOUND,
            f"the demo takes its media from {package}, which is not installed",
            "pip install scikit-image scikit-learn moonshine-voice fpdf2",
        )
    return Path(found.origin).parent
