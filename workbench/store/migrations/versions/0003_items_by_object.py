"""The last tasks of an object are found without reading all items."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_index("ix_items_object_id", "items", ["object_id", "collection_id", "item_id"])
