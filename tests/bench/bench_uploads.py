"""Uploading beside copying: many small files, then a large one.

    python tests/bench/bench_uploads.py [--files 2000] [--large-mib 1024]

The service is a stack on this machine that may read no folder. Beside it stands, in the same run,
a plain copy of the same files into the same file system, each flushed to disk as uploads are. The
first ratio is uploads to copies, of the time that the sending itself takes (the command's start and
the extraction are left out).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

BENCH = Path(__file__).parent
sys.path[:0] = [str(BENCH), str(BENCH.parent / "journeys"), str(BENCH.parent)]

from stack_journey import Stack  # noqa: E402

from workbench.client import connect  # noqa: E402
from workbench.client.reach import probe  # noqa: E402
from workbench.client.session import Session  # noqa: E402
from workbench.client.upload import Uploading, upload  # noqa: E402
from workbench.stack.home import read_json  # noqa: E402

PIECE = 1 << 20


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--large-mib", type=int, default=1024)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mxup") as folder:
        root = Path(folder)
        small, large = root / "small", root / "large"
        make_small(small, options.files)
        large.mkdir()
        with (large / "film.bin").open("wb") as file:
            for _ in range(options.large_mib):
                file.write(os.urandom(PIECE))
        stack = Stack(root / "home", {"MIXPEEK_ROOTS": ""})
        stack.up()
        try:
            for source in (small, large):
                run(stack, source, root / "copies" / source.name)
        finally:
            stack.down()


def make_small(folder: Path, files: int) -> None:
    """Sizes as of small pictures and texts: 1 to 60 KiB."""
    for i in range(files):
        path = folder / f"{i // 100:02}" / f"{i:05}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(1024 * (1 + i * 37 % 60)))


def run(stack: Stack, source: Path, target: Path) -> None:
    size = sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
    begun = time.perf_counter()
    copy(source, target)
    copied = time.perf_counter() - begun
    place = read_json(stack.home / "run" / "service.json") or {}
    os.environ["MIXPEEK_URL"] = str(place["url"])  # by its address, as from another machine
    os.environ["MIXPEEK_API_KEY"] = (stack.home / "key").read_text().strip()
    with connect(notify=lambda _: None) as client:
        session = client._session
        sent, took = send(session, source)
        assert sent.left_out == ()
        again, retook = send(session, source)
        assert again.sent == 0
    print(
        f"{source.name}: {sent.files:,} files, {size / 1e6:,.0f} MB: copied in {copied:.2f} s, "
        f"uploaded in {took:.2f} s ({sent.files / took:,.0f} files/s, {size / 1e6 / took:,.0f} "
        f"MB/s), ratio {copied / took:.2f}; again, unchanged: {retook:.2f} s"
    )


def send(session: Session, source: Path) -> tuple[Uploading, float]:
    place = probe(session, source, None)
    assert place is not None
    assert not place.reachable
    begun = time.perf_counter()
    state, _ = upload(session, place, (), False, lambda _: None)
    return state, time.perf_counter() - begun


def copy(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*")):
        place = target / path.relative_to(source)
        if path.is_dir():
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        with path.open("rb") as read, place.open("wb") as written:
            while piece := read.read(PIECE):
                written.write(piece)
            written.flush()
            os.fsync(written.fileno())


if __name__ == "__main__":
    main()
