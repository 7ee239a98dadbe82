"""What extracting a chunk promises, in this process and without Ray."""

from __future__ import annotations

import hashlib
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from chunk_help import NAMESPACE, make_chunk
from toys import Toy, ToyParameters, toy_vector

from workbench.blobs.folder import FolderBlobs
from workbench.domain.ids import document_id
from workbench.domain.states import Category
from workbench.extraction import taking
from workbench.extraction.chunks import Outcome, read_outcome, segment_key
from workbench.extraction.segments import decode_segment
from workbench.extraction.taking import FileSource, batches, take
from workbench.extraction.worker import StopFlag, extract_chunk


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path / "blobs")


def run(
    blobs: FolderBlobs, chunk_id: str = "chk_1", stop: StopFlag | None = None, pause: float = 0
) -> Outcome:
    toy = Toy(ToyParameters(pause=pause))
    toy.load()
    return extract_chunk(toy, blobs, NAMESPACE, chunk_id, stop or StopFlag(), "here/1")


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_chunk_becomes_a_segment_with_vectors_ids_and_payload(blobs, tmp_path):
    make_chunk(blobs, tmp_path / "files", {"a": "alpha", "b": "beta"})
    outcome = run(blobs)
    segment = decode_segment(blobs.get(segment_key(NAMESPACE, "chk_1")))
    assert outcome.documents == len(segment) == 2
    assert list(segment.rows["text"]) == ["alpha", "beta"]
    assert segment.rows["document_id"][0] == document_id("col_1", "obj_a", sha("alpha"), "d1", 0)
    np.testing.assert_array_equal(segment.vectors["toy"][1], toy_vector("beta"))
    assert [o.sha256 for o in outcome.objects] == [sha("alpha"), sha("beta")]
    assert {row.stage for row in outcome.stages} == {"fetch", "infer", "write"}
    assert read_outcome(blobs, NAMESPACE, "chk_1") == outcome


def test_each_bad_object_fails_alone_and_says_why(blobs, tmp_path):
    files = {
        "good": "alpha",
        "refused": "fail format ends after 41 %",
        "mute": "mute",
        "shape": "bad vector",
        "last": "omega",
    }
    make_chunk(blobs, tmp_path / "files", files)
    (tmp_path / "files" / "gone").write_text("x")
    outcome = run(blobs)
    failed = {f.object_id: f for f in outcome.failures}
    assert {o.object_id for o in outcome.objects} == {"obj_good", "obj_last"}
    assert failed["obj_refused"].category is Category.FORMAT
    assert failed["obj_refused"].message == "ends after 41 %"
    assert "no answer" in failed["obj_mute"].message
    assert "shape" in failed["obj_shape"].message
    assert not outcome.left


def test_an_exception_fails_the_one_at_fault_and_not_its_neighbours(blobs, tmp_path):
    texts = ("alpha", "raise", "gamma", "greedy", "mute", "omega", "blind")
    files = dict(zip("abcdefg", texts, strict=True))
    make_chunk(blobs, tmp_path / "files", files)
    outcome = run(blobs)
    assert [o.object_id for o in outcome.objects] == ["obj_a", "obj_c", "obj_f"]
    failed = {f.object_id: f for f in outcome.failures}
    assert set(failed) == {"obj_b", "obj_d", "obj_e", "obj_g"}
    assert "the toy broke" in failed["obj_b"].message
    assert "RuntimeError" in (failed["obj_b"].traceback or "")
    assert failed["obj_d"].category is Category.LIMITS
    assert "no answer" in failed["obj_e"].message
    assert (failed["obj_g"].category, failed["obj_g"].stage) == (Category.MODEL, "load")
    assert not outcome.left
    segment = decode_segment(blobs.get(segment_key(NAMESPACE, "chk_1")))
    assert list(segment.rows["text"]) == ["alpha", "gamma", "omega"]


