"""Rounds of uploads have an order in their bucket.

Of earlier ones only their marks on objects are left. They get numbers too, in no order that means
anything, for a run may be under way: an ingest of it then removes less than it could, never more.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_ID = sa.String(64)


def upgrade() -> None:
    rounds = op.create_table(
        "rounds",
        sa.Column("bucket_id", _ID, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("namespace_id", _ID, nullable=False),
        sa.Column("round", _ID, nullable=False),
        sa.PrimaryKeyConstraint("bucket_id", "number", name=op.f("pk_rounds")),
        sa.UniqueConstraint("bucket_id", "round", name=op.f("uq_rounds_bucket_id_round")),
        sa.ForeignKeyConstraint(["bucket_id"], ["buckets.bucket_id"], ondelete="CASCADE"),
    )
    objects = sa.table(
        "objects", *(sa.column(name) for name in ("bucket_id", "namespace_id", "offered"))
    )
    buckets = sa.table("buckets", sa.column("bucket_id"))
    marks = (
        sa.select(objects.c.bucket_id, objects.c.namespace_id, objects.c.offered)
        .distinct()
        .where(
            objects.c.offered.is_not(None),
            objects.c.bucket_id.in_(sa.select(buckets.c.bucket_id)),
        )
        .subquery()
    )
    number = sa.func.row_number().over(partition_by=marks.c.bucket_id, order_by=marks.c.offered)
    op.execute(
        sa.insert(rounds).from_select(
            ["bucket_id", "number", "namespace_id", "round"],
            sa.select(marks.c.bucket_id, number, marks.c.namespace_id, marks.c.offered),
        )
    )
