"""Rounds of uploads, in the order in which the service first heard of them.

Senders name their rounds as they like and their clocks are their own, so that neither tells which
of two is the earlier: each bucket numbers its rounds from 1, whatever any clock says. What is
offered is marked with the newest round of that moment, whichever round offers it. So everything
that anybody offered since a round began is told by its mark, however many send at once.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workbench.store import tables as t


def heard(connection: Connection, namespace_id: str, bucket_id: str, round: str) -> str:
    """The round begins here unless it had begun; the mark of what is offered now."""
    columns = t.rounds.c
    rounds = sa.select(columns.number, columns.round).where(columns.bucket_id == bucket_id)
    newest = connection.execute(rounds.order_by(columns.number.desc()).limit(1)).one_or_none()
    known = connection.execute(rounds.where(columns.round == round)).one_or_none()
    if newest is not None and known is not None:
        return newest.round
    row = {
        "bucket_id": bucket_id,
        "number": newest.number + 1 if newest is not None else 1,
        "namespace_id": namespace_id,
        "round": round,
    }
    connection.execute(sa.insert(t.rounds).values(row))
    return round


def offered_since(bucket_id: str, round: str) -> sa.ColumnElement[bool]:
    """Whether an object of the bucket was offered by anybody since the round began."""
    columns = t.rounds.c
    begun = sa.select(columns.number).where(columns.bucket_id == bucket_id, columns.round == round)
    marks = sa.select(columns.round).where(
        columns.bucket_id == bucket_id, columns.number >= begun.scalar_subquery()
    )
    return sa.and_(t.objects.c.offered.is_not(None), t.objects.c.offered.in_(marks))
