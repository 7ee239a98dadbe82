"""Two attempts at one chunk whose objects go one by one: Temporal took the first for lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chunk_help import NAMESPACE, make_chunk
from toys import Toy

from workbench.blobs.folder import FolderBlobs
from workbench.extraction.careful import run_chunk
from workbench.extraction.chunks import read_outcome, segment_key
from workbench.extraction.jobs import Job, Recipe, StoppedBeforeResult, WorkerDied
from workbench.extraction.segments import decode_segment
from workbench.extraction.worker import StopFlag, Summary, extract_chunk, summarize

FILES = {"a": "alpha", "b": "die", "c": "gamma", "d": "delta"}
RECIPE = Recipe("d1", "toys:Toy", {}, Toy.spec.resources)


class OtherAttempt:
    """A pool in this process. Where the object ``at`` is to be extracted, another attempt at the
    chunk comes to its end, ``before`` or after that. ``stopped``: from there on nothing more is."""

    def __init__(self, blobs: FolderBlobs, at: int, before: bool, stopped: bool) -> None:
        self.blobs = blobs
        self.at = at
        self.before = before
        self.stopped = stopped
        self.other: Summary | None = None

    async def run(self, job: Job) -> Summary:
        if job.only is None:
            raise WorkerDied("it died", 0.1)
        now = job.only[0] == self.at and self.other is None
        if now and self.before:
            await self._elsewhere()
        if self.stopped and self.other is not None:
            raise StoppedBeforeResult
        if FILES[sorted(FILES)[job.only[0]]] == "die":
            raise WorkerDied("it died", 0.1)
        toy = Toy()
        toy.load()
        outcome = extract_chunk(
            toy, self.blobs, NAMESPACE, job.chunk_id, StopFlag(), "here/1", job.only, job.part
        )
        if now and not self.before:
            await self._elsewhere()
        return summarize(outcome)

    async def _elsewhere(self) -> None:
        pool: Any = OtherAttempt(self.blobs, -1, before=False, stopped=False)
        self.other = await run_chunk(pool, self.blobs, RECIPE, NAMESPACE, "chk_1")


@pytest.mark.parametrize("stopped", [False, True])
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("at", [0, 2, 3])
async def test_who_merges_first_has_done_it_for_both(
    tmp_path: Path, at: int, before: bool, stopped: bool
) -> None:
    blobs = FolderBlobs(tmp_path / "blobs")
    make_chunk(blobs, tmp_path / "files", FILES)
    pool: Any = OtherAttempt(blobs, at, before, stopped)
    mine = await run_chunk(pool, blobs, RECIPE, NAMESPACE, "chk_1")
    assert mine == pool.other
    assert (mine.documents, mine.failed, mine.left) == (3, 1, 0)
    outcome = read_outcome(blobs, NAMESPACE, "chk_1")
    assert outcome is not None
    assert {o.object_id for o in outcome.objects} == {"obj_a", "obj_c", "obj_d"}
    segment = decode_segment(blobs.get(segment_key(NAMESPACE, "chk_1")))
    assert sorted(segment.rows["text"]) == ["alpha", "delta", "gamma"]
    assert sorted(blobs.keys(f"{NAMESPACE}/chunks/chk_1")) == [
        f"{NAMESPACE}/chunks/chk_1/manifest.json",
        f"{NAMESPACE}/chunks/chk_1/outcome.json",
    ]
