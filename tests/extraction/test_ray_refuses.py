"""Where Ray does not start, objects wait for another try, and then fail for want of a resource."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from chunk_help import NAMESPACE, make_chunk
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from workbench.blobs.folder import FolderBlobs
from workbench.extraction import ray_processes
from workbench.extraction.pool import ActorPool
from workbench.extraction.ray_actors import RayOptions
from workbench.extraction.registry import Candidate, Registry
from workbench.tasks.activities.extract import ExtractActivities
from workbench.tasks.messages import ExtractRequest, TaskRef


async def test_a_ray_that_does_not_start_is_a_resource_that_may_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []

    def refused(**_: Any) -> None:
        raise ConnectionError("could not find a port")

    # The real one reads its settings when it is imported, and other tests give it theirs.
    broken = SimpleNamespace(init=refused, shutdown=lambda: ended.append("ray"))
    monkeypatch.setitem(sys.modules, "ray", broken)
    monkeypatch.setattr(ray_processes, "end_all", lambda: ended.append("processes"))
    blobs = FolderBlobs(tmp_path / "blobs")
    make_chunk(blobs, tmp_path / "files", {"a": "text"})
    pool = ActorPool(RayOptions(None, 1, str(tmp_path / "ray")), str(tmp_path / "blobs"))
    activities = ExtractActivities(pool, blobs, Registry([Candidate("toy", "toys:Toy", "tests")]))
    request = ExtractRequest(TaskRef("tsk_1", NAMESPACE), "chk_1")
    with pytest.raises(ApplicationError) as caught:
        await ActivityEnvironment().run(activities.extract, request)
    assert (caught.value.type, caught.value.non_retryable) == ("resource", False)
    assert "could not find a port" in caught.value.message
    assert ended == ["ray", "processes"], "nothing of a half-started one is left"
