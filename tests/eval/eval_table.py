"""What the evaluation found, as the tables of docs/quality.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eval_metrics import AT, recall

MARKS = ("<!-- measured -->", "<!-- /measured -->")


@dataclass(frozen=True)
class Recall:
    """The places of the first right answers among ``among`` documents, one a query."""

    what: str
    material: str
    among: int
    places: Sequence[int | None]


@dataclass(frozen=True)
class Errors:
    """``rate`` of ``count`` words or characters."""

    what: str
    material: str
    count: int
    rate: float


def table(recalls: Sequence[Recall], errors: Sequence[Errors]) -> str:
    lines = [
        f"| found | material | documents | queries | {' | '.join(f'recall@{k}' for k in AT)} |",
        f"|{'---|' * (4 + len(AT))}",
    ]
    for each in recalls:
        shares = " | ".join(f"{recall(each.places, k):.2f}" for k in AT)
        lines.append(
            f"| {each.what} | {each.material} | {each.among} | {len(each.places)} | {shares} |"
        )
    lines += ["", "| errors | material | of | rate |", "|---|---|---|---|"]
    lines += [f"| {e.what} | {e.material} | {e.count} | {100 * e.rate:.1f} % |" for e in errors]
    return "\n".join(lines)


def renewed(page: str, measured: str) -> str:
    """The page with what was measured between its marks."""
    before, first, rest = page.partition(MARKS[0])
    _, last, after = rest.partition(MARKS[1])
    if not first or not last:
        raise ValueError("the page has no place for the tables")
    return f"{before}{first}\n{measured}\n{last}{after}"
