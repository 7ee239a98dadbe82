"""Listing verbs: how many results are fetched, and what is said when there are more."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeVar

from workbench.commands.base import Context
from workbench.commands.parser import positive
from workbench.domain.wire import Page

T = TypeVar("T")
#: More than a person reads. A script that asks for JSON gets all, since it cannot see a note.
SHOWN = 1000


def add_limit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--limit",
        metavar="N",
        type=positive,
        help=f"at most so many (default: {SHOWN}; as JSON: all)",
    )


def fetch(
    context: Context,
    args: argparse.Namespace,
    method: Callable[..., Page[T]],
    *names: str,
    sort: str | None = None,
    filter: str | None = None,
) -> tuple[list[T], str | None]:
    """The results of a list method of the client, and a note where not all were fetched."""
    limit: int | None = args.limit or (None if args.json else SHOWN)
    asked = None if limit is None else limit + 1
    found = list(context.client.iterate(method, *names, limit=asked, sort=sort, filter=filter))
    if limit is None or len(found) <= limit:
        return found, None
    return found[:limit], f"the first {limit:,}; --limit shows more"
