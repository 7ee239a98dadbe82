"""``search``: by text, or by an example file."""

from __future__ import annotations

import argparse
import base64
import os
from pathlib import Path

from workbench.commands.base import Context, Outcome, Verb
from workbench.commands.parser import WrongUse, positive_up_to
from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.mime import KINDS, Kind
from workbench.domain.wire import Media, SearchRequest

#: An example is held in memory, in base64, on both sides.
LARGEST_EXAMPLE = 32 * 1024 * 1024


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", metavar="TEXT", nargs="*", help="what to look for")
    parser.add_argument("--like", metavar="FILE", help="look for what is like this file")
    parser.add_argument(
        "--bucket", metavar="NAME", action="append", default=[], help="only here; repeatable"
    )
    parser.add_argument(
        "--collection", metavar="NAME", action="append", default=[], help="only here; repeatable"
    )
    parser.add_argument(
        "--kind",
        metavar="a,b",
        type=kinds,
        action="extend",
        default=[],
        help=f"only these kinds of object: {', '.join(KINDS)}",
    )
    parser.add_argument(
        "--group",
        action="store_true",
        help="the best hit of each object, its other hits folded under it",
    )
    parser.add_argument(
        "--top", metavar="N", type=positive_up_to(1000), default=10, help="hits (default: 10)"
    )
    parser.add_argument(
        "--filter", metavar="EXPR", help="only hits for which it holds, e.g. 'page > 3'"
    )
    parser.add_argument(
        "--mode",
        choices=("dense", "text", "hybrid"),
        default="hybrid",
        help="by meaning, by words, or both (default)",
    )
    parser.add_argument(
        "--rerank",
        metavar="MODEL",
        help="read the best hits again with this cross-encoder, e.g. "
        "Xenova/ms-marco-MiniLM-L-6-v2; it comes from the model hub when it is first used",
    )


def request(args: argparse.Namespace) -> SearchRequest:
    """What the arguments ask for. An example is read from its file."""
    text = " ".join(args.text).strip()
    if bool(text) == bool(args.like):
        raise WrongUse(
            "search takes a text or --like FILE" + (", not both" if text else ""),
            "e.g. search 'a dog on a beach'",
        )
    return SearchRequest(
        text=text or None,
        media=example(Path(args.like)) if args.like else None,
        buckets=args.bucket,
        collections=args.collection,
        kinds=args.kind,
        filter=args.filter,
        mode=args.mode,
        group=args.group,
        top=args.top,
        rerank=args.rerank,
    )


def _run(context: Context, args: argparse.Namespace) -> Outcome:
    found = context.client.search(request(args))
    note = "; ".join(found.warnings) or None
    return Outcome("hits", found, found.model_dump(mode="json"), note=note)


def kinds(text: str) -> list[Kind]:
    """``image,video`` as a list."""
    named = [name.strip() for name in text.split(",")]
    for name in named:
        if name not in KINDS:
            raise argparse.ArgumentTypeError(
                f"there is no kind {name!r}; there are {', '.join(KINDS)}"
            )
    return [kind for kind in KINDS if kind in named]


def example(path: Path) -> Media:
    """A file as an example to search with. Raises ``TOO_LARGE`` before it reads more than fits."""
    try:
        with path.expanduser().open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            data = file.read(LARGEST_EXAMPLE + 1)
    except (OSError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise WrongUse(f"cannot read {path}: {reason}") from None
    if len(data) > LARGEST_EXAMPLE:
        raise WorkbenchError(
            Code.TOO_LARGE,
            f"{path} is too large for an example: {max(size, len(data)) / 2**20:.0f} MiB",
            f"at most {LARGEST_EXAMPLE // 2**20} MiB; a smaller copy finds the same",
        )
    if not data:
        raise WrongUse(f"{path} is empty")
    return Media(data=base64.b64encode(data).decode(), name=path.name)


SEARCH = Verb("search", "find pictures and passages by text or by an example", _configure, _run)
