"""``delete``: a bucket, a collection or an object, after asking. Source files stay."""

from __future__ import annotations

import argparse

from workbench.client import Client
from workbench.commands.base import Context, Outcome, Verb
from workbench.commands.follow import follow
from workbench.commands.parser import WrongUse
from workbench.domain.errors import Code, WorkbenchError, not_found
from workbench.domain.ids import OBJECT
from workbench.domain.wire import ObjectOut


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "noun", metavar="bucket|collection|object", choices=("bucket", "collection", "object")
    )
    parser.add_argument("name", metavar="NAME_OR_ID", help="an object's name may be BUCKET/NAME")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def _run(context: Context, args: argparse.Namespace) -> Outcome:
    client = context.client
    if args.noun == "bucket":
        bucket = client.bucket(args.name)
        _ask(context, args, f"bucket {bucket.name} with its {bucket.objects:,} objects")
        task = client.delete_bucket(bucket.bucket_id)
    elif args.noun == "collection":
        collection = client.collection(args.name)
        _ask(context, args, f"collection {collection.name}, {collection.documents:,} documents")
        task = client.delete_collection(collection.collection_id)
    else:
        found = find_object(client, args.name)
        _ask(context, args, f"object {found.name} of bucket {found.bucket}")
        task = client.delete_object(found.object_id)
    return follow(context, task.task_id, task)


def _ask(context: Context, args: argparse.Namespace, what: str) -> None:
    if args.yes or context.confirm(f"Delete {what}? The source files stay where they are."):
        return
    raise WrongUse("nothing was deleted: nobody said yes", "--yes deletes without asking")


def find_object(client: Client, name: str) -> ObjectOut:
    """An object by id, by name, or by ``BUCKET/NAME``. Raises where several have that name."""
    if name.startswith(f"{OBJECT}_"):
        return client.object(name)
    found: list[ObjectOut] = []
    for bucket in client.iterate(client.buckets):
        inside = name.removeprefix(f"{bucket.name}/")
        for candidate in {name, inside}:
            rule = {"field": "name", "operator": "eq", "value": candidate}
            found += client.iterate(client.objects, bucket.name, filter=rule, limit=2)
    if not found:
        raise not_found("object", name, "`objects BUCKET` lists names and ids")
    if len(found) > 1:
        ids = ", ".join(f"{one.object_id} in {one.bucket}" for one in found[:5])
        raise WorkbenchError(
            Code.CONFLICT, f"several objects are named {name!r}", f"name one: {ids}"
        )
    return found[0]


DELETE = Verb("delete", "delete a bucket, a collection or an object", _configure, _run)
