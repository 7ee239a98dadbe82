"""The request that starts an ingest, and the one that asks what it would do.

Both name the same source in the same way: a path here is whole and without links, an address stays
as it is. Where the service does not see the files, an ingest sends them first and then names what
was sent, while a dry run only counts them here. Where a file was left out the request says nothing
of the round of sending, so that nothing counts as missing and is removed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.client.reach import address, counted, probe
from workbench.client.session import Session
from workbench.client.source import resolve
from workbench.client.upload import Watch, upload
from workbench.domain.wire import DryRunRequest, IngestRequest, SourceOut


def ingest_request(
    session: Session,
    source: str | Path,
    bucket: str | None,
    extractors: Sequence[str] | None,
    parameters: Mapping[str, Mapping[str, Any]] | None,
    exclude: Sequence[str],
    verify: bool = False,
    retry: Mapping[str, Any] | None = None,
) -> IngestRequest:
    """What the caller asks for. Raises ``WorkbenchError`` for a path that is not there."""
    return IngestRequest(
        source=resolve(source),
        bucket=bucket,
        extractors=list(extractors) if extractors is not None else None,
        parameters={name: dict(values) for name, values in (parameters or {}).items()},
        exclude=list(exclude),
        verify=verify,
        local=session.find.local,
        retry=dict(retry) if retry else None,
    )


def sent(session: Session, request: IngestRequest, uploading: Watch) -> IngestRequest:
    """The request as it is, or that for the same files once they are uploaded. Where some were left
    out nothing is removed."""
    place = _place(session, request)
    if place is None or place.reachable:
        return request
    session.notify(f"{place.why}: its files are uploaded")
    ended, round = upload(session, place, request.exclude, request.verify, uploading)
    return request.model_copy(
        update={
            "source": address(place),
            "bucket": place.bucket,
            "round": None if ended.left_out else round,
        }
    )


def dry_run_request(session: Session, asked: IngestRequest) -> DryRunRequest:
    """The question what ``asked`` would do; with the counts of files that the service does not
    see."""
    request = DryRunRequest(**asked.model_dump())
    place = _place(session, asked)
    if place is None or place.reachable:
        return request
    types = counted(place, asked.exclude)
    return request.model_copy(update={"bucket": place.bucket, "types": types})


def _place(session: Session, request: IngestRequest) -> SourceOut | None:
    """Where the service sees the source, or would have it; None for an address."""
    if not request.source.startswith("/"):
        return None
    return probe(session, Path(request.source), request.bucket)
