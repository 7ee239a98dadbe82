"""A second ingest: nothing changed, then one file in a hundred.

    python tests/bench/bench_sync.py [--files 2000] [--runs 5]

Prints the wall time of ``mixpeek ingest`` from its start to its exit, over several runs, and
what was extracted when 1 % of the files changed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

BENCH = Path(__file__).parent
sys.path[:0] = [str(BENCH), str(BENCH.parent / "journeys"), str(BENCH.parent)]

from stack_journey import Stack  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="mxsync"))
    media = root / "media"
    media.mkdir()
    for i in range(options.files):
        (media / f"{i:05}.txt").write_text(f"The remark number {i} is about nothing but {i}.")
    stack = Stack(root / "home", {"MIXPEEK_EXTRACTORS": "toys:Toy"})
    stack.up()
    try:
        run(stack, media, options)
    finally:
        stack.down()


def run(stack: Stack, media: Path, options: argparse.Namespace) -> None:
    first = stack.run("ingest", str(media), "--extractors", "toy", "--json")
    assert first.json["progress"]["indexed"] == options.files, first
    print(f"first ingest of {options.files} files: {first.seconds:.1f} s (Ray starts)")
    walls: list[float] = []
    for _ in range(options.runs):
        again = stack.run("ingest", str(media), "--json")
        assert again.json["progress"]["skipped"] == options.files, again
        walls.append(again.seconds)
    print(
        f"nothing changed: median {statistics.median(walls):.2f} s"
        f" ({min(walls):.2f} to {max(walls):.2f}), command start included"
    )
    changed = range(0, options.files, 100)
    for i in changed:
        (media / f"{i:05}.txt").write_text(f"Changed: a pangolin, number {i}.")
    sync = stack.run("ingest", str(media), "--json")
    progress = sync.json["progress"]
    documents = stack.json("sql", "SELECT count(*) AS n FROM documents")[0]["n"]
    gone = stack.json("search", "remark nothing", "--mode", "text", "--filter", OLD)["hits"]
    found = stack.json("search", "pangolin", "--mode", "text", "--top", "100")["hits"]
    print(
        f"1 % changed: {sync.seconds:.2f} s, {progress['indexed']} extracted,"
        f" {progress['skipped']} skipped, {documents} documents, {len(found)} of the new found,"
        f" {len(gone)} of the replaced"
    )
    assert progress["indexed"] == len(found) == len(changed)
    assert documents == options.files
    assert not gone


OLD = 'object_name = "00100.txt"'

if __name__ == "__main__":
    main()
