"""An extractor that asks to run apart never runs beside the others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from chunk_help import NAMESPACE, make_chunk
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from toys import Toy

from workbench.blobs.folder import FolderBlobs
from workbench.extraction.registry import Candidate, Registry
from workbench.tasks.activities.extract import ExtractActivities
from workbench.tasks.messages import ExtractRequest, TaskRef


class Apart(Toy):
    spec = replace(Toy.spec, name="apart", isolated=True)


async def test_its_objects_fail_and_nothing_is_run(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path / "blobs")
    make_chunk(blobs, tmp_path / "files", {"a": "text"}, "chk_1", extractor="apart@1")
    registry = Registry([Candidate("apart", f"{__name__}:Apart", "here")])
    activities = ExtractActivities(cast(Any, None), blobs, registry)
    request = ExtractRequest(TaskRef("tsk_1", NAMESPACE), "chk_1")
    with pytest.raises(ApplicationError, match="asks to run isolated") as raised:
        await ActivityEnvironment().run(activities.extract, request)
    assert raised.value.non_retryable
