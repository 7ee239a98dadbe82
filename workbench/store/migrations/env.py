"""What Alembic runs: the revisions, on the connection and in the transaction of ``migrate``."""

from __future__ import annotations

from alembic import context

from workbench.store.migrations import VERSION_TABLE
from workbench.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
context.run_migrations()
