"""``make faults``: every part is killed many times, each in an ingest of its own. Options go
through ``FAULTS``: ``make faults FAULTS="--times 3 --seed 7"``.

Prints the seed, a line for each kill, and a table of parts: how many runs were right, the median
and the longest time without progress and to the end. The status is 1 if any run was not right.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from fault_runs import PARTS, FaultRun, Harness


def main() -> int:
    arguments = _parse()
    seed = arguments.seed if arguments.seed is not None else random.randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    runs: dict[str, list[FaultRun]] = {}
    with tempfile.TemporaryDirectory() as folder:
        harness = Harness(Path(folder), arguments.files, arguments.pause, seed)
        print(f"undisturbed: {harness.undisturbed}", flush=True)
        try:
            for part in arguments.parts:
                for _ in range(arguments.times):
                    harness.settle(part)
                    run = harness.run([[part]])
                    runs.setdefault(part, []).append(run)
                    (kill,) = run.kills
                    print(
                        f"{part:9} at {kill.at:6}  {run.state}"
                        f"{'' if run.same else ', contents differ'}"
                        f"  stalled {kill.stalled:5.1f} s  end {kill.to_end:5.1f} s",
                        flush=True,
                    )
        finally:
            harness.close()
            _table(runs)
    return 0 if all(run.right for each in runs.values() for run in each) else 1


def _table(runs: dict[str, list[FaultRun]]) -> None:
    print(
        f"\n{'killed':9} {'right':>7} {'stalled p50':>12} {'max':>7} {'to end p50':>12} {'max':>7}"
    )
    for part, each in runs.items():
        stalled = [run.kills[0].stalled for run in each]
        ends = [run.kills[0].to_end for run in each]
        right = f"{sum(run.right for run in each)}/{len(each)}"
        print(
            f"{part:9} {right:>7} {statistics.median(stalled):10.1f} s {max(stalled):5.1f} s"
            f" {statistics.median(ends):10.1f} s {max(ends):5.1f} s"
        )
    if runs:
        kills = [run.kills[0] for each in runs.values() for run in each]
        slowest = max(kills, key=lambda kill: kill.stalled)
        print(f"slowest recovery: {slowest.part}, {slowest.stalled:.1f} s without progress")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="repeat the random moments of an earlier run")
    parser.add_argument("--times", type=int, default=20, help="kills of each part")
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--pause", type=float, default=0.005, help="seconds a file")
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