def test_a_stop_after_an_exception_leaves_the_rest(blobs, tmp_path):
    make_chunk(blobs, tmp_path / "files", {"a": "raise", "b": "beta", "c": "gamma", "d": "delta"})
    stop = StopFlag()

    class Stopping(Toy):
        def extract(self, sources):
            for answer in super().extract(sources):
                stop.chunk_id = "chk_1"
                yield answer

    toy = Stopping(ToyParameters())
    toy.load()
    outcome = extract_chunk(toy, blobs, NAMESPACE, "chk_1", stop, "here/1")
    assert [o.object_id for o in outcome.objects] == ["obj_b"]
    assert [f.object_id for f in outcome.failures] == ["obj_a"]
    assert outcome.left == ["obj_c", "obj_d"]


def test_a_file_that_is_gone_or_closed_is_a_failure_of_that_file(blobs, tmp_path):
    make_chunk(blobs, tmp_path / "files", {"a": "alpha", "b": "beta"})
    (tmp_path / "files" / "a").unlink()
    outcome = run(blobs)
    (failure,) = outcome.failures
    assert (failure.object_id, failure.category) == ("obj_a", Category.SOURCE)
    assert "gone" in failure.message
    assert outcome.documents == 1


def test_known_content_is_hashed_and_not_extracted_again(blobs, tmp_path):
    known = {"a": sha("alpha"), "b": sha("something else")}
    make_chunk(blobs, tmp_path / "files", {"a": "alpha", "b": "beta"}, known=known)
    outcome = run(blobs)
    assert [(o.object_id, o.unchanged) for o in outcome.objects] == [
        ("obj_a", True),
        ("obj_b", False),
    ]
    assert outcome.documents == 1


def test_a_stop_keeps_what_was_answered_and_leaves_the_rest(blobs, tmp_path):
    make_chunk(blobs, tmp_path / "files", {f"{i:02}": f"text {i}" for i in range(40)})
    stop = StopFlag()

    def later() -> None:
        time.sleep(0.15)
        stop.chunk_id = "chk_1"

    thread = threading.Thread(target=later)
    thread.start()
    outcome = run(blobs, stop=stop, pause=0.02)
    thread.join()
    assert 0 < outcome.documents < 40
    assert outcome.documents + len(outcome.left) == 40
    segment = decode_segment(blobs.get(segment_key(NAMESPACE, "chk_1")))
    assert len(segment) == outcome.documents


def test_batches_are_bounded_by_number_and_bytes(blobs, tmp_path):
    manifest = make_chunk(blobs, tmp_path / "files", {str(i): "x" * 10 for i in range(7)})
    assert [len(b) for b in batches(manifest.items, 3, 1000)] == [3, 3, 1]
    assert [len(b) for b in batches(manifest.items, 99, 25)] == [2, 2, 2, 1]
    assert [len(b) for b in batches(manifest.items, 99, 5)] == [1] * 7


def test_a_large_object_is_hashed_and_left_in_its_file(blobs, tmp_path, monkeypatch):
    monkeypatch.setattr(taking, "HELD_BYTES", 100)
    text = "long " * 100
    manifest = make_chunk(blobs, tmp_path / "files", {"a": text, "b": "beta"})
    source = take(manifest.items[0])
    assert isinstance(source, FileSource)
    assert (source.sha256, source.size) == (sha(text), 500)
    with source.open() as file:
        file.seek(495)
        assert file.read() == b"long "
    outcome = run(blobs)
    assert [(o.sha256, o.size) for o in outcome.objects] == [(sha(text), 500), (sha("beta"), 4)]


def test_a_file_that_changes_while_it_is_extracted_fails(blobs, tmp_path, monkeypatch):
    monkeypatch.setattr(taking, "HELD_BYTES", 3)
    make_chunk(blobs, tmp_path / "files", {"a": "alpha", "b": "beta"})

    class Writing(Toy):
        def extract(self, sources):
            (tmp_path / "files" / "a").write_text("something else")
            return super().extract(sources)

    toy = Writing(ToyParameters())
    toy.load()
    outcome = extract_chunk(toy, blobs, NAMESPACE, "chk_1", StopFlag(), "here/1")
    (reason,) = outcome.failures
    assert (reason.object_id, reason.category) == ("obj_a", Category.SOURCE)
    assert "changed" in reason.message
    assert [o.object_id for o in outcome.objects] == ["obj_b"]
