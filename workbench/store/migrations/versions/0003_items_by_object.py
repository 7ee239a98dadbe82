"""The last tasks of an object are found without reading all items, and those of a namespace that
ended last without reading all tasks."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_index("ix_items_object_id", "items", ["object_id", "collection_id", "item_id"])
    op.create_index("ix_tasks_namespace_id_ended_at", "tasks", ["namespace_id", "ended_at"])
