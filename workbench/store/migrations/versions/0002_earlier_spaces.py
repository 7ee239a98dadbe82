"""Collections remember the spaces in which documents of earlier revisions still lie."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table("collections") as table:
        table.add_column(sa.Column("earlier", sa.JSON(), nullable=False, server_default="[]"))
