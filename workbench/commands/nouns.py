"""``buckets``, ``collections``, ``objects``, ``documents``, ``extractors``: what there is."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from workbench.commands.base import Context, Outcome, Verb
from workbench.commands.lists import add_limit, fetch
from workbench.domain import wire

M = TypeVar("M", bound=wire.Answer)


def _rows(
    found: Iterable[M],
    flat: Callable[[M], dict[str, Any]],
    columns: tuple[str, ...],
    note: str | None,
) -> Outcome:
    models = list(found)
    json = [model.model_dump(mode="json") for model in models]
    return Outcome("rows", [flat(model) for model in models], json, columns=columns, note=note)


def _named(metavar: str, text: str) -> Callable[[argparse.ArgumentParser], None]:
    def configure(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name", metavar=metavar, help=text)
        add_limit(parser)

    return configure


def _buckets(context: Context, args: argparse.Namespace) -> Outcome:
    found, note = fetch(context, args, context.client.buckets, sort="name")
    return _rows(found, _flat_bucket, ("name", "source", "objects", "bytes", "created_at"), note)


def _flat_bucket(bucket: wire.BucketOut) -> dict[str, Any]:
    return {**bucket.model_dump(), "source": bucket.source.uri, "kind": bucket.source.kind}


def _collections(context: Context, args: argparse.Namespace) -> Outcome:
    found, note = fetch(context, args, context.client.collections, sort="name")
    columns = ("name", "extractor", "documents", "revision", "features", "retry", "created_at")
    return _rows(found, _flat_collection, columns, note)


def _flat_collection(collection: wire.CollectionOut) -> dict[str, Any]:
    features = [feature.address for feature in collection.features]
    return {**collection.model_dump(), "features": features, "retry": str(collection.retry)}


def _objects(context: Context, args: argparse.Namespace) -> Outcome:
    found, note = fetch(context, args, context.client.objects, args.name, sort="name")
    columns = ("name", "mime", "size", "version", "modified_at", "object_id")
    return _rows(found, wire.ObjectOut.model_dump, columns, note)


def _documents(context: Context, args: argparse.Namespace) -> Outcome:
    found, note = fetch(context, args, context.client.documents, args.name)
    columns = ("object_name", "page", "start_ms", "end_ms", "labels", "text", "document_id")
    return _rows(found, flat_document, columns, note)


def flat_document(document: wire.DocumentOut) -> dict[str, Any]:
    """The fields of the extractor beside those that every document has."""
    fields = document.model_dump(exclude={"payload"})
    return {**document.payload, **fields}


def _extractors(context: Context, args: argparse.Namespace) -> Outcome:
    found, note = fetch(context, args, context.client.extractors, sort="name")
    columns = ("name", "version", "default", "accepts", "outputs", "description")
    return _rows(found, _flat_extractor, columns, note)


def _flat_extractor(extractor: wire.ExtractorOut) -> dict[str, Any]:
    outputs = [f"{feature.name} ({feature.dimension})" for feature in extractor.features]
    return {**extractor.model_dump(exclude={"features"}), "outputs": outputs}


BUCKETS = Verb("buckets", "list buckets", add_limit, _buckets)
COLLECTIONS = Verb("collections", "list collections", add_limit, _collections)
OBJECTS = Verb("objects", "list the objects of a bucket", _named("BUCKET", "its name"), _objects)
DOCUMENTS = Verb(
    "documents",
    "list the documents of a collection",
    _named("COLLECTION", "its name, BUCKET.EXTRACTOR"),
    _documents,
)
EXTRACTORS = Verb("extractors", "list extractors and what they accept", add_limit, _extractors)
