"""The tables of the metadata store.

Every row belongs to a namespace. Times are integers, UTC milliseconds. Names sort by bytes
(``BINARY`` in SQLite, ``C`` in PostgreSQL): listing compares a source with the store by merging two
sorted sequences, which only works when both sort alike.
"""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = sa.String(64)
Name = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Millis = sa.BigInteger
#: SQLite numbers rows itself only where the key is declared INTEGER.
Serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")


class Told(sa.TypeDecorator[str]):
    """Words of others: of an exception, of an extractor. They may hold NUL, which PostgreSQL
    refuses; it is kept as U+FFFD."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else value.replace("\0", "\ufffd")


def _namespace() -> sa.Column[str]:
    return sa.Column("namespace_id", Id, nullable=False)


namespaces = sa.Table(
    "namespaces",
    metadata,
    sa.Column("namespace_id", Id, primary_key=True),
    sa.Column("name", Name, nullable=False, unique=True),
    sa.Column("created_at", Millis, nullable=False),
)

#: ``chosen``: its collections were named by a person, so new kinds of file add none.
buckets = sa.Table(
    "buckets",
    metadata,
    sa.Column("bucket_id", Id, primary_key=True),
    _namespace(),
    sa.Column("name", Name, nullable=False),
    sa.Column("source_kind", sa.String(16), nullable=False),
    sa.Column("source_uri", sa.Text, nullable=False),
    sa.Column("chosen", sa.Boolean, nullable=False, default=False),
    sa.Column("created_at", Millis, nullable=False),
    sa.UniqueConstraint("namespace_id", "name"),
)

#: Rounds of uploads: ``number`` is the order in which a bucket first heard of them. They go with
#: the bucket.
rounds = sa.Table(
    "rounds",
    metadata,
    sa.Column(
        "bucket_id",
        Id,
        sa.ForeignKey("buckets.bucket_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("number", sa.BigInteger, primary_key=True),
    _namespace(),
    sa.Column("round", Id, nullable=False),
    sa.UniqueConstraint("bucket_id", "round"),
)

#: ``fingerprint`` is what a listing says of the file (size, mtime in ns, inode; or an ETag).
#: ``sha256`` and ``version`` say what was last read. A removed object keeps its row, so that older
#: tasks can still name it. Of an uploaded object ``fingerprint`` is its content, and ``offered``
#: the newest round of uploads of the moment when it was last offered.
objects = sa.Table(
    "objects",
    metadata,
    sa.Column("object_id", Id, primary_key=True),
    _namespace(),
    sa.Column("bucket_id", Id, nullable=False),
    sa.Column("name", Name, nullable=False),
    sa.Column("mime", sa.String(128), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("fingerprint", sa.String(128), nullable=False),
    sa.Column("modified_at", Millis),
    sa.Column("sha256", sa.String(64)),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("offered", Id),
    sa.Column("removed_at", Millis),
    sa.Column("created_at", Millis, nullable=False),
    sa.UniqueConstraint("bucket_id", "name"),
    sa.Index("ix_objects_namespace_id_object_id", "namespace_id", "object_id"),
)

collections = sa.Table(
    "collections",
    metadata,
    sa.Column("collection_id", Id, primary_key=True),
    _namespace(),
    sa.Column("bucket_id", Id, nullable=False),
    sa.Column("name", Name, nullable=False),
    sa.Column("extractor", sa.String(64), nullable=False),  # name@version
    sa.Column("parameters", sa.JSON, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("space", sa.String(128), nullable=False),
    sa.Column("retry", sa.JSON, nullable=False, default=dict),
    sa.Column("created_at", Millis, nullable=False),
    #: Spaces (with extractor and parameters) in which documents of earlier revisions still lie.
    sa.Column("earlier", sa.JSON, nullable=False, default=list, server_default="[]"),
    sa.UniqueConstraint("namespace_id", "name"),
    sa.Index("ix_collections_bucket_id", "bucket_id"),
)

#: ``sequence`` grows with every change of the row or of its progress.
tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("task_id", Id, primary_key=True),
    _namespace(),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("state", sa.String(32), nullable=False),
    sa.Column("requested", sa.String(16)),
    sa.Column("bucket_id", Id),
    sa.Column("bucket", Name),
    sa.Column("retry_of", Id),
    sa.Column("request", sa.JSON, nullable=False),
    sa.Column("idempotency_key", sa.String(128)),
    sa.Column("listed", sa.BigInteger, nullable=False, default=0),
    sa.Column("unmatched", sa.BigInteger, nullable=False, default=0),
    sa.Column("removed", sa.BigInteger, nullable=False, default=0),
    sa.Column("listing_ended", sa.Boolean, nullable=False, default=False),
    sa.Column("listing_cursor", Name),
    sa.Column("error_code", sa.String(64)),
    sa.Column("error_message", Told),
    sa.Column("error_hint", Told),
    sa.Column("note", Told),
    sa.Column("sequence", sa.BigInteger, nullable=False, default=0),
    sa.Column("created_at", Millis, nullable=False),
    sa.Column("started_at", Millis),
    sa.Column("ended_at", Millis),
    sa.UniqueConstraint("namespace_id", "idempotency_key"),
    sa.Index("ix_tasks_namespace_id_created_at", "namespace_id", "created_at"),
    sa.Index("ix_tasks_namespace_id_state", "namespace_id", "state"),
    sa.Index("ix_tasks_namespace_id_ended_at", "namespace_id", "ended_at"),
)

#: Every state that a task took (``requested`` is a part of it), written in the transaction in which
#: it did; ``sequence`` is the task's at that moment.
task_states = sa.Table(
    "task_states",
    metadata,
    sa.Column("task_id", Id, primary_key=True),
    sa.Column("sequence", sa.BigInteger, primary_key=True),
    _namespace(),
    sa.Column("state", sa.String(32), nullable=False),
    sa.Column("requested", sa.String(16)),
    sa.Column("at", Millis, nullable=False),
)

#: Counts of a task's items by collection, changed in the transaction that changes the items.
#: ``read`` and ``read_bytes``: objects whose bytes were read and hashed. ``marks``: when how many
#: items had come to their ends by work, of the last seconds; the rate is made of them.
progress = sa.Table(
    "progress",
    metadata,
    sa.Column("task_id", Id, primary_key=True),
    sa.Column("collection_id", Id, primary_key=True),
    _namespace(),
    sa.Column("total", sa.BigInteger, nullable=False, default=0),
    sa.Column("extracted", sa.BigInteger, nullable=False, default=0),
    sa.Column("indexed", sa.BigInteger, nullable=False, default=0),
    sa.Column("skipped", sa.BigInteger, nullable=False, default=0),
    sa.Column("failed", sa.BigInteger, nullable=False, default=0),
    sa.Column("canceled", sa.BigInteger, nullable=False, default=0),
    sa.Column("documents", sa.BigInteger, nullable=False, default=0),
    sa.Column("read", sa.BigInteger, nullable=False, default=0),
    sa.Column("read_bytes", sa.BigInteger, nullable=False, default=0),
    sa.Column("marks", sa.JSON, nullable=False, default=list),
)

#: A task's failed items by collection and category, counted as ``progress`` is.
failure_counts = sa.Table(
    "failure_counts",
    metadata,
    sa.Column("task_id", Id, primary_key=True),
    sa.Column("collection_id", Id, primary_key=True),
    sa.Column("category", sa.String(16), primary_key=True),
    _namespace(),
    sa.Column("items", sa.BigInteger, nullable=False, default=0),
)

#: ``read_bytes``: the object's bytes, when they were read and hashed for this item. ``documents``:
#: those searchable for the item when it came to its end.

items = sa.Table(
    "items",
    metadata,
    sa.Column("item_id", Serial, primary_key=True, autoincrement=True),
    _namespace(),
    sa.Column("task_id", Id, nullable=False),
    sa.Column("collection_id", Id, nullable=False),
    sa.Column("object_id", Id, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("chunk_id", Id),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("not_before", Millis),
    sa.Column("read_bytes", sa.BigInteger),
    sa.Column("documents", sa.Integer, nullable=False, default=0),
    sa.UniqueConstraint("task_id", "collection_id", "object_id"),
    sa.Index("ix_items_chunk_id", "chunk_id"),
    sa.Index("ix_items_object_id", "object_id", "collection_id", "item_id"),
)
sa.Index(
    "ix_items_unplanned",
    items.c.task_id,
    items.c.collection_id,
    items.c.item_id,
    items.c.not_before,
    sqlite_where=sa.and_(items.c.chunk_id.is_(None), items.c.state == "pending"),
    postgresql_where=sa.and_(items.c.chunk_id.is_(None), items.c.state == "pending"),
)

chunks = sa.Table(
    "chunks",
    metadata,
    sa.Column("chunk_id", Id, primary_key=True),
    _namespace(),
    sa.Column("task_id", Id, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("collection_id", Id, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),  # planned, indexed, failed, released
    sa.Column("items", sa.Integer, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("created_at", Millis, nullable=False),
    sa.UniqueConstraint("task_id", "number"),
)

failures = sa.Table(
    "failures",
    metadata,
    sa.Column("failure_id", Id, primary_key=True),
    _namespace(),
    sa.Column("task_id", Id, nullable=False),
    sa.Column("object_id", Id, nullable=False),
    sa.Column("object_name", Name, nullable=False),
    sa.Column("collection_id", Id, nullable=False),
    sa.Column("collection", Name, nullable=False),
    sa.Column("category", sa.String(16), nullable=False),
    sa.Column("message", Told, nullable=False),
    sa.Column("hint", Told),
    sa.Column("stage", sa.String(32), nullable=False),
    sa.Column("traceback", Told),
    sa.Column("retryable", sa.Boolean, nullable=False),
    sa.Column("worker", sa.String(128)),
    sa.Column("digest", sa.String(64)),
    sa.Column("attempts", sa.Integer, nullable=False, default=1),
    sa.Column("at", Millis, nullable=False),
    sa.UniqueConstraint("task_id", "collection_id", "object_id"),
)

#: What is searchable now, a row per object and collection: which content (``sha256``), made by
#: which extractor (``digest``), from which listing (``fingerprint``), in which segment and space;
#: and how it came to be: by which task and chunk, instead of which content and digest, and, where
#: nothing was extracted, from which object with equal content (``reused``, "" for one without
#: documents).
indexed = sa.Table(
    "indexed",
    metadata,
    sa.Column("object_id", Id, primary_key=True),
    sa.Column("collection_id", Id, primary_key=True),
    _namespace(),
    sa.Column("fingerprint", sa.String(128), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("segment_id", Id, nullable=False),
    sa.Column("space", sa.String(128), nullable=False),
    sa.Column("documents", sa.Integer, nullable=False),
    sa.Column("at", Millis, nullable=False),
    sa.Column("task_id", Id, nullable=False),
    sa.Column("chunk_id", Id, nullable=False),
    sa.Column("reused", Id),
    sa.Column("before_sha256", sa.String(64)),
    sa.Column("before_digest", sa.String(64)),
    sa.Index("ix_indexed_collection_id", "collection_id", "segment_id"),
)

segments = sa.Table(
    "segments",
    metadata,
    sa.Column("segment_id", Id, primary_key=True),  # the chunk's id, or one of its own
    _namespace(),
    sa.Column("task_id", Id, nullable=False),
    sa.Column("collection_id", Id, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("documents", sa.Integer, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("created_at", Millis, nullable=False),
    sa.Index("ix_segments_collection_id", "collection_id"),
    sa.Index("ix_segments_namespace_id_digest", "namespace_id", "digest"),
)

#: Objects that a task's listing did not find again; applied only when it listed all.
removals = sa.Table(
    "removals",
    metadata,
    sa.Column("task_id", Id, primary_key=True),
    sa.Column("object_id", Id, primary_key=True),
    _namespace(),
)

#: What must still be said to Temporal. Written with the task, read by the relay.
outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("outbox_id", Serial, primary_key=True, autoincrement=True),
    _namespace(),
    sa.Column("task_id", Id, nullable=False),
    sa.Column("action", sa.String(16), nullable=False),  # start, or the name of a signal
    sa.Column("created_at", Millis, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("done_at", Millis),
)
sa.Index(
    "ix_outbox_open",
    outbox.c.outbox_id,
    sqlite_where=outbox.c.done_at.is_(None),
    postgresql_where=outbox.c.done_at.is_(None),
)
