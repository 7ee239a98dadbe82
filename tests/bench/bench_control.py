"""How soon pause, resume and cancel act, on the whole stack.

    python tests/bench/bench_control.py [--times 20] [--files 400] [--call 1.0]

Each file takes ``--call`` seconds in the extractor. A pause has acted when the task is PAUSED, a
resume when another item is indexed, a cancel when the task has ended. Prints p50 and the longest.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "journeys")]

from stack_journey import Stack  # noqa: E402

from workbench.client.client import Client, connect  # noqa: E402
from workbench.domain.wire import TaskOut  # noqa: E402

POLL = 0.02


class Control:
    def __init__(self, client: Client, source: Path, call: float) -> None:
        self.client = client
        self.source = source
        self.call = call
        self.took: dict[str, list[float]] = {"pause": [], "resume": [], "cancel": []}

    def once(self, number: int) -> None:
        for i, path in enumerate(sorted(self.source.iterdir())):
            path.write_text(f"text number {i} of {number}")  # known content is not extracted again
        task_id = self.client.ingest(
            self.source,
            bucket=f"b{number}",
            extractors=["toy"],
            parameters={"toy": {"pause": self.call}},
        ).task_id
        self._until(task_id, lambda task: task.progress.indexed > 0)
        self._timed("pause", task_id, lambda task: task.state == "PAUSED")
        done = self.client.task(task_id).progress.indexed
        self._timed("resume", task_id, lambda task: task.progress.indexed > done)
        self._timed("cancel", task_id, lambda task: task.ended_at is not None)

    def _timed(self, verb: str, task_id: str, acted: Callable[[TaskOut], bool]) -> None:
        begun = time.monotonic()
        getattr(self.client, verb)(task_id)
        self._until(task_id, acted)
        self.took[verb].append(time.monotonic() - begun)

    def _until(self, task_id: str, holds: Callable[[TaskOut], bool]) -> None:
        deadline = time.monotonic() + 120
        while not holds(task := self.client.task(task_id)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{task}")
            time.sleep(POLL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--files", type=int, default=400)
    parser.add_argument("--call", type=float, default=1.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "files"
        source.mkdir()
        for i in range(arguments.files):
            (source / f"{i:05}.x").touch()
        stack = Stack(Path(folder) / "home", {"MIXPEEK_EXTRACTORS": "toys:Toy"})
        stack.up()
        try:
            control = Control(connect(home=stack.home), source, arguments.call)
            for number in range(arguments.times):
                control.once(number)
            for verb, took in control.took.items():
                print(f"{verb:7} p50 {statistics.median(took):5.2f} s, max {max(took):5.2f} s")
        finally:
            stack.down()


if __name__ == "__main__":
    main()
