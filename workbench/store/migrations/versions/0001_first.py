"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.String(64)
_LONG = sa.BigInteger()
_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "buckets",
        sa.Column("bucket_id", _ID, nullable=False),
        sa.Column("namespace_id", _ID, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("source_kind", sa.String(16), nullable=False),
        sa.Column("source_uri", sa.Text(), nullable=False),
        sa.Column("chosen", sa.Boolean(), nullable=False),
        sa.Column("created_at", _LONG, nullable=False),
        sa.PrimaryKeyConstraint("bucket_id", name=op.f("pk_buckets")),
        sa.UniqueConstraint("namespace_id", "name", name=op.f("uq_buckets_namespace_id_name")),
    )
    op.create_table(
        "chunks",
        sa.Column("chunk_id", _ID, nullable=False),
        sa.Column("namespace_id", _ID, nullable=False),
        sa.Column("task_id", _ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("collection_id", _ID, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("bytes", _LONG, nullable=False),
        sa.Column("created_at", _LONG, nullable=False),
        sa.PrimaryKeyConstraint("chunk_id", name=op.f("pk_chunks")),
        sa.UniqueConstraint("task_id", "number", name=op.f("uq_chunks_task_id_number")),
    )
    op.create_table(
        "collections",
        sa.Column("collection_id", _ID, nullable=False),
        sa.Column("namespace_id", _ID, nullable=False),
        sa.Column("bucket_id", _ID, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("extractor", _ID, nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("digest", _ID, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("space", sa.String(128), nullable=False),
        sa.Column("retry", sa.JSON(), nullable=False),
        sa.Column("created_at", _LONG, nullable=False),
        sa.PrimaryKeyConstraint("collection_id", name=op.f("pk_collections")),
        sa.UniqueConstraint("namespace_id", "name", name=op.f("uq_collections_namespace_id_name")),
    )
    op.create_index("ix_collections_bucket_id", "collections", ["bucket_id"])
    op.create_table(
        "failure_counts",
        sa.Column("task_id", _ID, nullable=False),
        sa.Column("collection_id", _ID, nullable=False),
        sa.Column("category", sa.String(16), nullable=False),
        sa.Column("namespace_id", _ID, nullable=False),
        sa.Column("items", _LONG, nullable=False),
        sa.PrimaryKeyConstraint(
            "task_id", "collection_id", "category", name=op.f("pk_failure_counts")
        ),
    )
    op.create_table(
        "failures",
        sa.Column("failure_id", _ID, nullable=False),
        sa.Column("namespace_id", _ID, nullable=False),
        sa.Column("task_id", _ID, nullable=False),
        sa.Column("object_id", _ID, nullable=False),
        sa.Column("object_name", _NAME, nullable=False),
        sa.Column("collection_id", _ID, nullable=False),
        sa.Column("collection", _NAME, nullable=False),
        sa.Column("category", sa.String(16), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=True),
        sa.Column("stage", sa.String(32), nullable=False),
        sa.Column("traceback", sa.Text(), nullable=True),
        sa.Column("retryable", sa.Boolean(), nullable=False),
        sa.Column("worker", sa.String(128), nullable=True),
        sa.Column("digest", _ID, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("at", _LONG, nullable=False),
        sa.PrimaryKeyConstraint("failure_id", name=op.f("pk_failures")),
        sa.UniqueConstraint(
            "task_id",
            "collection_id",
            "object_id",
            name=op.f("uq_failures_task_id_collection_id_object_id"),
        ),
    )
    op.create_table(
        "indexed",
        sa.Column("object_id", _ID, nullable=False),
        sa.Column("collection_id", _ID, nullable=False),
        sa.Column("namespace_id", _ID, nullable=False),
        sa.Column("fingerprint", sa.String(128), nullable=False),
        sa.Column("sha256", _ID, nullable=False),
        sa.Column("digest", _ID, nullable=False),
        sa.Column("segment_id", _ID, nullable=False),
        sa.Column("space", sa.String(128), nullable=False),
        sa.Column("documents", sa.Integer(), nullable=False),
        sa.Column("at", _LONG, nullable=False),
        sa.Column("task_id", _ID, nullable=False),
        sa.Column("chunk_id", _ID, nullable=False),
        sa.Column("reused", _ID, nullable=True),
        sa.Column("before_sha256", _ID, nullable=True),
        sa.Column("before_digest", _ID, nullable=True),
        sa.PrimaryKeyConstraint("object_id", "collection_id", name=op.f("pk_indexed")),
    )
    op.create_index("ix_indexed_collection_id", "indexed", ["collection_id", "segment_id"])
    op.create_table(
        "items",
        sa.Column("item_id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("namespace_id", _ID, nullable=False),
        sa.Column("task_id", _ID, nullable=False),
        sa.Column("collection_id", _ID, nullable=False),
        sa.Column("object_id", _ID, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("chunk_id", _ID, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", _LONG, nullable=True),
        sa.Column("read_bytes", _LONG, nullable=True),
        sa.Column("documents", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_items")),
        sa.UniqueConstraint(
            "task_id",
            "collection_id",
            "object_id",
            name=op.f("uq_items_task_id_collection_id_object_id"),
        ),
    )
    op.create_index("ix_items_chunk_id", "items", ["chunk_id"])
    op.create_index(
        "ix_items_unplanned",
        "items",
        ["task_id", "collection_id", "item_id", "not_before"],
        sqlite_where=sa.text("chunk_id IS NULL AND state = 'pending'"),
        postgresql_where=sa.text("chunk_id IS NULL AND state = 'pending'"),
    )
    op.create_table(
        "namespaces",
        sa.Column("namespace_id", _ID, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("created_at", _LONG, nullable=False),
        sa.PrimaryKeyConstraint("namespace_id", name=op.f("pk_namespaces")),
        sa.UniqueConstraint("name", name=op.f("uq_namespaces_name")),
    )
    op.create_table(
        "objects",
        sa.Column("object_id", _ID, nullable=False),
        sa.Column("namespace_id", _ID, nullable=False),
        sa.Column("bucket_id", _ID, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("mime", sa.String(128), nullable=False),
        sa.Column("size", _LONG, nullable=False),
        sa.Column("fingerprint", sa.String(128), nullable=False),
        sa.Column("modified_at", _LONG, nullable=True),
        sa.Column("sha256", _ID, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("offered", _ID, nullable=True),
        sa.Column("removed_at", _LONG, nullable=True),
        sa.Column("created_at", _LONG, nullable=False),
        sa.PrimaryKeyConstraint("object_id", name=op.f("pk_objects")),
        sa.UniqueConstraint("bucket_id", "name", name=op.f("uq_objects_bucket_id_name")),
    )
    op.create_index("ix_objects_namespace_id_object_id", "objects", ["namespace_id", "object_id"])
    op.create_table(
        "outbox",
        sa.Column("outbox_id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("namespace_id", _ID, nullable=False),
        sa.Column("task_id", _ID, nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("created_at", _LONG, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("done_at", _LONG, nullable=True),
        sa.PrimaryKeyConstraint("outbox_id", name=op.f("pk_outbox")),
    )
    op.create_index(
        "ix_outbox_open",
        "outbox",
        ["outbox_id"],
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "progress",
        sa.Column("task_id", _ID, nullable=False),
        sa.Column("collection_id", _ID, nullable=False),
        sa.Column("namespace_id", _ID, nullable=False),
        sa.Column("total", _LONG, nullable=False),
        sa.Column("extracted", _LONG, nullable=False),
        sa.Column("indexed", _LONG, nullable=False),
        sa.Column("skipped", _LONG, nullable=False),
        sa.Column("failed", _LONG, nullable=False),
        sa.Column("canceled", _LONG, nullable=False),
        sa.Column("documents", _LONG, nullable=False),
        sa.Column("read", _LONG, nullable=False),
        sa.Column("read_bytes", _LONG, nullable=False),
        sa.Column("marks", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("task_id", "collection_id", name=op.f("pk_progress")),
    )
    op.create_table(
        "removals",
        sa.Column("task_id", _ID, nullable=False),
        sa.Column("object_id", _ID, nullable=False),
        sa.Column("namespace_id", _ID, nullable=False),
        sa.PrimaryKeyConstraint("task_id", "object_id", name=op.f("pk_removals")),
    )
    op.create_table(
        "segments",
        sa.Column("segment_id", _ID, nullable=False),
        sa.Column("namespace_id", _ID, nullable=False),
        sa.Column("task_id", _ID, nullable=False),
        sa.Column("collection_id", _ID, nullable=False),
        sa.Column("digest", _ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("documents", sa.Integer(), nullable=False),
        sa.Column("bytes", _LONG, nullable=False),
        sa.Column("created_at", _LONG, nullable=False),
        sa.PrimaryKeyConstraint("segment_id", name=op.f("pk_segments")),
    )
    op.create_index("ix_segments_collection_id", "segments", ["collection_id"])
    op.create_index("ix_segments_namespace_id_digest", "segments", ["namespace_id", "digest"])
    op.create_table(
        "task_states",
        sa.Column("task_id", _ID, nullable=False),
        sa.Column("sequence", _LONG, nullable=False),
        sa.Column("namespace_id", _ID, nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("requested", sa.String(16), nullable=True),
        sa.Column("at", _LONG, nullable=False),
        sa.PrimaryKeyConstraint("task_id", "sequence", name=op.f("pk_task_states")),
    )
    op.create_table(
        "tasks",
        sa.Column("task_id", _ID, nullable=False),
        sa.Column("namespace_id", _ID, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("requested", sa.String(16), nullable=True),
        sa.Column("bucket_id", _ID, nullable=True),
        sa.Column("bucket", _NAME, nullable=True),
        sa.Column("retry_of", _ID, nullable=True),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("idempotency_key", sa.String(128), nullable=True),
        sa.Column("listed", _LONG, nullable=False),
        sa.Column("unmatched", _LONG, nullable=False),
        sa.Column("removed", _LONG, nullable=False),
        sa.Column("listing_ended", sa.Boolean(), nullable=False),
        sa.Column("listing_cursor", _NAME, nullable=True),
        sa.Column("error_code", _ID, nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("error_hint", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("sequence", _LONG, nullable=False),
        sa.Column("created_at", _LONG, nullable=False),
        sa.Column("started_at", _LONG, nullable=True),
        sa.Column("ended_at", _LONG, nullable=True),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_tasks")),
        sa.UniqueConstraint(
            "namespace_id", "idempotency_key", name=op.f("uq_tasks_namespace_id_idempotency_key")
        ),
    )
    op.create_index("ix_tasks_namespace_id_created_at", "tasks", ["namespace_id", "created_at"])
    op.create_index("ix_tasks_namespace_id_state", "tasks", ["namespace_id", "state"])
