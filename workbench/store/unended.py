"""Tasks of a bucket that have not ended: who may not begin, or tidy up, beside them."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.states import ENDED, TaskKind
from workbench.store import tables as t
from workbench.store.dialect import slices


def unended(namespace_id: str, *where: sa.ColumnElement[bool]) -> sa.Select[tuple[str]]:
    """Ids of the namespace's tasks that have not ended, and for which all of ``where`` holds."""
    columns = t.tasks.c
    return sa.select(columns.task_id).where(
        columns.namespace_id == namespace_id,
        columns.state.not_in([str(state) for state in ENDED]),
        *where,
    )


def works_on(connection: Connection, namespace_id: str, bucket_id: str) -> bool:
    """Whether a task of the bucket has not ended."""
    query = unended(namespace_id, t.tasks.c.bucket_id == bucket_id)
    return connection.execute(query.limit(1)).first() is not None


def refuse_beside_delete(
    connection: Connection, namespace_id: str, bucket_ids: Sequence[str]
) -> None:
    """Raises ``conflict`` while something in one of these buckets is being deleted: what a task
    writes meanwhile would stay, and belong to nothing."""
    columns = t.tasks.c
    for piece in slices(bucket_ids):
        here = (columns.bucket_id.in_(piece), columns.kind == TaskKind.DELETE)
        running = connection.execute(unended(namespace_id, *here)).scalar()
        if running:
            raise WorkbenchError(
                Code.CONFLICT, f"task {running} deletes here", f"mixpeek wait {running}, then again"
            )
